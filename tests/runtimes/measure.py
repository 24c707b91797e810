"""What is measured of a runtime: alone, against a socket by hand, and through wskeep for twenty ping intervals."""

import contextlib
import time

import catalogue
import far_end
import raw
from harness import Process, Wskeep

INTERVAL = 0.25  # seconds between two of wskeep's pings, and a little less by its jitter
INTERVALS = 20
PINGED = {"ping_interval": f"{INTERVAL * 1000:.0f}ms", "ping_when": "always", "pong_timeout": "10s"}


def keepalive(leg, **settings):
    """wskeep's settings for one leg; the other one is left in peace."""
    other = {"client": "backend", "backend": "client"}[leg]
    return {f"keepalive.{other}.policy": "off", **{f"keepalive.{leg}.{k}": v for k, v in settings.items()}}


class Bench(contextlib.ExitStack):
    """Starts what a measurement needs and ends all of it, last started first."""

    def backend(self):
        return self.enter_context(contextlib.closing(raw.Backend()))

    def process(self, name, argv):
        process = Process(name, argv, catalogue.ENVIRONMENT)
        self.callback(process.stop)
        return process

    def client(self, key, port):
        return self.process(f"client {key}", catalogue.client(key, f"ws://127.0.0.1:{port}/{key}"))

    def server(self, key, heartbeat=False):
        process = self.process(f"server {key}", catalogue.server(key, heartbeat))
        return process.out.take(event="listening")["port"]

    def wskeep(self, port, settings):
        program = Wskeep(port, settings)
        self.callback(program.finish)
        return program


def _alone(far):
    """What the runtime does by itself."""
    found = {"pongs": "yes" if far.answered(b"one") else "never"}
    found["two_at_once"] = far.of_two_at_once()
    found["two_while_sending"] = far.of_two_while_sending()
    return found


def _median(scrape, leg):
    """The upper bound of the bucket that holds the median latency, in seconds."""
    buckets = scrape.series("wskeep_pong_latency_seconds_bucket", leg=leg)
    half = scrape.value("wskeep_pong_latency_seconds_count", leg=leg) / 2
    return next(float(labels["le"]) for labels, count in buckets if count >= half)


def _through(program, far, leg, answers):
    """Twenty intervals through wskeep. Gives what it says about the runtime's latency; raises if anything is amiss."""
    for i in range(INTERVALS):
        if not far.echoes(f"echo {i}", quiet=INTERVAL):
            raise AssertionError(f"after {i} intervals something came that was no echo: {far.pings} pings, {far.pongs}")
    scrape = program.metrics()
    sent = scrape.value("wskeep_pings_sent_total", leg=leg)
    matched = scrape.value("wskeep_pongs_received_total", leg=leg, result="matched")
    missed = scrape.value("wskeep_pongs_missed_total", leg=leg)
    never = scrape.value("wskeep_connections_never_ponged")
    if sent < INTERVALS - 1:
        raise AssertionError(f"{sent} pings in {INTERVALS} intervals")
    # One may be on its way; and wskeep tells of the backend's silence otherwise.
    if answers != (matched >= sent - 1 > 0) or (answers and missed) or never != (leg == "client" and not answers):
        raise AssertionError(f"{sent} pings, {matched} pongs, {missed} missed, {never} never ponged")
    if not answers:
        return "no pong, as expected"
    median = _median(scrape, leg)
    mean = scrape.value("wskeep_pong_latency_seconds_sum", leg=leg) / matched
    if not 0 < mean < 1 or median > 1:
        raise AssertionError(f"the latency is {mean} s on average, and the median in the bucket of {median} s")
    return f"{matched:.0f} pongs to {sent:.0f} pings, p50 <= {median * 1000:g} ms, mean {mean * 1000:.2f} ms"


def client(key):
    """(what it does as a client, remarks)."""
    with Bench() as bench:
        backend = bench.backend()
        bench.client(key, backend.port)
        far = far_end.of_client(backend)
        version = far.ask("version")
        found = _alone(far)
    with Bench() as bench:
        backend = bench.backend()
        answers = found["pongs"] == "yes"
        # A client that never answers is safe under `auto`, which ends only those that did before.
        policy = {"policy": "strict"} if answers else {"policy": "auto", "pong_timeout": "1s"}
        program = bench.wskeep(backend.port, keepalive("client", **{**PINGED, **policy}))
        bench.client(key, program.port)
        far = far_end.of_client(backend)
        found["own_pings"] = far.own_pings()
        remark = _through(program, far, "client", answers)
        answered = program.metrics().value("wskeep_pings_answered_total", leg="client")
        if (answered, far.pings) != (found["own_pings"] != "no", 0):
            raise AssertionError(f"of its own pings wskeep answered {answered}, and {far.pings} passed")
    return found, [version, remark]


def server(key):
    """(what it does as a server, remarks)."""
    with Bench() as bench:
        port = bench.server(key)
        far = far_end.of_server(port)
        version = far.ask("version")
        found = _alone(far)
        program = bench.wskeep(port, keepalive("backend", **PINGED, policy="strict"))
        far = far_end.of_server(program.port)
        found["own_pings"] = far.own_pings()
        if far.pings != (found["own_pings"] != "no"):
            raise AssertionError(f"{far.pings} of its pings reached its client")
        remark = _through(program, far, "backend", found["pongs"] == "yes")
    return found, [version, remark]


def _end(program):
    ended = program.ended()
    return f"{ended['initiator']} {ended['reason']}"


def heartbeat(key):
    """(what the server's own heartbeat does through wskeep, remarks).

    It must keep a client that answers, and end one that doesn't, because wskeep never answers for a client. Whether it
    still ends it while wskeep pings the backend is what is found: some heartbeats take any byte as a sign of life.
    """
    quiet = {"keepalive.client.policy": "off", "keepalive.backend.policy": "off"}
    pinging = keepalive("backend", ping_interval=f"{INTERVAL * 1000:.0f}ms", policy="keepalive")
    with Bench() as bench:
        port = bench.server(key, heartbeat=True)
        plain, pinged = bench.wskeep(port, quiet), bench.wskeep(port, pinging)
        start = time.monotonic()
        deaf = far_end.of_server(plain.port, deaf=True)
        deaf_pinged = far_end.of_server(pinged.port, deaf=True)
        if not deaf.ends_within(raw.DEADLINE):
            raise AssertionError(f"it doesn't end the deaf client, of which it had {deaf.pings} pings")
        took = time.monotonic() - start
        by = _end(plain)
        ends = deaf_pinged.ends_within(2 * took + 5)
        living = far_end.of_server(plain.port)
        living.await_pings(2)
        if living.ask("still there") != "still there":
            raise AssertionError("the living client lost its echo")
    return {"heartbeat": "yes" if ends else "not while pinged"}, [f"ended the deaf client after {took:.1f} s ({by})"]


ROUNDS = 5  # of the backend's heartbeat
FLOODS = 4
MESSAGES = 4  # of each flood: more than fits into all sockets on its way


def _lives_under_ws(bench, key):
    """The client under the heartbeat of `ws`, while wskeep pings at the same interval."""
    program = bench.wskeep(bench.server("ws", heartbeat=True),
                           keepalive("client", **{**PINGED, "ping_interval": "1s"}, policy="strict"))
    bench.client(key, program.port)
    scrape = program.wait_metric("wskeep_pongs_received_total", ROUNDS, leg="client", result="foreign")
    if (closed := scrape.value("wskeep_connections_closed_total")) != 0:
        raise AssertionError(f"{closed} sessions ended under the heartbeat of ws")


def repair(key):
    """A client that answers only one of several pings, while wskeep and the backend ping it.

    Each of the backend's pings must get its pong, once, or a backend that ends whoever leaves one unanswered (the
    pattern of `ws`) would end a living client.

    The client's sending is stuck while the pings of both come, ours before and behind the backend's. One that answers
    only the first shows that it read the others by the pong to our next ping.
    """
    with Bench() as bench:
        _lives_under_ws(bench, key)
        backend = bench.backend()
        program = bench.wskeep(backend.port, keepalive("client", **PINGED, policy="strict"))
        bench.client(key, program.port)
        far = far_end.of_client(backend)
        for i in range(FLOODS):
            far.begin_flood(MESSAGES)
            sent = program.metrics().value("wskeep_pings_sent_total", leg="client")
            program.wait_metric("wskeep_pings_sent_total", sent + 1, leg="client")
            far.ping(b"beat %d" % i)
            program.wait_metric("wskeep_pings_sent_total", sent + 3, leg="client")  # the one before was read
            far.end_flood(MESSAGES)
            far.await_pong()
            far.ask("a second pong would be here")
            if far.pongs != [b"beat %d" % i]:
                raise AssertionError(f"the pongs to the backend's ping {i}: {far.pongs}")
        repaired = program.metrics().value("wskeep_pongs_repaired_total", leg="client")
        if not repaired:
            raise AssertionError("it answered all of them by itself")
    return {}, [f"{FLOODS} pings of the backend got their pongs, {repaired:.0f} of them from wskeep"]
