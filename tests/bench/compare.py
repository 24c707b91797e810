#!/usr/bin/python3
"""Compares wskeep with a dumb pipe and with other proxies, side by side on this machine.

    tests/bench/compare.py [--build build/release] [--quick] [--turns 7] [--rows ROW,...] [--peers PEER,...] [--json FILE]

All peers take turns, row by row, in an order that changes from turn to turn, each with fresh processes in every
turn. Everything runs on one core, so that no figure hangs on how fast one core wakes another (in virtual machines
that costs many times what a proxy does); --apart gives the proxies a core of their own. What a proxy costs is the
CPU time that the kernel has counted for it, over the round trips of the load. A share is the pipe's cost over the
peer's in the same row of the same turn, so higher is better and 1.00 is as good as the pipe; shown is the median of
all turns. A peer that doesn't start or loses a session is a fault: it is printed, and the exit code is 1.

rows.py and proxies.py say what is measured and who; deploy/install-packages.sh bench installs the others.
"""

import argparse
import contextlib
import json
import os
import pathlib
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
MEMORY_TURNS = 3  # memory hardly varies, and takes long to fill
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
        self._child.stdin.write("\n")
        self._child.stdin.flush()
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
        self._seconds = 0.2 if options.quick else 0.7
        self._sessions = min(500 if options.quick else 4000, descriptors // 2 - 200)
        self._directory = None

    def run(self):
        with tempfile.TemporaryDirectory(prefix="wskeep-compare-") as self._directory:
            for turn in range(self.options.turns):
                self._turn(turn)

    def _turn(self, turn):
        begun = time.monotonic()
        order = list(self.peers[turn % len(self.peers):] + self.peers[:turn % len(self.peers)])
        with contextlib.ExitStack() as stack:
            backend = stack.enter_context(proxies.start_backend(self.options.build, self._load_cores,
                                                                self._directory))
            running = {}
            for peer in order:
                with self._faults_of(peer):
                    running[peer] = stack.enter_context(self._start(peer, backend))
            for row in self.rows:
                if row.kind == "memory" and turn >= (1 if self.options.quick else MEMORY_TURNS):
                    continue
                if row.added_latency:
                    with self._faults_of(DIRECT, row):
                        self._keep(row, DIRECT, turn, self._measure(row, backend, None))
                for peer in order:
                    with self._faults_of(peer, row):
                        if peer not in running:
                            continue  # its fault stands already
                        measure = self._memory if row.kind == "memory" else self._cost
                        self._keep(row, peer, turn, measure(row, peer, running[peer], backend))
        print(f"turn {turn + 1} of {self.options.turns}: {time.monotonic() - begun:.0f} s", file=sys.stderr)

    def _start(self, peer, backend):
        return proxies.start(peer, self.options.build, backend.port, self._proxy_cores, self._directory)

    @contextlib.contextmanager
    def _faults_of(self, peer, row=None):
        try:
            yield
        except Fault as fault:
            self.faults.append(f"{peer.name}{', ' + row.name if row else ''}: {fault}")
            print(f"fault: {self.faults[-1]}", file=sys.stderr)

    def _keep(self, row, peer, turn, result):
        self.results[row.name][peer.name].append({"turn": turn, **result})

    def _measure(self, row, server, pid):
        """One run of the load; what it said, and the CPU time that the process took for it."""
        with Load(self.options.build, server.port, self._load_cores, row.load(self._seconds)) as load:
            before = kernel.cpu_ns(pid) if pid else 0
            said = load.run()
            if pid:
                said["cpu_us"] = (kernel.cpu_ns(pid) - before) / 1000 / said["round_trips"]
                said["busy"] = said["cpu_us"] * said["round_trips"] / said["seconds"] / 1e6
        return said

    def _cost(self, row, _peer, server, _backend):
        try:
            return self._measure(row, server, server.child.pid)
        except Fault as fault:
            raise Fault(f"{fault}; its last words: {server.last_words()}") from None

    def _memory(self, row, peer, _server, backend):
        """A fresh process, so that no other row has left its memory behind."""
        with self._start(peer, backend) as server:
            def sessions(count):
                return Load(self.options.build, server.port, self._load_cores, row.load(0, count))

            with sessions(WARM_SESSIONS) as warm:
                warm.run()
                base = kernel.memory(server.child.pid)
                with sessions(self._sessions) as many:
                    idle = kernel.memory(server.child.pid) - base
                    many.run()
                    after = kernel.memory(server.child.pid) - base
        return {"sessions": self._sessions, "base_bytes": base, "idle_bytes": idle / self._sessions,
                "after_bytes": after / self._sessions}


def chosen(names, all_of, what):
    """Those whose names are in the comma-separated list, all without one."""
    if names is None:
        return all_of
    known = {each.name: each for each in all_of}
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        raise SystemExit(f"compare.py: no {what} {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(known[name] for name in names.split(","))


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
    machine = kernel.describe()
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
                                            "faults": comparison.faults}, indent=1) + "\n")
    for fault in comparison.faults:
        print(f"fault: {fault}")
    return 1 if comparison.faults else 0


if __name__ == "__main__":
    sys.exit(main())
