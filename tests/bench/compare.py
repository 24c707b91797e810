#!/usr/bin/python3
"""Compares wskeep with a dumb pipe and with other proxies, side by side on this machine.

    tests/bench/compare.py [--build build/release] [--quick] [--turns 7] [--rows ROW,...] [--peers PEER,...] [--json FILE]

All peers take turns, row by row, each with fresh processes in every turn. Within a row their sessions are all open
and one after the other is measured for some hundredths of a second, over and over in a changing order, so that what
else the machine does hits all alike. Everything runs on one core, so that no figure hangs on how fast one core wakes
another (in virtual machines that costs many times what a proxy does); --apart gives the proxies a core of their own.
What a proxy costs is the CPU time that the kernel has counted for it, over the round trips of the load. A share is
the pipe's cost over the peer's, each measured right beside the other, so higher is better and 1.00 is as good as the
pipe; shown is the median of all. A peer that doesn't start or loses a session is a fault: it is printed, and the exit
code is 1.

rows.py and proxies.py say what is measured and who; deploy/install-packages.sh bench installs the others.
"""

import argparse
import contextlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import kernel
import proxies
import report
from proxies import DIRECT, PEERS, REFERENCE, Fault
from rows import ROWS

HERE = pathlib.Path(__file__).resolve().parent
WARM_SESSIONS = 64  # before memory is taken: what a proxy allocates once isn't a session's


class Load:
    """The load generator at work on a port. Ends with the `with` that it stands in."""

    def __init__(self, build, port, cores, arguments):
        argv = [f"{build}/tests/bench/load", "--port", port, "--controlled", *arguments]
        self._child = subprocess.Popen([proxies.find(argv[0]), *map(str, argv[1:])], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                       preexec_fn=proxies.on_cores(cores))
        self._line()  # ready

    def _line(self):
        # It gives up by itself when nothing happens for ten seconds.
        line = self._child.stdout.readline()
        if not line:
            self._child.wait()
            raise Fault(self._child.stderr.read().strip() or f"the load ended with {self._child.returncode}")
        return line

    def run(self):
        """Measures, and returns what it says; its sessions stay."""
        self.begin()
        return self.result()

    def begin(self):
        with contextlib.suppress(BrokenPipeError):  # it has ended, and says why
            self._child.stdin.write("\n")
            self._child.stdin.flush()

    def result(self):
        return json.loads(self._line())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.communicate()  # its input ends, and so does it


class Comparison:
    def __init__(self, options, peers, rows, descriptors):
        self.options, self.peers, self.rows = options, peers, rows
        self.results = {row.name: {peer.name: [] for peer in (*peers, DIRECT)} for row in rows}
        self.faults = []
        self._load_cores, self._proxy_cores = kernel.cores(options.apart)
        self._slices, self._slice_seconds = (3, 0.03) if options.quick else (8, 0.06)
        self._most_sessions = descriptors // 2 - 200  # a proxy has two descriptors for each
        self._directory = None

    def run(self):
        with tempfile.TemporaryDirectory(prefix="wskeep-compare-") as self._directory:
            for turn in range(self.options.turns):
                begun = time.monotonic()
                self._turn(turn)
                print(f"turn {turn + 1} of {self.options.turns}: {time.monotonic() - begun:.0f} s", file=sys.stderr)

    def _turn(self, turn):
        with contextlib.ExitStack() as stack:
            backend = stack.enter_context(proxies.start_backend(self.options.build, self._load_cores, self._directory))
            running = {}
            for peer in self.peers:
                with self._faults_of(peer):
                    running[peer] = stack.enter_context(self._start(peer, backend))
            for row in self.rows:
                once = {"memory": self._memory, "calls": self._calls}.get(row.kind)
                if once is None:
                    self._costs(row, turn, running, backend)
                elif turn == 0:  # it doesn't vary, and takes long
                    for peer in running:
                        with self._faults_of(peer, row):
                            self.results[row.name][peer.name].append(once(row, peer, backend))
            for peer, server in running.items():
                with self._faults_of(peer):
                    server.cpu_us()  # it must still be there

    def _start(self, peer, backend):
        return proxies.start(peer, self.options.build, backend.port, self._proxy_cores, self._directory)

    @contextlib.contextmanager
    def _faults_of(self, peer, row=None):
        try:
            yield
        except Fault as fault:
            text = f"{peer.name}{', ' + row.name if row else ''}: {fault}"
            print(f"fault: {text}", file=sys.stderr)
            if text not in self.faults:
                self.faults.append(text)

    def _load(self, row, server, connections=None):
        return Load(self.options.build, server.port, self._load_cores, row.load(self._slice_seconds, connections))

    def _costs(self, row, turn, running, backend):
        """All peers of the row, slice by slice. One with a fault is out of the row for this turn."""
        servers = {**running, **({DIRECT: backend} if row.added_latency else {})}
        with contextlib.ExitStack() as stack:
            loads = {}
            for peer, server in servers.items():
                with self._faults_of(peer, row):
                    loads[peer] = stack.enter_context(self._load(row, server))
            for part in range(self._slices):
                first = (turn * self._slices + part) % max(1, len(loads))
                order = list(loads)
                for peer in order[first:] + order[:first]:
                    with self._faults_of(peer, row):
                        load = loads.pop(peer)
                        measured = self._slice(load, None if peer is DIRECT else servers[peer])
                        loads[peer] = load
                        if part + 1 < self._slices:
                            del measured["latency_us"]  # the last one's are those of all slices
                        self.results[row.name][peer.name].append({"turn": turn, "slice": part, **measured})

    @staticmethod
    def _slice(load, server):
        """One run of the load: what it says, and the CPU time that the server took for it."""
        before = server.cpu_us() if server else 0
        measured = load.run()
        if server:
            cpu_us = server.cpu_us() - before
            measured |= {"cpu_us": cpu_us / measured["round_trips"], "busy": cpu_us / measured["seconds"] / 1e6}
        return measured

    def _memory(self, row, peer, backend):
        """In a fresh process, so that no other row has left its memory behind."""
        count = min(row.connections // (8 if self.options.quick else 1), self._most_sessions)
        with self._start(peer, backend) as server, self._load(row, server, WARM_SESSIONS) as warm:
            warm.run()
            base = server.memory()
            with self._load(row, server, count) as many:
                idle = server.memory() - base
                many.run()
                after = server.memory() - base
        return {"sessions": count, "base_bytes": base, "idle_bytes": idle / count, "after_bytes": after / count}


    def _calls(self, row, peer, backend):
        with self._start(peer, backend) as server, self._load(row, server) as load:
            with server.counting_calls() as calls:
                measured = load.run()
        return {"round_trips": measured["round_trips"], "calls": calls[0] / measured["round_trips"]}


def chosen(names, all_of, what):
    """Those whose names are in the comma-separated list, all without one."""
    if names is None:
        return all_of
    known = {each.name: each for each in all_of}
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        raise SystemExit(f"compare.py: no {what} {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(known[name] for name in names.split(","))


def build_type(build):
    """What CMake was told to make; nobody should compare a debug build unawares."""
    cache = build / "CMakeCache.txt"
    found = re.search(r"^CMAKE_BUILD_TYPE:\w+=(.*)$", cache.read_text(), re.MULTILINE) if cache.is_file() else None
    return found[1] if found else "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build" / "release")
    parser.add_argument("--turns", type=int, help="default 7, quick 3")
    parser.add_argument("--quick", action="store_true", help="short turns: all of it in less than two minutes")
    parser.add_argument("--apart", action="store_true", help="give the proxies a core of their own")
    parser.add_argument("--rows", help="of " + ",".join(row.name for row in ROWS))
    parser.add_argument("--peers", help="of " + ",".join(peer.name for peer in PEERS))
    parser.add_argument("--json", type=pathlib.Path, help="write every single figure there")
    options = parser.parse_args()
    options.build = options.build.resolve()
    options.turns = options.turns or (3 if options.quick else 7)
    rows = chosen(options.rows, ROWS, "row")
    peers = chosen(options.peers, PEERS, "peer")
    if REFERENCE not in (peer.name for peer in peers):
        peers = (*chosen(REFERENCE, PEERS, "peer"), *peers)

    comparison = Comparison(options, peers, rows, kernel.raise_descriptor_limit())
    machine = {**kernel.describe(), "build": build_type(options.build)}
    versions = {}
    for peer in peers:
        with contextlib.suppress(Fault):  # told when it should start
            versions[peer.name] = proxies.version(peer, options.build)
    try:
        comparison.run()
    except Fault as fault:
        raise SystemExit(f"compare.py: {fault}") from None
    report.show(comparison.results, rows, peers, machine, versions)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "versions": versions, "results": comparison.results,
                                            "summary": report.summary(comparison.results, rows, peers),
                                            "faults": comparison.faults}) + "\n")
    for fault in comparison.faults:
        print(f"fault: {fault}")
    return 1 if comparison.faults else 0


if __name__ == "__main__":
    sys.exit(main())
