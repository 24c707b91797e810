"""Whom wskeep believes: the forwarding fields of trusted proxies, and the origins whose pages may open sessions."""

import unittest

import raw
from harness import IntegrationTest

ORIGINS = "https://app.example,https://*.below.example,same"


class Forwarding(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()

    def seen(self, settings, headers):
        """What the backend sees of a request, and what wskeep logs as its client."""
        backend = self.raw_backend()
        proxy = self.front(backend.port, settings)
        session = self.raw_session(proxy.port, "/", headers)
        server = backend.accept()
        session.close()
        server.close()
        return server.head, proxy.ended()["client"]

    def test_trusted_proxy(self):
        """Its lists go on, its other fields stay, and the client is the nearest one that is not trusted."""
        headers = [("X-Forwarded-For", "127.0.0.1, 198.51.100.7"), ("X-Forwarded-For", "10.1.2.3"),
                   ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "shown.test"), ("X_Forwarded_For", "6.6.6.6")]
        head, client = self.seen({"trusted_proxies": "127.0.0.0/8,10.0.0.0/8"}, headers)
        self.assertEqual(head.all("x-forwarded-for"), ["127.0.0.1, 198.51.100.7, 10.1.2.3, 127.0.0.1"])
        self.assertEqual(head.all("x-forwarded-proto"), ["https"])
        self.assertEqual(head.all("x-forwarded-host"), ["shown.test"])
        self.assertEqual(head.all("host"), ["example.test"])
        self.assertEqual(head.all("forwarded"), [])
        self.assertEqual(head.all("x_forwarded_for"), [])
        self.assertEqual(client, "198.51.100.7")

    def test_trusted_proxy_of_the_rfc(self):
        head, client = self.seen({"trusted_proxies": "127.0.0.1"}, [("Forwarded", 'for="[2001:db8::7]:4711";proto=https')])
        self.assertEqual(head.all("forwarded"), [
            'for="[2001:db8::7]:4711";proto=https, for=127.0.0.1;host=example.test;proto=http'])
        self.assertEqual(head.all("x-forwarded-for"), [])
        self.assertEqual(client, "[2001:db8::7]:4711")

    def test_malformed_words_of_a_trusted_proxy(self):
        """Nothing breaks; what can't be understood isn't believed."""
        head, client = self.seen({"trusted_proxies": "127.0.0.1"},
                                 [("X-Forwarded-For", "fish, ,"), ("Forwarded", 'for="198.51.100.7')])
        self.assertEqual(head.all("x-forwarded-for"), ["fish, ,, 127.0.0.1"])
        self.assertEqual(head.all("forwarded"), ["for=127.0.0.1;host=example.test;proto=http"])
        self.assertTrue(client.startswith("127.0.0.1:"), client)

    def test_stranger(self):
        headers = [("X-Forwarded-For", "6.6.6.6"), ("Forwarded", "for=6.6.6.6")]
        head, client = self.seen({"trusted_proxies": "10.0.0.0/8,::1"}, headers)
        self.assertEqual(head.all("x-forwarded-for"), ["127.0.0.1"])
        self.assertEqual(head.all("forwarded"), ["for=127.0.0.1;host=example.test;proto=http"])
        self.assertTrue(client.startswith("127.0.0.1:"), client)


class Origins(IntegrationTest):
    def test_origins(self):
        """A page that isn't listed gets 403, and the backend hears nothing of it."""
        self.needs_wskeep()
        backend = self.raw_backend()
        proxy = self.front(backend.port, {"allowed_origins": ORIGINS})
        refused = ["https://evil.example", "http://app.example", "https://below.example", "https://app.example.evil.example",
                   "null", ""]
        for origin in refused:
            with self.subTest(origin):
                client = self.raw_connection(proxy.port)
                client.send(raw.upgrade_request("/", [("Origin", origin)]))
                self.assertEqual(client.read_head().status, 403)
                self.assertEqual(client.rest(), b"403 Forbidden: this Origin is not allowed here\n")
                record = proxy.log("handshake failed", result="origin_refused", status=403)
                self.assertIn(origin, record["reason"])
        metrics = proxy.metrics()
        self.assertEqual(metrics.value("wskeep_handshakes_total", result="origin_refused"), len(refused))
        for headers in ([("Origin", "https://APP.example:443")], [("Origin", "https://a.b.below.example")],
                        [("Origin", "http://example.test")], []):
            with self.subTest(headers=headers):
                path = f"/{len(headers)}"
                self.raw_session(proxy.port, path, headers)
                self.assertEqual(backend.accept().head.line, f"GET {path} HTTP/1.1", "the first that it hears")


if __name__ == "__main__":
    unittest.main()
