#!/usr/bin/python3
"""What wskeep does with many sessions: are its pings punctual, what do they cost, and what grows with the number.

    tests/bench/scale.py [--build build/release] [--parts PART,...] [--sessions 9000] [--seconds 20] [--json FILE]

    lateness   pings once a second beside echo load, and with a worker that never rests
    keepalive  CPU of a beat: kernel and all from real sessions, user space from a million simulated ones (crowd.cc)
    growth     CPU of a message and of a beat with all the sessions, against a ninth of them
    metrics    what a scrape costs, and how long it holds a worker
    memory     what stays after 90 % of the sessions, chosen at random, have closed

Each part starts its own wskeep with one worker between echo_backend and the clients of load/, and prints its figures
beside their goals; exit code 1 when something failed, but not for a goal that is missed. CPU time is the kernel's count
for wskeep; where it is divided by something, everything runs on one core, as in compare.py. A session takes two
descriptors in wskeep. What else the machine does makes pings late: its load average is printed.
"""

import argparse
import contextlib
import dataclasses
import functools
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
import kernel  # noqa: E402
import prometheus  # noqa: E402
import proxies  # noqa: E402
from compare import Load, build_type  # noqa: E402

ECHOING = 64
# Of an interval. It is shortened by 2 % to 20 %, evenly, unless configured otherwise.
MEAN_GAP, GAP_DEVIATION = 0.89, 0.18 / 12 ** 0.5
SILENT = {"keepalive.client.ping_interval": "24h", "keepalive.backend.ping_interval": "24h"}
BEATS_A_SECOND = 100_000 / (30 * 0.89)  # of 100,000 sessions at 30 s


@dataclasses.dataclass(frozen=True)
class Figure:
    what: str
    value: float
    unit: str
    most: float | None = None  # the goal

    def __str__(self):
        goal = "" if self.most is None else f"  <= {self.most:g}" + ("" if self.value <= self.most else "  MISSED")
        return f"  {self.what:<68}{self.value:>10.4g} {self.unit:<8}{goal}"


class Stage:
    """A peer with its backend and its clients; ends with the `with` that it stands in."""

    def __init__(self, bench, peer="wskeep", settings=None, cores=None):
        self._bench, self._stack = bench, contextlib.ExitStack()
        self.load_cores, backend_cores, proxy_cores = cores or [kernel.cores(apart=False)[0]] * 3
        self.admin_port = proxies.free_port()
        settings = {"admin.address": f"127.0.0.1:{self.admin_port}", **(settings or {})}
        with contextlib.ExitStack() as opening:
            directory = opening.enter_context(tempfile.TemporaryDirectory(dir=bench.directory))
            backend = opening.enter_context(proxies.start_backend(bench.build, backend_cores, directory))
            peer = next(each for each in proxies.PEERS if each.name == peer)
            if peer.name == "wskeep":
                sets = (f"--set={key}={value}" for key, value in settings.items())
                peer = dataclasses.replace(peer, command=(*peer.command, *sets))
            self.proxy = opening.enter_context(
                proxies.start(peer, bench.build, backend.port, proxy_cores, directory))
            self._stack = opening.pop_all()

    def load(self, connections, *arguments):
        """Clients, connected and waiting."""
        arguments = ("--connections", connections, *arguments)
        try:
            return self._stack.enter_context(Load(self._bench.build, self.proxy.port, self.load_cores, arguments))
        except proxies.Fault as fault:
            raise proxies.Fault(f"{fault}; {self.proxy.name} said: {self.proxy.last_words()}") from None

    def idle(self, connections):
        return self.load(connections, "--warm-up", 0)

    def scrape(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=10) as answer:
            return answer.read()

    def metrics(self):
        return prometheus.Metrics(self.scrape())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()


class Bench:
    def __init__(self, options, directory):
        self.build, self.sessions = options.build, options.sessions
        self.seconds, self.interval = options.seconds, options.interval
        self.calm = min(2, self.seconds)  # after which nothing is left to do for sessions that have opened
        self.pings = {"keepalive.client.ping_interval": f"{self.interval * 1000:g}ms", "metrics.max_connections": 0}
        self.simulated, self.directory = options.simulated, directory
        self.few = max(1, self.sessions // 9)

    def pinged(self, stage, sessions):
        """Clients that look when their pings come."""
        beats = max(1, int(0.6 * self.seconds / self.interval))
        return stage.load(sessions, "--mode", "pings", "--seconds", self.seconds, "--beats", beats)

    @functools.cache
    def crowd(self, sessions):
        done = subprocess.run([f"{self.build}/tests/bench/crowd", str(sessions)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise proxies.Fault(f"crowd {sessions}: {done.stderr.strip()}")
        return json.loads(done.stdout)


def buckets(metrics, name, **labels):
    return {float(found["le"]): count for found, count in metrics.series(name + "_bucket", **labels)}


def difference(after, before):
    return {bound: after[bound] - before[bound] for bound in sorted(after)}


def quantile(share, counts):
    """As histogram_quantile does: evenly spread within a bucket."""
    wanted, below, lower = share * counts[float("inf")], 0, 0
    for bound, count in counts.items():
        if count >= wanted:
            return below + (bound - below) * (wanted - lower) / (count - lower)
        below, lower = bound, count
    raise AssertionError("an empty histogram")


def lateness(bench):
    """Paced, the proxy has a core of its own; never at rest, its backend is on it too, so that echoes always wait."""
    load_core, proxy_core = kernel.cores(apart=True)
    for words, rate in (("beside echoes", 10_000), ("saturated", 0)):
        backend_core = load_core if rate else proxy_core
        with Stage(bench, settings=bench.pings, cores=(load_core, backend_core, proxy_core)) as stage:
            pinged = bench.pinged(stage, bench.sessions)
            echoing = stage.load(ECHOING, "--rate", rate, "--seconds", bench.seconds)
            before, scheduled = stage.metrics(), kernel.scheduled_ns(stage.proxy.child.pid)
            pinged.begin()
            echoing.begin()
            seen, echoed = pinged.result(), echoing.result()
            scheduled = [after - then for after, then in
                         zip(kernel.scheduled_ns(stage.proxy.child.pid), scheduled)]
            after = stage.metrics()
        yield from _lateness_figures(bench, words, before, after, seen, saturated=rate == 0)
        yield Figure(f"{words}: echoes a second", echoed["round_trips"] / echoed["seconds"], "")
        yield Figure(f"{words}: wskeep on its core", 100 * scheduled[0] / bench.seconds / 1e9, "%")
        yield Figure(f"{words}: wskeep ready, but waiting for its core", 100 * scheduled[1] / bench.seconds / 1e9, "%")


def _lateness_figures(bench, words, before, after, seen, saturated):
    name = "wskeep_ping_lateness_seconds"
    late = difference(*(buckets(metrics, name, leg="client") for metrics in (after, before)))
    total = late[float("inf")]
    bound = min(bound for bound, count in late.items() if count == total)
    mean = difference(*({"sum": m.value(name + "_sum", leg="client")} for m in (after, before)))["sum"] / total
    yield Figure(f"{words}: pings that left within 10 ms of their time", 100 * late[0.01] / total, "%")
    yield Figure(f"{words}: lateness p99", 1000 * quantile(0.99, late), "ms", None if saturated else 10)
    yield Figure(f"{words}: latest ping, less than", 1000 * bound, "ms", 250 if saturated else None)
    yield Figure(f"{words}: longest gap, by the clients' kernel", seen["longest_gap_ms"], "ms", 1000 * bench.interval)
    # Lateness that added up would lengthen each gap by its mean. What chance does to so many gaps is no drift.
    chance = 3 * 1000 * bench.interval * GAP_DEVIATION / seen["gaps"] ** 0.5
    drift = seen["mean_gap_ms"] - 1000 * bench.interval * MEAN_GAP
    yield Figure(f"{words}: mean lateness", 1000 * mean, "ms")
    yield Figure(f"{words}: mean gap, beyond that of the jitter (goal: chance)", drift, "ms", chance)
    yield Figure(f"{words}: pings of the fullest 10 ms, to the mean of {seen['mean_tick']:.1f}",
                 seen["largest_tick"] / seen["mean_tick"], "x", 3)


def beat_us(bench, sessions):
    """CPU of a beat, user and system together, and the share of user; nothing but pings passes."""
    with Stage(bench, settings=bench.pings) as stage:
        pinged = bench.pinged(stage, sessions)
        pid = stage.proxy.child.pid
        before, cpu, split = stage.metrics(), kernel.cpu_ns(pid), kernel.user_and_system(pid)
        pinged.begin()
        pinged.result()
        cpu = kernel.cpu_ns(pid) - cpu
        user, system = (after - then for after, then in zip(kernel.user_and_system(pid), split))
        sent = stage.metrics().value("wskeep_pings_sent_total") - before.value("wskeep_pings_sent_total")
    return cpu / sent / 1000, user / max(1, user + system)


def keepalive(bench):
    cost, user = beat_us(bench, bench.sessions)
    share = 100 * BEATS_A_SECOND / 1e6
    yield Figure(f"{bench.sessions} real sessions: CPU of a beat", cost, "us")
    yield Figure(f"{bench.sessions} real sessions: of that in user space", cost * user, "us")
    yield Figure("that is, for 100,000 sessions at 30 s", cost * share, "% core", 1)
    seen = bench.crowd(bench.simulated)
    cost = seen["ns_per_beat"] / 1000
    yield Figure(f"{bench.simulated} simulated sessions: user space of a beat", cost, "us")
    yield Figure("that is, for 100,000 sessions at 30 s", cost * share, "% core", 1)


def growth(bench):
    """All the sessions against a ninth of them; beside each what the same does to a pipe that looks at nothing."""
    turns = [[beat_us(bench, count)[0] for count in (bench.few, bench.sessions)] for _ in range(3)]
    few, many = (statistics.median(column) for column in zip(*turns))
    yield Figure(f"a beat: {bench.few} sessions", few, "us")
    yield Figure(f"a beat: {bench.sessions} sessions", many, "us")
    yield Figure("a beat: growth", statistics.median(b / a for a, b in turns), "x", 1.1)
    for peer in ("wskeep", "pipe"):
        for words, active in ((f"{ECHOING} of them echoing", ECHOING), ("all echoing", None)):
            few, many, ratio = _message_us(bench, peer, active)
            yield Figure(f"{peer}, a message, {words}: {bench.few} sessions", few, "us")
            yield Figure(f"{peer}, a message, {words}: {bench.sessions} sessions", many, "us")
            yield Figure(f"{peer}, a message, {words}: growth", ratio, "x", 1.1 if peer == "wskeep" else None)


def _message_us(bench, peer, active):
    """CPU of a round trip with few and with many sessions, slice by slice in turns, and the median of the ratios."""
    slices, seconds = max(3, int(bench.seconds)), min(0.25, bench.seconds / 20)
    with contextlib.ExitStack() as stack:
        running = []
        for count in (bench.few, bench.sessions):
            stage = stack.enter_context(Stage(bench, peer))
            echoing = min(active or count, count)
            running.append((stage.proxy, stage.load(echoing, "--seconds", seconds, "--warm-up", seconds)))
            if count > echoing:
                stage.idle(count - echoing)
        turns = []
        for _ in range(slices):
            costs = []
            for proxy, load in running:
                before = proxy.cpu_us()
                trips = load.run()["round_trips"]
                costs.append((proxy.cpu_us() - before) / trips)
            turns.append(costs)
    few, many = (statistics.median(column) for column in zip(*turns))
    return few, many, statistics.median(b / a for a, b in turns)


def metrics(bench):
    for sessions in (bench.few, bench.sessions):
        counts_only = None
        for most in (0, 1000):
            with Stage(bench, settings={**SILENT, "metrics.max_connections": most}) as stage:
                stage.idle(sessions)
                time.sleep(bench.calm)
                words = f"{sessions} sessions, {min(most, sessions)} shown"
                lines, cpu, lag = _scrape(stage, max(3, int(1.5 * bench.seconds)))
            if counts_only is None:
                counts_only = cpu
                yield Figure(f"{words}: bytes of a scrape", sum(map(len, lines)) / 1024, "KiB", 64)
                yield Figure(f"{words}: CPU of a scrape", cpu, "ms", 2)
            else:
                series = sum(line.startswith(b"wskeep_connection_") for line in lines)
                yield Figure(f"{words}: CPU of a scrape", cpu, "ms")
                yield Figure(f"{words}: CPU of each of its {series} series", 1000 * (cpu - counts_only) / series, "us",
                             0.15)
            if lag[float("inf")]:
                yield Figure(f"{words}: a loop's lag beside scrapes, p90", 1000 * quantile(0.9, lag), "ms")
    for sessions in (bench.few, bench.sessions, bench.simulated):
        seen = bench.crowd(sessions)
        yield Figure(f"{sessions} simulated: longest turn of a loop, 1000 shown", seen["slice_us"] / 1000, "ms", 1)
        yield Figure(f"{sessions} simulated: longest turn of a loop, counts only",
                     seen["slice_of_counts_us"] / 1000, "ms", 1)


def _scrape(stage, times):
    """The lines of a scrape, milliseconds of CPU for one, and how late a loop's ticks were beside some."""
    lines = stage.scrape().splitlines(keepends=True)
    before = buckets(stage.metrics(), "wskeep_event_loop_lag_seconds")
    cpu = stage.proxy.cpu_us()
    for _ in range(times):
        stage.scrape()
        time.sleep(0.05)  # so that it takes some ticks of the loop, of which there is one a second
    cpu = (stage.proxy.cpu_us() - cpu) / times / 1000
    return lines, cpu, difference(buckets(stage.metrics(), "wskeep_event_loop_lag_seconds"), before)


def memory(bench):
    with Stage(bench) as stage:
        pid, base, base_kernel = stage.proxy.child.pid, stage.proxy.memory(), kernel.socket_memory()
        clients = stage.load(bench.sessions, "--mode", "close", "--share", 0.9)
        peak, peak_kernel = stage.proxy.memory(), kernel.socket_memory()
        clients.run()
        patience = min(10, bench.seconds)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and stage.proxy.memory() - base > 0.1 * (peak - base):
            time.sleep(0.1)
        waited = patience - max(0, deadline - time.monotonic())
        left, left_kernel = stage.proxy.memory(), kernel.socket_memory()
        resident = kernel.resident(pid)
    mib = 1 << 20
    yield Figure(f"before any of {bench.sessions} sessions", base / mib, "MiB")
    yield Figure("user space at the peak", peak / mib, "MiB")
    yield Figure(f"user space, {waited:.1f} s after 90 % have closed", left / mib, "MiB")
    yield Figure("left of what the sessions took", 100 * (left - base) / max(1, peak - base), "%", 25)
    yield Figure("left of all", 100 * left / peak, "%", 25)
    yield Figure("resident, with the program's own pages", resident / mib, "MiB")
    if base_kernel is not None:
        taken, kept = peak - base + peak_kernel - base_kernel, left - base + left_kernel - base_kernel
        yield Figure("with the kernel's memory for all sockets of the machine, at the peak", taken / mib, "MiB")
        yield Figure("left of that", 100 * kept / taken, "%", 25)


PARTS = {part.__name__: part for part in (lateness, keepalive, growth, metrics, memory)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build" / "release")
    parser.add_argument("--parts", default=",".join(PARTS), help="of " + ",".join(PARTS))
    parser.add_argument("--sessions", type=int, default=9000)
    parser.add_argument("--simulated", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=20, help="that a measurement of pings takes")
    parser.add_argument("--interval", type=float, default=1, help="seconds between two pings, where they are the load")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    options.build = options.build.resolve()
    unknown = set(options.parts.split(",")) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    most = kernel.raise_descriptor_limit() // 2 - 100
    if options.sessions + ECHOING > most:
        parser.error(f"no more than {most - ECHOING} sessions within the limit of descriptors")

    machine = {**kernel.describe(), "build": build_type(options.build)}
    print(f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, build type {machine['build']}, "
          f"load average {machine['load_average']:.1f}")
    figures = {}
    try:
        with tempfile.TemporaryDirectory(prefix="wskeep-scale-") as directory:
            bench = Bench(options, directory)
            for name in options.parts.split(","):
                print(f"\n{name}", flush=True)
                figures[name] = []
                for figure in PARTS[name](bench):
                    print(figure, flush=True)
                    figures[name].append(dataclasses.asdict(figure))
    except (proxies.Fault, OSError, subprocess.TimeoutExpired) as fault:
        raise SystemExit(f"scale.py: {fault}") from None
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "figures": figures}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
