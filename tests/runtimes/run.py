#!/usr/bin/python3
"""Puts real WebSocket runtimes, as clients and as servers, on both sides of wskeep, and compares what they do with
expected.json and with the table in the README.

    run.py [RUNTIME ...]      measures all or some, and prints the matrix and each runtime's version
    run.py --print            prints the table for the README out of expected.json

A runtime is a small program under peers/ with one contract, so that all of them are driven in the same way:

    PEER client URL           connects
    PEER silent URL           the same, with pings answered by nobody (gorilla only)
    PEER server plain         listens on a port of loopback that it prints as {"event": "listening", "port": N}
    PEER server heartbeat     and ends clients that don't answer its pings, by the runtime's own means if it has some

Both are driven by text messages: to `version` it replies its version; at `ping` it sends a ping of its own, and says
`pong` when the pong has come, or `ping sent` at once where the runtime doesn't show pongs, or `no ping` where it can't
ping; to `flood` it sends a text of 16 MiB; to any other it replies the same text. It leaves when its standard input
ends.

Environment: WSKEEP_BIN, WSKEEP_NODE_MODULES, WSKEEP_TEST_DEADLINE as for the integration tests; RUNTIMES_BUILT (the
directory of the compiled peers) and RUNTIMES_CLASSPATH (of Jetty) as CMake sets them.
"""

import argparse
import concurrent.futures
import pathlib
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
README = HERE.parents[1] / "README.md"
sys.path.insert(0, str(HERE.parent / "integration"))

import catalogue  # noqa: E402
import measure  # noqa: E402

AT_A_TIME = 8  # measurements; nearly all of their time is waiting


def jobs(expected, chosen):
    """(runtime, role, measurement) of everything to measure."""
    for key, row in expected.items():
        if chosen and key not in chosen:
            continue
        if "client" in row:
            yield key, "client", measure.client
        if "server" in row:
            yield key, "server", measure.server
            yield key, "server", measure.heartbeat
        if row.get("client", {}).get("two_while_sending") in ("first", "last"):
            yield key, "client", measure.repair


def run(job):
    key, role, measurement = job
    start = time.monotonic()
    try:
        found, remarks = measurement(key)
    except Exception:
        return job, {}, [], traceback.format_exc()
    print(f"{key} {measurement.__name__}: {'; '.join(remarks)} [{time.monotonic() - start:.0f} s]", flush=True)
    return job, found, remarks, None


def differences(expected, found):
    for name, value in found.items():
        if value != expected.get(name):
            yield f"{name} is {value!r}, and expected.json says {expected.get(name)!r}"


def main():
    parser = argparse.ArgumentParser(description="Runs the matrix of WebSocket runtimes.")
    parser.add_argument("--print", action="store_true", help="print the README's table and measure nothing")
    parser.add_argument("runtimes", nargs="*", help="keys of expected.json")
    arguments = parser.parse_args()
    expected = catalogue.expected()
    if arguments.print:
        print(catalogue.table(expected), end="")
        return 0

    faults = []
    if catalogue.table(expected) not in README.read_text():
        faults.append("the table in README.md isn't that of expected.json; see run.py --print")
    measured = {}
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        for (key, role, measurement), found, _, failure in pool.map(run, list(jobs(expected, arguments.runtimes))):
            where = f"{key} {measurement.__name__}"
            row = measured.setdefault(key, {"name": expected[key]["name"]})
            row.setdefault(role, {}).update(found)
            faults += [f"{where}: {failure}"] if failure else []
            faults += [f"{where}: {text}" for text in differences(expected[key][role], found)]
    print(f"\n{catalogue.table(measured)}")
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    return 0 if measured and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
