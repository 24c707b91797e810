#!/usr/bin/python3
"""How punctual the pings are with many sessions beside echo load.

    tests/bench/timeliness.py [--build build/release] [--sessions 5000] [--echoes 20] [--interval 1s] [--seconds 30]

Starts echo_backend, wskeep with one worker, and timeliness_clients on this machine; prints what share of the pings
left within each bound of their due time (wskeep's own histogram, over the measured time only) and the longest gap
between two pings of a session, by the stamps of the clients' kernel. It needs four descriptors a session, two of
them in wskeep.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
import prometheus  # noqa: E402
import proxies  # noqa: E402


def lateness(admin_port):
    with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/metrics", timeout=10) as answer:
        metrics = prometheus.Metrics(answer.read())
    buckets = metrics.series("wskeep_ping_lateness_seconds_bucket", leg="client")
    return {float(labels["le"]): count for labels, count in buckets}


def quantile(share, counts):
    """As histogram_quantile does: evenly spread within a bucket."""
    wanted, below, before = share * counts[float("inf")], 0, 0
    for bound, count in counts.items():
        if count >= wanted:
            return below + (bound - below) * (wanted - before) / (count - before)
        below, before = bound, count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build" / "release")
    parser.add_argument("--sessions", type=int, default=5000)
    parser.add_argument("--echoes", type=int, default=20)
    parser.add_argument("--interval", default="1s")
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()

    cores = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        backend = stack.enter_context(proxies.start_backend(options.build, cores, directory))
        admin_port = proxies.free_port()
        settings = {"keepalive.client.ping_interval": options.interval, "metrics.max_connections": 0,
                    "admin.address": f"127.0.0.1:{admin_port}"}
        punctual = proxies.Peer("wskeep", (*proxies.WSKEEP, *(f"--set={key}={value}" for key, value in settings.items())))
        proxy = stack.enter_context(proxies.start(punctual, options.build, backend.port, cores, directory))
        clients = stack.enter_context(subprocess.Popen(
            [str(each) for each in (options.build / "tests/bench/timeliness_clients", proxy.port, options.sessions,
                                    options.echoes, options.seconds)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        stack.callback(clients.kill)
        if clients.stdout.readline() != "ready\n":
            raise SystemExit(clients.stderr.read())
        before = lateness(admin_port)
        seen = json.loads(clients.stdout.readline())
        after = lateness(admin_port)
    counts = {bound: after[bound] - before[bound] for bound in sorted(after)}
    total = counts[float("inf")]
    print(f"{options.sessions} sessions, a ping every {options.interval}, {options.echoes} echoing: "
          f"{total:.0f} pings left, {seen['pings']} gaps seen, {seen['round_trips'] / options.seconds:.0f} echoes/s")
    for bound, count in counts.items():
        print(f"  within {bound * 1000:8.2f} ms of the due time: {100 * count / total:9.4f} %")
        if count == total:
            break
    print(f"  99.9 % within {1000 * quantile(0.999, counts):.1f} ms, as Prometheus reckons from these buckets")
    print(f"  the longest gap between two pings of a session: {seen['longest_gap_ms']} ms")


if __name__ == "__main__":
    main()
