"""More sessions than one address has ports for: connections to the backend come from several, in turn.

A namespace with 100 ports for each address, so that a few hundred sessions use up what otherwise takes tens of
thousands.
"""

import collections
import os

import frames
import raw
from network import NetworkTest, Wskeep

PORTS = 100
SOURCES = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
NO_PORT = "no port left for another connection to the backend"


class Ports(NetworkTest):
    def setUp(self):
        super().setUp()
        self.space = self.namespace("ports")
        self.backend = self.echo(self.space)
        self.opened = 0

    def front(self, backend, sources=()):
        settings = {"backend.source_addresses": ",".join(sources)} if sources else {}
        proxy = Wskeep(self.space, backend.port, {**settings, "workers": "1", "log.level": "info"})
        self.addCleanup(proxy.stop)
        return proxy

    def shrink(self):
        """From here on. What listens has its port already, outside."""
        self.space.run("sh", "-c", f"echo 20000 {20000 + PORTS - 1} > /proc/sys/net/ipv4/ip_local_port_range")

    def ask(self, proxy):
        """A client's stream, its handshake answered. Clients have addresses enough to come from."""
        with self.space.entered():
            stream = raw.connect(proxy.port, source=f"127.1.{self.opened // (PORTS // 2)}.1")
        self.opened += 1
        self.addCleanup(stream.close)
        stream.send(raw.upgrade_request())
        stream.read_head()
        return stream

    def open(self, proxy, count):
        streams = [self.ask(proxy) for _ in range(count)]
        self.assertEqual({stream.head.status for stream in streams}, {101})
        return streams

    def check_echo(self, streams):
        for number, stream in enumerate(streams):
            stream.send(frames.build(frames.TEXT, str(number).encode(), mask=os.urandom(4)))
        for number, stream in enumerate(streams):
            self.assertEqual(stream.frame_of(frames.TEXT).payload, str(number).encode())

    def check_refused(self, proxy, count):
        refused = [self.ask(proxy) for _ in range(count)]
        self.assertEqual({stream.head.status for stream in refused}, {502})
        line = proxy.log(NO_PORT, backend=f"127.0.0.1:{self.backend.port}", level="error")
        self.assertIn("backend.source_addresses", line["advice"])
        self.assertIn("net.ipv4.ip_local_port_range", line["advice"])

    def end(self, proxy, streams):
        for stream in streams:
            stream.send(frames.build(frames.CLOSE, b"\x03\xe8", mask=os.urandom(4)))
        for stream in streams:
            stream.frame_of(frames.CLOSE)
            stream.close()
        for _ in streams:
            proxy.ended(reason="client_close")

    def sources_of(self, backend):
        """How many established connections to the backend there are, by the address they come from."""
        lines = self.space.run("ss", "-Htn", "state", "established", f"dst 127.0.0.1:{backend.port}").splitlines()
        return collections.Counter(line.split()[2].rpartition(":")[0] for line in lines)

    def test_all_ports_of_all_addresses_are_used(self):
        proxy = self.front(self.backend, SOURCES)
        self.shrink()
        streams = self.open(proxy, 250)
        by_source = self.sources_of(self.backend)
        self.assertEqual(by_source.keys(), set(SOURCES))
        self.assertLessEqual(max(by_source.values()) - min(by_source.values()), 1, "they aren't taken in turn")
        self.check_echo(streams)
        streams += self.open(proxy, len(SOURCES) * PORTS - len(streams))
        self.assertEqual(self.sources_of(self.backend), {source: PORTS for source in SOURCES})
        self.check_refused(proxy, PORTS)
        self.check_echo(streams)
        self.end(proxy, streams[:40])
        self.check_echo(self.open(proxy, 40) + streams[40:])
        self.assertEqual(self.ask(proxy).head.status, 502)

    def test_an_address_without_a_port_is_passed_over(self):
        first = self.front(self.backend, SOURCES[:1])
        second = self.front(self.backend, SOURCES[:2])
        self.shrink()
        self.open(first, PORTS)
        self.check_echo(self.open(second, PORTS))
        self.assertEqual(self.sources_of(self.backend), {source: PORTS for source in SOURCES[:2]})

    def test_a_port_serves_each_backend_anew(self):
        others = self.echo(self.space)
        first, second = self.front(self.backend, SOURCES[:1]), self.front(others, SOURCES[:1])
        self.shrink()
        self.check_echo(self.open(first, PORTS) + self.open(second, PORTS))

    def test_without_the_option_the_advice_is_the_same(self):
        proxy = self.front(self.backend)
        self.shrink()
        self.check_echo(self.open(proxy, PORTS))
        self.assertEqual(self.sources_of(self.backend), {"127.0.0.1": PORTS})
        self.check_refused(proxy, 3)
