"""Clients that fall silent, each in another way: the right word for each, in time, and nobody else is ended."""

import signal
import time
import unittest

from network import MORE, NetworkTest, moment, stop_process

INTERVAL, TIMEOUT = 1.0, 1.0
BOUND = INTERVAL + TIMEOUT + 1  # from the cut to the verdict
BEATS = {"keepalive.client.ping_interval": "1s", "keepalive.client.pong_timeout": "1s"}


class Silence(NetworkTest):
    def setUp(self):
        super().setUp()
        self.lay_network()

    def proxy_with_clients(self, settings=None):
        """A real client of each kind, and one that lives on; all have answered a ping."""
        proxy = self.wskeep({**BEATS, **(settings or {})})
        clients = [self.real_client("ws", proxy.port), self.real_client("websockets", proxy.port)]
        for client in clients:
            client.next("ping")
        proxy.wait_metric("wskeep_pongs_received_total", at_least=2, leg="client", result="matched")
        return proxy, clients

    def check(self, proxy, since, reason, count=1, initiator="wskeep", bound=BOUND):
        """So many sessions end for this reason, in time, and no other does."""
        for _ in range(count):
            record = proxy.ended()
            self.assertEqual((record["reason"], record["initiator"]), (reason, initiator), record)
            took = moment(record) - since
            self.assertLess(took, bound)
            print(f"{self._testMethodName}: {reason} after {took:.3f} s (bound {bound} s)")
        closed = proxy.metrics()
        self.assertEqual(closed.value("wskeep_connections_closed_total", reason=reason), count)
        self.assertEqual(closed.value("wskeep_connections_closed_total"), count)

    def check_cut(self, command):
        proxy, clients = self.proxy_with_clients()
        cut = time.time()
        self.cable.tell(command)
        self.check(proxy, cut, "network_dead", len(clients))

    def test_cable_pulled(self):
        self.check_cut("cut")

    def test_clients_not_heard(self):
        """Their pongs are lost, and so is every acknowledgement."""
        self.check_cut("cut a>b")

    def test_clients_not_reached(self):
        """Our pings are lost; that the clients could still speak doesn't help them."""
        self.check_cut("cut b>a")

    def test_clients_that_send_again(self):
        """What they sent last arrives over and over, since they don't hear that it did: no sign that we are heard."""
        proxy, clients = self.proxy_with_clients({"keepalive.client.pong_timeout": "4s"})
        cut = time.time()
        self.cable.tell("cut b>a")
        for client in clients:
            client.do("send", size=10, binary=True)
        self.check(proxy, cut, "network_dead", len(clients), bound=INTERVAL + 4 + 1)

    def test_cable_back_in_time(self):
        """Out for less than the timeout: what was lost is sent again, and nobody is ended."""
        settings = {"keepalive.client.pong_timeout": "4s"}
        proxy, clients = self.proxy_with_clients(settings)
        for _ in range(2):
            missed = proxy.metrics().value("wskeep_pings_sent_total", leg="client")
            self.cable.tell("cut")
            proxy.wait_metric("wskeep_pings_sent_total", at_least=missed + 2, leg="client")
            self.cable.tell("heal")
            for client in clients:
                client.do("send", size=1000, binary=True)
                self.assertTrue(client.next("message")["equal"])
        self.assertEqual(proxy.metrics().value("wskeep_connections_closed_total"), 0)

    def test_frozen_process(self):
        proxy, clients = self.proxy_with_clients()
        since = stop_process(clients[0].pid)
        self.check(proxy, since, "app_stalled")
        clients[1].do("send", size=10, binary=True)
        self.assertTrue(clients[1].next("message")["equal"])

    def test_process_frozen_for_less(self):
        proxy, clients = self.proxy_with_clients({"keepalive.client.pong_timeout": "5s"})
        sent = proxy.metrics().value("wskeep_pings_sent_total", leg="client")
        for client in clients:
            stop_process(client.pid)
        proxy.wait_metric("wskeep_pings_sent_total", at_least=sent + 6, leg="client")
        for client in clients:
            client.signal(signal.SIGCONT)
            client.do("send", size=10, binary=True)
            self.assertTrue(client.next("message")["equal"])
        self.assertEqual(proxy.metrics().value("wskeep_connections_closed_total"), 0)

    def test_wskeep_stopped(self):
        """Stopped for longer than the timeout, as in a suspended machine: the living live, the dead are found."""
        proxy = self.wskeep(BEATS)
        swarm = self.swarm(proxy.port, 50)
        proxy.wait_metric("wskeep_pongs_received_total", at_least=100, leg="client", result="matched")
        dead = [f"{MORE}.7", f"{MORE}.33"]
        stop_process(proxy.pid)
        self.cable.tell(f"cut {dead[0]}")
        stop_process(swarm.clients[dead[1]]["pid"])
        self.pause(2.5 * TIMEOUT)
        proxy.signal(signal.SIGCONT)
        since = time.time()
        words = {}
        for _ in dead:
            record = proxy.ended()
            self.assertLess(moment(record) - since, BOUND)
            words[record["client"].partition(":")[0]] = record["reason"]
        self.assertEqual(words, {dead[0]: "network_dead", dead[1]: "app_stalled"})
        pongs = proxy.metrics().value("wskeep_pongs_received_total", leg="client", result="matched")
        proxy.wait_metric("wskeep_pongs_received_total", at_least=pongs + 3 * 48, leg="client", result="matched")
        self.assertEqual(proxy.metrics().value("wskeep_connections_closed_total"), 2)
        print(f"{self._testMethodName}: 48 of 48 living clients kept, 2 of 2 dead found")

    def test_many_short_stops(self):
        """Late by less than half a timeout, again and again, is not taken for a suspended machine."""
        proxy = self.wskeep(BEATS)
        swarm = self.swarm(proxy.port, 50)
        proxy.wait_metric("wskeep_pongs_received_total", at_least=50, leg="client", result="matched")
        for length in (0.4, 0.45, 0.55, 0.9, 1.0, 1.1):
            stop_process(proxy.pid)
            self.pause(length)
            proxy.signal(signal.SIGCONT)
            pongs = proxy.metrics().value("wskeep_pongs_received_total", leg="client", result="matched")
            proxy.wait_metric("wskeep_pongs_received_total", at_least=pongs + 25, leg="client", result="matched")
        self.assertEqual(proxy.metrics().value("wskeep_connections_closed_total"), 0)
        self.assertEqual(swarm.out.count(event="close"), 0)

    def pause(self, seconds):
        """Not to wait for anything: for how long something is stopped is what is tested here."""
        time.sleep(seconds)


if __name__ == "__main__":
    unittest.main()
