"""Sessions that are idle, old, or never answer; intervals at their limits; what the operator is warned of."""

import os
import pathlib
import subprocess
import unittest

import frames
from harness import BINARY, DEADLINE, IntegrationTest, wait_until

BEATS = {"keepalive.client.ping_interval": "100ms", "keepalive.backend.ping_interval": "100ms",
         "keepalive.backend.ping_when": "always"}


class Lifetime(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()

    def check_closed(self, server, client, proxy, reason, words):
        seen = client.next("close")
        self.assertEqual((seen["code"], seen["reason"]), (1001, words))
        self.assertEqual(server.next("close")["code"], 1001)
        record = proxy.ended()
        self.assertEqual((record["initiator"], record["reason"]), ("wskeep", reason))
        self.assertEqual(proxy.metrics().value("wskeep_connections_closed_total", reason=reason), 1)
        return record

    def test_pings_both_ways_keep_nothing_busy(self):
        """Data hold the session for idle_timeout; a dozen pings and pongs on each leg don't."""
        server = self.server()
        proxy = self.front(server.port, {**BEATS, "relay.idle_timeout": "1500ms"})
        client = self.client("ws", proxy.port)
        client.do("text", text="the only message")
        self.assertTrue(client.next("message")["equal"])
        record = self.check_closed(server, client, proxy, "idle", "idle")
        self.assertGreaterEqual(record["idle"], 1.5)
        self.assertGreaterEqual(record["pongs_received"], 5)
        self.assertFalse(record["never_ponged"])

    def test_data_keep_it_open(self):
        """One message each time a ping came, for longer than idle_timeout; then none."""
        server = self.server()
        proxy = self.front(server.port, {**BEATS, "relay.idle_timeout": "2s"})
        client = self.client("ws", proxy.port)
        for _ in range(30):
            client.next("ping")
            client.do("text", text="busy")
            client.next("message")
        record = self.check_closed(server, client, proxy, "idle", "idle")
        self.assertGreater(record["duration"], 2 + 29 * 0.08 - 0.1)  # jitter takes a fifth at most

    def test_old_sessions_are_ended_busy_or_not(self):
        server = self.server()
        proxy = self.front(server.port, {**BEATS, "relay.max_age": "1s", "relay.max_age_jitter": "50%"})
        client = self.client("ws", proxy.port)
        record = self.check_closed(server, client, proxy, "max_age", "max age")
        self.assertGreaterEqual(record["duration"], 0.5)

    def test_the_last_data_can_be_seen(self):
        """The timestamp moves with a message and not with the pongs that come after it."""
        name = "wskeep_connection_last_data_timestamp_seconds"
        server = self.server()
        proxy = self.front(server.port, BEATS)
        client = self.client("ws", proxy.port)
        metrics = proxy.wait_metric("wskeep_pongs_received_total", 3, leg="client", result="matched")
        start = metrics.value("wskeep_connection_start_timestamp_seconds")
        self.assertAlmostEqual(metrics.value(name), start, delta=0.01)
        client.do("text", text="hello")
        client.next("message")
        moved = proxy.metrics().value(name)
        self.assertGreater(moved, start + 0.1)
        pongs = proxy.metrics().value("wskeep_pongs_received_total", leg="client", result="matched")
        metrics = proxy.wait_metric("wskeep_pongs_received_total", pongs + 3, leg="client", result="matched")
        self.assertAlmostEqual(metrics.value(name), moved, delta=0.01)
        self.assertGreater(metrics.value("wskeep_connection_last_pong_timestamp_seconds"), moved + 0.1)

    def test_a_client_that_never_answers_is_marked(self):
        server = self.server()
        proxy = self.front(server.port, {**BEATS, "keepalive.client.pong_timeout": "100ms"})
        client = self.raw_session(proxy.port)
        proxy.wait_metric("wskeep_connections_never_ponged")
        client.send(frames.client(frames.CLOSE, frames.close_payload(1000)))
        client.rest()
        record = proxy.ended()
        self.assertEqual((record["never_ponged"], record["pongs_received"]), (True, 0))
        self.assertGreater(record["pings_sent"], 0)


class Intervals(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()

    def check(self, *settings):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WSKEEP_")}
        arguments = [argument for setting in settings for argument in ("--set", setting)]
        return subprocess.run([BINARY, "--check-config", *arguments], capture_output=True, text=True,
                              timeout=DEADLINE, check=False, env=environment)

    def test_limits(self):
        for leg in ("client", "backend"):
            key = f"keepalive.{leg}.ping_interval"
            for value, accepted in (("100ms", True), ("24h", True), ("99ms", False), ("86400001ms", False)):
                with self.subTest(key, value=value):
                    done = self.check(f"{key}={value}")
                    self.assertEqual(done.returncode, 0 if accepted else 2)
                    if not accepted:
                        self.assertEqual(done.stderr, f'--set {key}: "{value}" is out of range (100ms to 24h)\n')

    def test_the_shortest(self):
        """100 ms on both legs: every ping is answered, and none comes before its time."""
        server = self.server()
        proxy = self.front(server.port, BEATS)
        client = self.client("ws", proxy.port)
        proxy.wait_metric("wskeep_pongs_received_total", 20, leg="client", result="matched")
        proxy.wait_metric("wskeep_pongs_received_total", 20, leg="backend", result="matched")
        client.do("close", code=1000)
        record = proxy.ended()
        self.assertGreaterEqual(record["pings_sent"], 20)
        self.assertGreaterEqual(record["duration"], 19 * 0.08 - 0.1)  # jitter takes a fifth at most

    def test_an_unsafe_interval_is_warned_of(self):
        backend = self.raw_backend()
        proxy = self.front(backend.port, {"keepalive.client.ping_interval": "45s"})
        record = proxy.log("questionable configuration")
        self.assertEqual(record["level"], "warning")
        self.assertIn("keepalive.client.ping_interval is 45s", record["why"])
        self.assertIn("need it below 30s", record["why"])
        self.assertEqual(proxy.err.count(msg="questionable configuration"), 1)
        done = self.check("keepalive.client.ping_interval=45s")
        self.assertEqual((done.returncode, done.stdout), (0, "configuration ok\n"))
        self.assertEqual(done.stderr, f"warning: {record['why']}\n")
        self.assertEqual(self.check().stderr, "")


class KernelGuard(IntegrationTest):
    def timers(self, pid):
        """Seconds until the keepalive timer of each of a process's established TCP sockets (/proc/net/tcp)."""
        inodes = set()
        for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = os.readlink(entry)
            except FileNotFoundError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        found = []
        for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            timer, when = fields[5].split(":")
            if fields[9] in inodes and fields[3] == "01" and timer == "02":
                found.append(int(when, 16) / os.sysconf("SC_CLK_TCK"))
        return sorted(found)

    def test_the_kernel_probes_on_both_legs(self):
        """Under the policy off too: each leg's own tcp_keepalive_idle runs."""
        self.needs_wskeep()
        backend = self.raw_backend()
        proxy = self.front(backend.port, {
            "keepalive.client.policy": "off", "keepalive.backend.policy": "off", "admin.address": "127.0.0.1:0",
            "keepalive.client.tcp_keepalive_idle": "1000s", "keepalive.backend.tcp_keepalive_idle": "5000s"})
        self.raw_session(proxy.port)
        backend.accept()
        # While a segment is unacknowledged another timer shows instead.
        timers = wait_until(lambda: (found := self.timers(proxy.pid)) and len(found) == 2 and found, "two timers")
        self.assertTrue(1000 - DEADLINE < timers[0] <= 1000 and 5000 - DEADLINE < timers[1] <= 5000, timers)


if __name__ == "__main__":
    unittest.main()
