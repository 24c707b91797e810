"""The PROXY protocol: believed of trusted proxies on listeners that want it, and spoken to backends that do."""

import unittest

import frames
import proxy_protocol
import raw
from harness import IntegrationTest

REQUIRED = {"listeners.0.proxy_protocol": "require", "trusted_proxies": "127.0.0.1"}
REQUEST = raw.upgrade_request()


class Listener(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()

    def talk(self, proxy, backend, header, *, bytewise=False):
        """A session behind that header: what the backend saw of its request, and what the log says of its client."""
        client = self.raw_connection(proxy.port)
        (client.send_bytewise if bytewise else client.send)(header + REQUEST)
        self.assertEqual(client.read_head().status, 101)
        server = backend.accept()
        client.send(frames.client(frames.TEXT, b"hello"))
        self.assertEqual(server.frame().payload, b"hello")
        client.close()
        server.close()
        return server.head, proxy.ended()["client"]

    def test_the_client_is_the_one_of_the_header(self):
        backend = self.raw_backend()
        proxy = self.front(backend.port, REQUIRED)
        headers = {
            "v1": (proxy_protocol.v1("192.0.2.7", "10.0.0.1"), "192.0.2.7:1234", "192.0.2.7"),
            "v1, IPv6": (proxy_protocol.v1("2001:db8::7", "::1"), "[2001:db8::7]:1234", "2001:db8::7"),
            "v2": (proxy_protocol.v2("192.0.2.7", "10.0.0.1"), "192.0.2.7:1234", "192.0.2.7"),
            "v2, IPv6": (proxy_protocol.v2("2001:db8::7", "::1"), "[2001:db8::7]:1234", "2001:db8::7"),
        }
        for name, (header, logged, forwarded) in headers.items():
            for bytewise in (False, True):
                with self.subTest(name, bytewise=bytewise):
                    head, client = self.talk(proxy, backend, header, bytewise=bytewise)
                    self.assertEqual(client, logged)
                    self.assertEqual(head.all("x-forwarded-for"), [forwarded])
                    self.assertEqual(head.all("x-forwarded-proto"), ["http"])

    def test_tls_before_the_proxy(self):
        backend = self.raw_backend()
        proxy = self.front(backend.port, REQUIRED)
        header = proxy_protocol.v2("192.0.2.7", "10.0.0.1", tlvs=[(proxy_protocol.SSL, b"\1\0\0\0\1")])
        head, _ = self.talk(proxy, backend, header)
        self.assertEqual(head.all("x-forwarded-proto"), ["https"])

    def test_a_proxy_that_speaks_for_nobody(self):
        """Its health checks come from itself, whatever they say."""
        backend = self.raw_backend()
        proxy = self.front(backend.port, REQUIRED)
        for header in (b"PROXY UNKNOWN\r\n", proxy_protocol.v2("192.0.2.7", "10.0.0.1", command=0x20)):
            with self.subTest(header):
                head, client = self.talk(proxy, backend, header)
                self.assertTrue(client.startswith("127.0.0.1:"), client)
                self.assertEqual(head.all("x-forwarded-for"), ["127.0.0.1"])

    def test_the_fields_of_a_stranger_behind_the_proxy(self):
        """The header's client is no trusted proxy, so its own fields are replaced."""
        backend = self.raw_backend()
        proxy = self.front(backend.port, REQUIRED)
        client = self.raw_connection(proxy.port)
        client.send(proxy_protocol.v1("192.0.2.7", "10.0.0.1") +
                    raw.upgrade_request("/", [("X-Forwarded-For", "6.6.6.6")]))
        self.assertEqual(client.read_head().status, 101)
        self.assertEqual(backend.accept().head.all("x-forwarded-for"), ["192.0.2.7"])

    def refused(self, proxy, sent, result, reason):
        client = self.raw_connection(proxy.port)
        if sent:
            client.send(sent)
        self.assertEqual(client.rest(), b"")
        record = proxy.log("handshake failed", result=result)
        self.assertEqual((record["status"], record["reason"]), (0, reason))
        self.assertTrue(record["client"].startswith("127.0.0.1:"), record)

    def test_bad_headers(self):
        """Without a good header there is no answer, not even a byte."""
        proxy = self.front(self.raw_backend().port, REQUIRED)
        cases = {
            REQUEST: "there is no PROXY header",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": "there is no PROXY header",
            b"PROXY TCP4 192.0.2.7 1\r\n" + REQUEST: "the PROXY line does not have two addresses and two ports",
            b"PROXY UNKNOWN" + b" " * 100: "the PROXY line is longer than 107 bytes",
            proxy_protocol.SIGNATURE + b"\x11": "the PROXY header has an unknown version or command",
            proxy_protocol.v2("192.0.2.7", "::1"): "the PROXY header ends inside a field",
        }
        for sent, reason in cases.items():
            with self.subTest(reason):
                self.refused(proxy, sent, "bad_proxy_header", reason)
        self.assertEqual(proxy.metrics().value("wskeep_handshakes_total", result="bad_proxy_header"), len(cases))

    def test_strangers(self):
        """Who isn't trusted needn't send anything to be refused."""
        proxy = self.front(self.raw_backend().port, {**REQUIRED, "trusted_proxies": "10.0.0.0/8"})
        reason = "a PROXY header is wanted here, and the peer is not in trusted_proxies"
        for sent in (b"", proxy_protocol.v1("10.0.0.1", "10.0.0.2") + REQUEST):
            self.refused(proxy, sent, "untrusted_peer", reason)

    def test_silence(self):
        """A header that doesn't come in time counts as a bad one, and a client that leaves as gone."""
        proxy = self.front(self.raw_backend().port, {**REQUIRED, "limits.handshake_timeout": "300ms"})
        for sent in (b"", b"PROXY TCP4 192.0.2.7 "):
            self.refused(proxy, sent, "bad_proxy_header", "no whole PROXY header in time")
        for said in (b"", b"PRO"):
            client = self.raw_connection(proxy.port)
            client.send(said)
            client.close()
        proxy.wait_metric("wskeep_handshakes_total", result="client_gone", at_least=2)


class Backend(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()

    def told(self, settings, sent=b""):
        """What the backend is told about a client, and what the log says about its session."""
        backend = proxy_protocol.Backend()
        self.addCleanup(backend.close)
        proxy = self.front(backend.port, settings)
        client = self.raw_connection(proxy.port)
        address = client.sock.getsockname(), client.sock.getpeername()
        client.send(sent + REQUEST)
        self.assertEqual(client.read_head().status, 101)
        server = backend.accept()
        self.assertEqual(server.head.line, "GET / HTTP/1.1")
        client.close()
        server.close()
        return server.proxy, address, proxy.ended()

    def test_v1(self):
        header, (source, destination), _ = self.told({"backend.proxy_protocol": "v1"})
        self.assertEqual((header.version, header.source, header.destination), (1, source, destination))

    def test_v2(self):
        header, (source, destination), ended = self.told({"backend.proxy_protocol": "v2"})
        self.assertEqual((header.version, header.source, header.destination), (2, source, destination))
        self.assertEqual(header.tlvs, {proxy_protocol.UNIQUE_ID: ended["id"].encode()})

    def test_passes_on_what_it_was_told(self):
        tlvs = [(proxy_protocol.ALPN, b"http/1.1"), (proxy_protocol.AUTHORITY, b"a.example"),
                (proxy_protocol.UNIQUE_ID, b"the proxy's"), (proxy_protocol.SSL, b"\1\0\0\0\1")]
        sent = proxy_protocol.v2("2001:db8::7", "2001:db8::1", tlvs=tlvs)
        header, _, _ = self.told({**REQUIRED, "backend.proxy_protocol": "v2"}, sent)
        self.assertEqual((header.source, header.destination), (("2001:db8::7", 1234), ("2001:db8::1", 443)))
        self.assertEqual(header.tlvs, dict(tlvs))
        header, _, _ = self.told({**REQUIRED, "backend.proxy_protocol": "v1"}, sent)
        self.assertEqual((header.source, header.destination), (("2001:db8::7", 1234), ("2001:db8::1", 443)))


if __name__ == "__main__":
    unittest.main()
