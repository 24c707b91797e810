"""Turns the results of compare.py into medians and prints them as tables."""

import statistics

from proxies import DIRECT, REFERENCE


def median(values):
    values = list(values)
    return statistics.median(values) if values else None


def in_turns(results, key, other):
    """Pairs of a figure and another peer's, of the same turns."""
    theirs = {result["turn"]: result for result in other}
    return [(key(result), key(theirs[result["turn"]])) for result in results if result["turn"] in theirs]


def spread(values):
    """Half of the distance between the quartiles: what a median may well be off by."""
    if len(values) < 2:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2


def summary(results, rows, peers):
    """{row: {peer: {figure: median}}}; a figure is left out where nothing was measured."""
    return {row.name: {peer.name: _figures(results[row.name], row, peer.name) for peer in (*peers, DIRECT)}
            for row in rows}


def _figures(of_row, row, peer):
    mine = of_row[peer]
    if row.kind == "memory":
        figures = {key: median(each[key] for each in mine) for key in ("base_bytes", "idle_bytes", "after_bytes")}
        return {key: value for key, value in figures.items() if value is not None}
    figures = {}
    shares = [theirs / own for own, theirs in in_turns([each for each in mine if "cpu_us" in each],
                                                       lambda each: each["cpu_us"], of_row[REFERENCE])]
    if shares:
        figures |= {"share": median(shares), "share_spread": spread(shares),
                    "cpu_us": median(each["cpu_us"] for each in mine), "busy": median(each["busy"] for each in mine)}
    for share in mine[0]["latency_us"] if mine else ():
        figures[share + "_us"] = median(each["latency_us"][share] for each in mine)
        if row.added_latency:
            added = in_turns(mine, lambda each, share=share: each["latency_us"][share], of_row[DIRECT.name])
            figures["added_" + share + "_us"] = median(own - direct for own, direct in added)
    return figures


def _table(title, peers, columns):
    """`columns` are pairs of a heading and a function from a peer's name to its cell."""
    names = [peer.name for peer in peers]
    width = max(map(len, names))
    print(f"\n{title}")
    print(" " * width + "".join(f"  {heading:>13}" for heading, _ in columns))
    for name in names:
        print(f"{name:<{width}}" + "".join(f"  {cell(name):>13}" for _, cell in columns))


def show(results, rows, peers, machine, versions):
    medians = summary(results, rows, peers)
    print(f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; " +
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
        off = figures["share_spread"]
        return f"{figures['share']:.2f}" + (f" ±{off:.2f}" if off is not None else "")

    costs = [row for row in rows if row.kind != "memory"]
    if costs:
        _table(f"Share of the CPU efficiency of {REFERENCE}, ± half the distance of the quartiles (higher is better)",
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
