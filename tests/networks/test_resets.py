"""Connections that break, and the dead that only the kernel's TCP finds: resets, TCP_USER_TIMEOUT, keepalive."""

import subprocess
import time
import unittest

import frames
from network import NetworkTest, moment

BACK = "10.78.0.2"  # the backend's end of a second cable
NO_PINGS = {"keepalive.client.policy": "off", "keepalive.backend.policy": "off"}
PATIENT = {"keepalive.client.ping_interval": "1s", "keepalive.client.pong_timeout": "1h"}


class Resets(NetworkTest):
    def setUp(self):
        super().setUp()
        self.lay_network()

    def opened(self, settings):
        """wskeep and a raw client, which answers no ping."""
        proxy = self.wskeep(settings)
        client = self.session(proxy.port)
        return proxy, client

    def check(self, proxy, since, reason, initiator, bound):
        record = proxy.ended()
        self.assertEqual((record["reason"], record["initiator"]), (reason, initiator), record)
        took = moment(record) - since
        self.assertLess(took, bound)
        self.assertEqual(proxy.metrics().value("wskeep_connections_closed_total", reason=reason), 1)
        self.assertEqual(proxy.metrics().value("wskeep_connections_closed_total"), 1)
        print(f"{self._testMethodName}: {reason} after {took:.3f} s (bound {bound} s)")

    # Resets.

    def kill_socket(self, space, *query):
        done = subprocess.run([*space.launcher, "ss", "-K", "-t", "-H", *query], capture_output=True, text=True,
                              timeout=60)
        if "not supported" in done.stderr:
            self.skipTest("*** this kernel has no CONFIG_INET_DIAG_DESTROY: ss -K tests nothing ***")
        self.assertEqual(len(done.stdout.splitlines()), 1, done)

    def test_client_killed_by_its_kernel(self):
        proxy, client = self.opened(PATIENT)
        since = time.time()
        self.kill_socket(self.far, "sport", "=", str(client.sock.getsockname()[1]))
        self.check(proxy, since, "client_reset", "client", 2)

    def test_socket_killed_here(self):
        proxy, client = self.opened(PATIENT)
        since = time.time()
        self.kill_socket(self.near, "dport", "=", str(client.sock.getsockname()[1]))
        self.check(proxy, since, "client_reset", "client", 2)
        client.rest()
        self.assertTrue(client.reset)

    def test_firewall_resets(self):
        """A firewall that has forgotten the connection answers our next ping with a reset."""
        proxy, client = self.opened(PATIENT)
        since = time.time()
        rule = ["INPUT", "-p", "tcp", "--dport", str(client.sock.getsockname()[1]), "-j", "REJECT",
                "--reject-with", "tcp-reset"]
        done = subprocess.run([*self.far.launcher, "iptables", "-A", *rule], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            self.skipTest(f"*** iptables can't reject here, so this tests nothing: {done.stderr.strip()} ***")
        self.check(proxy, since, "client_reset", "client", 3)

    # What the kernel finds. Nobody has answered a ping, so that the heartbeat itself may end nobody.

    def check_pulled(self, settings, bound, beats=1):
        proxy, client = self.opened({"relay.close_timeout": "500ms", **settings})
        for _ in range(beats):
            client.frame_of(frames.PING)
        since = time.time()
        self.cable.tell("cut")
        self.check(proxy, since, "network_dead", "wskeep", bound)

    def test_user_timeout_under_keepalive(self):
        self.check_pulled({**PATIENT, "keepalive.client.policy": "keepalive",
                           "keepalive.client.tcp_user_timeout": "2s"}, 1 + 2 + 1)

    def test_user_timeout_of_who_never_ponged(self):
        self.check_pulled({**PATIENT, "keepalive.client.pong_timeout": "500ms",
                           "keepalive.client.tcp_user_timeout": "2s"}, 1 + 2 + 1)

    def test_tcp_keepalive_without_pings(self):
        self.check_pulled({**NO_PINGS, "keepalive.client.tcp_user_timeout": "0s",
                           "keepalive.client.tcp_keepalive_idle": "1s", "keepalive.client.tcp_keepalive_interval": "1s",
                           "keepalive.client.tcp_keepalive_count": "2"}, 1 + 2 * 1 + 1, beats=0)

    # The other leg, over a cable of its own.

    def check_backend_pulled(self, settings, bound):
        back = self.namespace("back")
        cable = self.lay_cable(self.near, back, "10.78.0.1", BACK)
        with back.entered():
            backend = self.raw_backend(host=BACK)
        proxy = self.wskeep({**NO_PINGS, "relay.close_timeout": "500ms", **settings}, backend_port=backend.port,
                            backend_host=BACK)
        client = self.session(proxy.port)
        server = backend.accept()
        server.send(frames.build(frames.TEXT, b"alive"))
        self.assertEqual(client.frame_of(frames.TEXT).payload, b"alive")
        since = time.time()
        cable.tell("cut")
        if "keepalive.backend.tcp_keepalive_idle" not in settings:
            client.send(frames.client(frames.TEXT, b"into the void"))
        self.check(proxy, since, "backend_unresponsive", "wskeep", bound)
        self.assertEqual(client.frame_of(frames.CLOSE).code, 1011)

    def test_user_timeout_of_the_backend(self):
        self.check_backend_pulled({"keepalive.backend.tcp_user_timeout": "2s"}, 2 + 1)

    def test_tcp_keepalive_of_the_backend(self):
        self.check_backend_pulled({"keepalive.backend.tcp_user_timeout": "0s",
                                   "keepalive.backend.tcp_keepalive_idle": "1s",
                                   "keepalive.backend.tcp_keepalive_interval": "1s",
                                   "keepalive.backend.tcp_keepalive_count": "2"}, 1 + 2 * 1 + 1)


if __name__ == "__main__":
    unittest.main()
