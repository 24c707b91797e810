"""The two keepalive patterns that applications with `ws` use, with wskeep in the middle.

The backend's: each round, end every client that left the last round's ping unanswered, then ping.
The client's: end the connection when no ping came for an interval and a second.
"""

import unittest

import frames
from harness import IntegrationTest

INTERVALS = 8
PINGS = {"keepalive.client.ping_interval": "1s", "keepalive.backend.ping_interval": "1s"}
OFF = {"keepalive.client.policy": "off", "keepalive.backend.policy": "off"}


class HeartbeatPatterns(IntegrationTest):
    def run_for(self, intervals, peer, event):
        for _ in range(intervals):
            peer.next(event)

    def check_alive(self, client, server):
        """Nobody was ended, and the session still carries messages."""
        client.do("text", text="still there")
        self.assertTrue(client.next("message")["equal"])
        self.assertEqual((client.count("overdue"), client.count("close")), (0, 0))
        self.assertEqual((server.count("unanswered"), server.count("close")), (0, 0))

    def test_backend_pattern(self):
        """The backend's pings reach the client and the pongs come back, whatever wskeep does beside it."""
        for settings in (PINGS, OFF):
            with self.subTest(settings):
                server = self.server(heartbeat=1000)
                proxy = self.front(server.port, settings)
                client = self.client("ws", proxy.port)
                self.run_for(INTERVALS, server, "round")
                self.check_alive(client, server)
                self.assertGreaterEqual(server.count("pong"), INTERVALS - 1)

    def test_both_patterns(self):
        server = self.server(heartbeat=1000)
        proxy = self.front(server.port, PINGS)
        client = self.client("ws", proxy.port, expectPingWithin=2000)
        self.run_for(INTERVALS, server, "round")
        self.check_alive(client, server)

    def test_runtimes_under_the_backend_pattern(self):
        server = self.server(heartbeat=1000)
        proxy = self.front(server.port, PINGS)
        clients = [self.client(kind, proxy.port) for kind in ("bun", "deno", "websockets")]
        self.run_for(INTERVALS * len(clients), server, "round")
        self.assertEqual((server.count("unanswered"), server.count("close")), (0, 0))
        self.assertEqual([client.count("close") for client in clients], [0, 0, 0])

    def test_only_wskeep_keeps_the_client(self):
        """The backend never pings: what keeps the client from giving up is wskeep alone."""
        self.needs_wskeep()
        server = self.server()
        proxy = self.front(server.port, PINGS)
        client = self.client("ws", proxy.port, expectPingWithin=2000)
        self.run_for(INTERVALS, client, "ping")
        self.check_alive(client, server)
        self.assertEqual(server.count("pong"), 0)

    def test_client_gives_up_without_pings(self):
        """The counter-check: without a ping from anyone the pattern does end the connection."""
        server = self.server()
        proxy = self.front(server.port, OFF)
        client = self.client("ws", proxy.port, expectPingWithin=2000)
        client.next("overdue")
        self.assertEqual(client.next("close")["code"], 1006)
        self.assertEqual(server.next("close")["code"], 1006)
        self.assertEqual(client.count("ping"), 0)

    def test_backend_gives_up_on_a_silent_client(self):
        """The counter-check: wskeep does not answer a backend's ping for a client that doesn't."""
        server = self.server(heartbeat=1000)
        proxy = self.front(server.port, PINGS)
        client = self.raw_session(proxy.port)
        server.next("unanswered")
        self.assertEqual(server.next("close")["code"], 1006)
        seen, _ = frames.split(client.rest())
        self.assertIn(frames.build(frames.PING), [frame.raw for frame in seen], "the backend's ping is empty")


if __name__ == "__main__":
    unittest.main()
