"""Turns the results of compare.py into medians and prints them as tables."""

import statistics

from proxies import DIRECT, REFERENCE


def median(values):
    values = list(values)
    return statistics.median(values) if values else None


def beside(results, others):
    """The pairs of results that were measured right beside each other."""
    theirs = {(each["turn"], each["slice"]): each for each in others}
    return [(each, theirs[each["turn"], each["slice"]]) for each in results if (each["turn"], each["slice"]) in theirs]


def doubt(values):
    """The standard error of the median, from the quartiles, since a few values may be far out."""
    if len(values) < 2:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return 0.93 * (high - low) / len(values) ** 0.5


def summary(results, rows, peers):
    """{row: {peer: {figure: median}}}; a figure is left out where nothing was measured."""
    return {row.name: {peer.name: _figures(results[row.name], row, peer.name) for peer in (*peers, DIRECT)}
            for row in rows}


def _figures(of_row, row, peer):
    mine = of_row[peer]
    if row.kind == "memory":
        figures = {key: median(each[key] for each in mine) for key in ("base_bytes", "idle_bytes", "after_bytes")}
        return {key: value for key, value in figures.items() if value is not None}
    if row.kind == "calls":
        return {"calls": mine[0]["calls"]} if mine else {}
    figures = {}
    shares = [theirs["cpu_us"] / own["cpu_us"] for own, theirs in beside(mine, of_row[REFERENCE]) if "cpu_us" in own]
    if shares:
        figures |= {"share": median(shares), "share_doubt": doubt(shares),
                    "cpu_us": median(each["cpu_us"] for each in mine), "busy": median(each["busy"] for each in mine)}
    timed = [each for each in mine if "latency_us" in each]
    for key in timed[0]["latency_us"] if timed else ():
        figures[key + "_us"] = median(each["latency_us"][key] for each in timed)
        if row.added_latency:
            added = [own["latency_us"][key] - direct["latency_us"][key]
                     for own, direct in beside(timed, of_row[DIRECT.name])]
            figures["added_" + key + "_us"] = median(added)
    return figures


def _table(title, peers, columns):
    """`columns` are pairs of a heading and a function from a peer's name to its cell."""
    names = [peer.name for peer in peers]
    cells = [["", *names], *([heading, *map(cell, names)] for heading, cell in columns)]
    widths = [max(map(len, column)) for column in cells]
    print(f"\n{title}")
    for first, *others in zip(*cells):
        print(f"{first:<{widths[0]}}" + "".join(f"  {text:>{width}}" for text, width in zip(others, widths[1:])))


def show(results, rows, peers, machine, versions):
    medians = summary(results, rows, peers)
    print(f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, build type {machine['build']}; " +
          "; ".join(filter(None, versions.values())))
    if machine["cores"] == 1:
        print("There is only one core: load, backend and proxy share it, so latencies say little.")

    def column(row, form, heading=None):
        def cell(peer):
            figures = medians[row.name][peer]
            try:
                return form(figures)
            except (KeyError, TypeError):  # nothing measured; why not is among the faults
                return "-"
        return heading or row.name, cell

    def share(figures):
        off = figures["share_doubt"]
        return f"{figures['share']:.2f}" + (f" ±{off:.2f}" if off is not None else "")

    costs = [row for row in rows if row.kind in ("echo", "upgrade")]
    if costs:
        _table(f"Share of the CPU efficiency of {REFERENCE}, ± the standard error (higher is better)",
               peers, [column(row, share) for row in costs])
        _table("CPU per round trip or session, us", peers,
               [column(row, lambda figures: f"{figures['cpu_us']:.2f}") for row in costs])
    for row in rows:
        if row.added_latency:
            keys = ("p50", "p90", "p99", "p99.9", "max")
            _table(f"Latency of {row.name}, us, and what was added to that without a proxy (medians of the turns)",
                   (*peers, DIRECT),
                   [column(row, lambda figures, key=key: f"{figures[key + '_us']:.1f}", key) for key in keys] +
                   [column(row, lambda figures, key=key: f"{figures['added_' + key + '_us']:+.1f}", "added " + key)
                    for key in keys[:3]])
        if row.kind == "memory":
            def kib(figure):
                return lambda figures: f"{figures[figure] / 1024:.2f}"

            _table(f"User-space memory per idle session, KiB: fresh, and after {row.size >> 20} MiB has passed on each; "
                   "of the process before", peers,
                   [column(row, kib("idle_bytes"), "fresh"), column(row, kib("after_bytes"), "after"),
                    column(row, kib("base_bytes"), "before, in all")])
    calls = [row for row in rows if row.kind == "calls"]
    if calls:
        _table("System calls per round trip, the timers' included", peers,
               [column(row, lambda figures: f"{figures['calls']:.2f}") for row in calls])
