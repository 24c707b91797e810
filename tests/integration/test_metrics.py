"""What an operator sees: every name at zero from the start, exact counts, and labels that no client can break."""

import re
import shutil
import subprocess
import unittest

import frames
import raw
from harness import IntegrationTest, wait_until

LEGS = ("client", "backend")
DIRECTIONS = ("to_backend", "to_client")
OPCODES = ("continuation", "text", "binary", "close", "ping", "pong")
REASONS = {
    "client": ("client_close", "client_eof", "client_reset"),
    "backend": ("backend_close", "backend_eof", "backend_reset"),
    "wskeep": ("keepalive_timeout", "network_dead", "app_stalled", "backend_unresponsive", "client_write_stalled",
               "backend_write_stalled", "idle", "max_age", "protocol_error", "shutdown", "internal_error"),
}
RESULTS = ("accepted", "bad_request", "request_timeout", "unsupported_version", "head_too_large", "unsupported_method",
           "refused", "backend_unreachable", "backend_bad_answer", "unavailable", "backend_timeout", "client_gone")
AT_ZERO = (
    [("wskeep_connections_open", {"state": state}) for state in ("handshake", "http", "open", "closing", "draining")]
    + [("wskeep_connections_opened_total", {})]
    + [("wskeep_connections_closed_total", {"initiator": who, "reason": why})
       for who in REASONS for why in REASONS[who]]
    + [("wskeep_handshakes_total", {"result": result}) for result in RESULTS]
    + [("wskeep_http_requests_total", {"code": code}) for code in ("none", "1xx", "2xx", "3xx", "4xx", "5xx")]
    + [("wskeep_frames_total", {"direction": way, "opcode": opcode}) for way in DIRECTIONS for opcode in OPCODES]
    + [("wskeep_bytes_total", {"direction": way}) for way in DIRECTIONS]
    + [(f"wskeep_pings_{what}_total", {"leg": leg}) for what in ("sent", "answered", "deferred") for leg in LEGS]
    + [("wskeep_pongs_received_total", {"leg": leg, "result": result}) for leg in LEGS
       for result in ("matched", "late", "foreign")]
    + [("wskeep_pongs_missed_total", {"leg": leg}) for leg in LEGS]
    + [(f"wskeep_{what}_seconds_count", {"leg": leg}) for what in ("pong_latency", "tcp_rtt", "ping_lateness")
       for leg in LEGS]
    + [("wskeep_connections_never_ponged", {}), ("wskeep_backend_unresponsive", {}),
       ("wskeep_connections_not_exported", {})]
)
BOUNDS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
NO_PINGS = {"keepalive.client.policy": "off", "keepalive.backend.policy": "off"}
BEATS = {"keepalive.client.ping_interval": "100ms"}
ALIVE = "wskeep_connection_alive"


class Metrics(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()

    def raw_pair(self, proxy, backend, path="/", headers=()):
        client = self.raw_session(proxy.port, path, headers)
        return client, backend.accept()

    def test_everything_is_there_at_zero(self):
        proxy = self.front(raw.closed_port())
        metrics = proxy.metrics()
        for name, labels in AT_ZERO:
            found = metrics.series(name, **labels)
            self.assertEqual([value for _, value in found], [0], f"{name}{labels}")
        for what in ("pong_latency", "tcp_rtt", "ping_lateness"):
            name = f"wskeep_{what}_seconds"
            self.assertEqual(metrics.types[name], "histogram")
            bounds = [float(labels["le"]) for labels, _ in metrics.series(f"{name}_bucket", leg="client")]
            self.assertEqual(bounds, [*BOUNDS, float("inf")])
        self.assertEqual(metrics.types["wskeep_event_loop_lag_seconds"], "histogram")
        [(labels, value)] = metrics.series("wskeep_build_info")
        self.assertEqual(value, 1)
        self.assertLessEqual({"version", "commit", "libevent", "openssl"}, labels.keys())

    def test_health(self):
        proxy = self.front(raw.closed_port())
        for path in ("/livez", "/readyz"):
            self.assertEqual(proxy.get(path)[0], 200, path)
        self.assertEqual(proxy.get("/nowhere")[0], 404)

    def test_promtool(self):
        """What is exported is also in good style, with and without sessions."""
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed")
        backend = self.raw_backend()
        proxy = self.front(backend.port, BEATS)
        self.promtool(proxy)
        client, _ = self.raw_pair(proxy, backend, "/some/path", [("User-Agent", "test/1.0")])
        client.send(frames.client(frames.PONG, client.frame_of(frames.PING).payload))
        proxy.wait_metric("wskeep_pongs_received_total", leg="client", result="matched")
        self.promtool(proxy)

    def promtool(self, proxy):
        status, body = proxy.get("/metrics")
        self.assertEqual(status, 200)
        checked = subprocess.run(["promtool", "check", "metrics"], input=body, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, timeout=raw.DEADLINE)
        self.assertEqual((checked.returncode, checked.stdout.decode()), (0, ""))

    def test_exact_counts_while_it_is_open(self):
        """Counters move with the bytes, not at the end of the session."""
        backend = self.raw_backend()
        proxy = self.front(backend.port, NO_PINGS)
        client, server = self.raw_pair(proxy, backend)
        to_backend = [frames.client(frames.TEXT, b"a" * 200), frames.client(frames.BINARY, b"b", fin=False),
                      frames.client(frames.CONTINUATION, b"c", fin=False), frames.client(frames.PONG, b"unasked"),
                      frames.client(frames.CONTINUATION), frames.client(frames.TEXT)]
        to_client = [frames.build(frames.BINARY, b"d" * 70_000), frames.build(frames.PING, b"yours"),
                     frames.build(frames.TEXT, b"e")]
        client.send(b"".join(to_backend))
        server.send(b"".join(to_client))
        self.assertEqual([server.frame().raw for _ in to_backend], to_backend)
        self.assertEqual([client.frame().raw for _ in to_client], to_client)
        metrics = proxy.metrics()
        wanted = {"to_backend": {"text": 2, "binary": 1, "continuation": 2, "pong": 1},
                  "to_client": {"text": 1, "binary": 1, "ping": 1}}
        for way, sent in (("to_backend", to_backend), ("to_client", to_client)):
            for opcode in OPCODES:
                self.assertEqual(metrics.value("wskeep_frames_total", direction=way, opcode=opcode),
                                 wanted[way].get(opcode, 0), (way, opcode))
            self.assertEqual(metrics.value("wskeep_bytes_total", direction=way), sum(map(len, sent)), way)
        self.assertEqual(metrics.value("wskeep_pongs_received_total", leg="client", result="foreign"), 1)
        self.assertEqual(metrics.value("wskeep_connections_open", state="open"), 1)
        self.assertEqual(metrics.value("wskeep_connections_opened_total"), 1)
        self.assertEqual(metrics.value("wskeep_handshakes_total", result="accepted"), 1)
        self.assertEqual(metrics.value("wskeep_pings_sent_total"), 0)

        client.send(frames.client(frames.CLOSE, frames.close_payload(1000)))
        server.frame_of(frames.CLOSE)
        server.send(frames.build(frames.CLOSE, frames.close_payload(1000)))
        client.frame_of(frames.CLOSE)
        server.close()
        record = proxy.ended()
        self.assertEqual((record["frames_to_backend"], record["frames_to_client"]), (7, 4))
        self.assertEqual((record["bytes_to_backend"], record["bytes_to_client"]),
                         (sum(map(len, to_backend)) + 8, sum(map(len, to_client)) + 4))
        self.assertEqual((record["pings_sent"], record["pongs_received"]), (0, 0))
        wait_until(lambda: proxy.metrics().value("wskeep_connections_open") == 0, "no session is open")

    def test_beats(self):
        """Pings, pongs, latency and lateness count together, for the client leg and for the backend's."""
        server = self.server()
        proxy = self.front(server.port, {**BEATS, "keepalive.backend.ping_interval": "100ms",
                                         "keepalive.backend.ping_when": "always"})
        self.client("ws", proxy.port)
        for leg in LEGS:
            metrics = proxy.wait_metric("wskeep_pongs_received_total", 3, leg=leg, result="matched")
            self.assertGreaterEqual(metrics.value("wskeep_pings_sent_total", leg=leg), 3)
            self.assertGreaterEqual(metrics.value("wskeep_pong_latency_seconds_count", leg=leg), 3)
            self.assertGreater(metrics.value("wskeep_pong_latency_seconds_sum", leg=leg), 0)
            self.assertGreaterEqual(metrics.value("wskeep_ping_lateness_seconds_count", leg=leg), 3)
        [(info, _)] = metrics.series("wskeep_connection_info")
        for name in ("pong_latency", "last_pong_timestamp", "last_data_timestamp", "start_timestamp", "tcp_rtt"):
            self.assertGreater(metrics.value(f"wskeep_connection_{name}_seconds", conn=info["conn"]), 0, name)
        again = proxy.metrics()
        start = "wskeep_connection_start_timestamp_seconds"
        self.assertEqual(again.value(start, conn=info["conn"]), metrics.value(start, conn=info["conn"]))
        self.assertEqual(metrics.value(ALIVE, conn=info["conn"]), 1)
        self.assertEqual((info["path"], info["client"].split(":")[0]), ("/ws", "127.0.0.1"))

    def test_bounded_series(self):
        """Five sessions, room for three: three have series of their own, and two are counted."""
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**NO_PINGS, "metrics.max_connections": "3"})
        for i in range(5):
            self.raw_pair(proxy, backend, f"/{i}")
        metrics = proxy.metrics()
        self.assertEqual(metrics.value("wskeep_connections_open", state="open"), 5)
        self.assertEqual(len(metrics.series("wskeep_connection_info")), 3)
        self.assertEqual(len(metrics.series(ALIVE)), 3)
        self.assertEqual(metrics.value("wskeep_connections_not_exported"), 2)

    def test_no_series(self):
        """Without room for series the sessions are still counted."""
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**NO_PINGS, "metrics.max_connections": "0"})
        for i in range(2):
            self.raw_pair(proxy, backend, f"/{i}")
        metrics = proxy.metrics()
        self.assertEqual(metrics.series(ALIVE), [])
        self.assertEqual(metrics.value("wskeep_connections_not_exported"), 2)

    def test_a_death_can_be_seen(self):
        """The series of a session that died stay for a while, with alive at 0."""
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**BEATS, "keepalive.client.policy": "strict",
                                          "keepalive.client.pong_timeout": "200ms"})
        client, _ = self.raw_pair(proxy, backend, "/silent")
        before = proxy.metrics().series("wskeep_connection_info", path="/silent")
        client.frame_of(frames.CLOSE)
        proxy.ended()
        metrics = proxy.metrics()
        [(info, _)] = metrics.series("wskeep_connection_info", path="/silent")
        self.assertEqual(info["conn"], before[0][0]["conn"])
        self.assertEqual(metrics.value(ALIVE, conn=info["conn"]), 0)
        self.assertEqual(metrics.value("wskeep_connections_open", state="open"), 0)

    def test_hostile_labels(self):
        """Whatever a client sends as path, name or subprotocol, the scrape parses and no label grows without bound."""
        backend = self.raw_backend(
            lambda request: raw.switch(request, headers=[("Sec-WebSocket-Protocol", "a\\b")]))
        proxy = self.front(backend.port, NO_PINGS)
        paths = ("/a\\b", "/%22%0a%00}", "/" + "x" * 5000, "/?secret=1", "/{}=,'", "/%ff%fe")
        agents = ('"quoted" \\ {le="1"} 1\t2', "bad \xff\xfe utf-8 \xc3", "x" * 5000, "")
        accepted = 0
        for path in paths:
            for agent in agents:
                client = self.raw_connection(proxy.port)
                client.send(raw.upgrade_request(path, [("User-Agent", agent), ("Sec-WebSocket-Protocol", "a\\b")]))
                status = client.read_head().status
                self.assertIn(status, (101, 400))  # a refusal is an answer too
                accepted += status == 101
        self.assertGreaterEqual(accepted, len(paths))
        metrics = proxy.metrics()
        found = metrics.series("wskeep_connection_info")
        self.assertEqual(len(found), accepted)
        for labels, _ in found:
            self.assertNotIn("secret", labels["path"])
            self.assertLessEqual(max(len(value.encode()) for value in labels.values()), 1024)
            self.assertRegex(labels["conn"], re.compile(r"^[0-9a-f]+$"))
        if shutil.which("promtool"):
            self.promtool(proxy)


if __name__ == "__main__":
    unittest.main()
