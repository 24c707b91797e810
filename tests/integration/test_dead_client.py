"""Clients that stop answering: who is ended, when, and what both sides and the operator see of it."""

import signal
import time
import unittest

import frames
from harness import DEADLINE, IntegrationTest

DEAD = ("app_stalled",)  # its kernel has acknowledged all, its process says nothing
INTERVAL, TIMEOUT = 0.5, 1.0
SETTINGS = {"keepalive.client.ping_interval": "500ms", "keepalive.client.pong_timeout": "1s",
            "keepalive.client.jitter": "0%"}
FAST = {"keepalive.client.ping_interval": "200ms", "keepalive.client.pong_timeout": "200ms",
        "keepalive.client.jitter": "0%"}


class DeadClient(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()

    def check_ended(self, proxy, record):
        self.assertEqual(record["initiator"], "wskeep", record)
        self.assertIn(record["reason"], DEAD, record)
        metrics = proxy.metrics()
        closed = metrics.value("wskeep_connections_closed_total", initiator="wskeep", reason=record["reason"])
        self.assertEqual(closed, 1)
        self.assertGreaterEqual(metrics.value("wskeep_pongs_missed_total", leg="client"), 1)

    def test_stopped_process(self):
        """A process that hangs keeps its TCP connection alive; only the pings show it."""
        server = self.server()
        proxy = self.front(server.port, SETTINGS)
        client = self.client("ws", proxy.port)
        proxy.wait_metric("wskeep_pongs_received_total", leg="client", result="matched")
        client.signal(signal.SIGSTOP)
        stopped = time.monotonic()
        record = proxy.ended()
        elapsed = time.monotonic() - stopped
        self.check_ended(proxy, record)
        # The ping that shows it leaves within an interval; the rest of the bound is for a busy machine.
        self.assertLess(elapsed, INTERVAL + TIMEOUT + 1 + DEADLINE / 4)
        # By wskeep's own clock: what it sent and got back says how long it was patient.
        unanswered = record["pings_sent"] - record["pongs_received"]
        self.assertGreaterEqual(unanswered, 1)
        self.assertLessEqual(unanswered, TIMEOUT / INTERVAL + 2)
        self.assertGreater(record["duration"], TIMEOUT)
        self.assertEqual(server.next("close")["code"], 1006)

        client.signal(signal.SIGCONT)
        seen = client.next("close")
        self.assertEqual((seen["code"], seen["reason"]), (1011, "keepalive ping timeout"))

    def test_the_backend_can_be_told(self):
        server = self.server()
        proxy = self.front(server.port, {**SETTINGS, "relay.on_client_lost": "4008"})
        client = self.client("ws", proxy.port)
        proxy.wait_metric("wskeep_pongs_received_total", leg="client", result="matched")
        client.signal(signal.SIGSTOP)
        self.assertEqual(server.next("close")["code"], 4008)
        self.check_ended(proxy, proxy.ended())

    def silent(self, policy, answers=0, pings=12):
        """A raw client that answers the first pings only, watched for as many more as asked for."""
        server = self.server()
        proxy = self.front(server.port, {**FAST, "keepalive.client.policy": policy})
        client = self.raw_session(proxy.port)
        for _ in range(answers):
            client.send(frames.client(frames.PONG, client.frame_of(frames.PING).payload))
        for _ in range(pings):
            client.frame_of(frames.PING)
        return server, proxy, client

    def check_carries(self, server, proxy, client):
        client.send(frames.client(frames.TEXT, b"still there"))
        self.assertEqual(client.frame_of(frames.TEXT).payload, b"still there")
        self.assertEqual(server.count("close"), 0)
        metrics = proxy.metrics()
        self.assertEqual(metrics.value("wskeep_connections_closed_total"), 0)
        self.assertEqual(metrics.value("wskeep_connections_open", state="open"), 1)
        self.assertEqual(metrics.value("wskeep_connections_never_ponged"), 1 if not client.answered else 0)

    def test_auto_leaves_who_never_answered(self):
        """Some runtimes never answer a ping; twelve intervals are eleven timeouts, and it lives."""
        server, proxy, client = self.silent("auto")
        client.answered = False
        self.check_carries(server, proxy, client)

    def test_keepalive_ends_nobody(self):
        server, proxy, client = self.silent("keepalive", answers=2)
        client.answered = True
        self.check_carries(server, proxy, client)

    def test_strict_ends_who_never_answered(self):
        self.check_cut("strict", answers=0)

    def test_auto_ends_who_answered_before(self):
        self.check_cut("auto", answers=2)

    def check_cut(self, policy, answers):
        """Pings, then Close 1011 and the end of TCP, and nothing behind the Close."""
        server, proxy, client = self.silent(policy, answers, pings=0)
        seen, left_over = frames.split(client.rest())
        self.assertEqual(left_over, b"")
        *pings, last = seen
        self.assertEqual({frame.opcode for frame in pings}, {frames.PING})
        self.assertEqual((last.opcode, last.code, last.payload[2:]), (frames.CLOSE, 1011, b"keepalive ping timeout"))
        self.assertFalse(any(frame.masked or frame.rsv or not frame.fin for frame in seen))
        self.check_ended(proxy, proxy.ended(pongs_received=answers))
        self.assertEqual(server.next("close")["code"], 1006)

    def test_bytes_prove_a_client_alive(self):
        """A strict session whose client sends data and no pongs is alive: any byte after a ping counts."""
        server = self.server()
        proxy = self.front(server.port, {**FAST, "keepalive.client.policy": "strict"})
        client = self.raw_session(proxy.port)
        for _ in range(12):
            client.frame_of(frames.PING)
            client.send(frames.client(frames.TEXT, b"busy"))
            client.frame_of(frames.TEXT)
        self.assertEqual(server.count("close"), 0)
        self.assertEqual(proxy.metrics().value("wskeep_connections_closed_total"), 0)


if __name__ == "__main__":
    unittest.main()
