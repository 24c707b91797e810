"""The opening handshake: what wskeep refuses, what the backend refuses, and what passes unchanged."""

import unittest

import frames
import raw
from harness import IntegrationTest

KEY_HEADER = f"Sec-WebSocket-Key: {raw.KEY}\r\n"
GOOD = raw.upgrade_request().decode()
BAD_REQUESTS = {
    "not HTTP": (b"hello there\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "no Host": (GOOD.replace("Host: example.test\r\n", ""), 400),
    "two Hosts": (GOOD.replace("Host:", "Host: other.test\r\nHost:"), 400),
    "no key": (GOOD.replace(KEY_HEADER, ""), 400),
    "two keys": (GOOD.replace(KEY_HEADER, KEY_HEADER * 2), 400),
    "key of 15 bytes": (GOOD.replace(raw.KEY, "MTIzNDU2Nzg5MDEyMzQ1"), 400),
    "POST": (GOOD.replace("GET", "POST"), 400),
    "HTTP/1.0": (GOOD.replace("HTTP/1.1", "HTTP/1.0"), 400),
    "no Connection": (GOOD.replace("Connection: Upgrade\r\n", ""), 400),
    "with a body": (GOOD.replace("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\nhello"), 400),
    "folded header": (GOOD.replace("Host:", "X-Folded: a\r\n b\r\nHost:"), 400),
    "bare LF": (GOOD.replace("\r\n", "\n"), 400),
    "version 8": (GOOD.replace("Version: 13", "Version: 8"), 426),
    "no version": (GOOD.replace("Sec-WebSocket-Version: 13\r\n", ""), 426),
    "large head": (GOOD.replace("Host:", f"X-Large: {'x' * 5000}\r\nHost:"), 431),
    "CONNECT": ("CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n", 501),
}
RESULTS = {400: "bad_request", 408: "request_timeout", 426: "unsupported_version", 431: "head_too_large",
           501: "unsupported_method"}


class Refusals(IntegrationTest):
    """Answers that wskeep gives itself, so there is no direct control."""

    def setUp(self):
        self.needs_wskeep()

    def refused(self, proxy, request):
        """The answer to a request, and its body; wskeep closes behind it."""
        client = self.raw_connection(proxy.port)
        client.send(request.encode() if isinstance(request, str) else request)
        head = client.read_head()
        body = client.rest()
        self.assertEqual(int(head.get("content-length")), len(body))
        self.assertIn("close", head.get("connection").lower())
        self.assertTrue(head.get("content-type").startswith("text/plain"))
        self.assertTrue(body.decode().strip(), "an answer says why")
        return head, body

    def check_logged(self, proxy, status):
        record = proxy.log("handshake failed")
        self.assertEqual(record["status"], status, record)
        self.assertTrue(record["reason"], record)
        self.assertTrue(record["client"].startswith("127.0.0.1:"), record)

    def test_bad_requests(self):
        backend = self.raw_backend()
        proxy = self.front(backend.port, {"limits.header_bytes": "4KiB"})
        expected = {}
        for name, (request, status) in BAD_REQUESTS.items():
            with self.subTest(name):
                head, _ = self.refused(proxy, request)
                self.assertEqual(head.status, status)
                if status == 426:
                    self.assertEqual(head.get("sec-websocket-version"), "13")
                self.check_logged(proxy, status)
                expected[RESULTS[status]] = expected.get(RESULTS[status], 0) + 1
        metrics = proxy.metrics()
        for result, count in expected.items():
            self.assertEqual(metrics.value("wskeep_handshakes_total", result=result), count, result)
        self.assertEqual(metrics.value("wskeep_connections_opened_total"), 0)
        self.assertEqual(metrics.value("wskeep_connections_open", state="open"), 0)

    def test_silent_client(self):
        """A client that says nothing, or half a head, is told 408 and sent off."""
        for said in (b"", GOOD[:40].encode()):
            with self.subTest(said=said):
                proxy = self.front(self.raw_backend().port, {"limits.handshake_timeout": "300ms"})
                head, _ = self.refused(proxy, said)
                self.assertEqual(head.status, 408)
                self.check_logged(proxy, 408)
                self.assertEqual(proxy.metrics().value("wskeep_handshakes_total", result="request_timeout"), 1)

    def test_trickling_client(self):
        """A head in single bytes is a head."""
        backend = self.raw_backend()
        proxy = self.front(backend.port)
        client = self.raw_connection(proxy.port)
        client.send_bytewise(GOOD.encode())
        self.assertEqual(client.read_head().status, 101)

    def test_backend_refuses_the_connection(self):
        proxy = self.front(raw.closed_port(), {"backend.connect_timeout": "500ms"})
        head, _ = self.refused(proxy, GOOD)
        self.assertEqual(head.status, 502)
        self.check_logged(proxy, 502)
        self.assertEqual(proxy.metrics().value("wskeep_handshakes_total", result="backend_unreachable"), 1)

    def test_silent_backend(self):
        proxy = self.front(self.raw_backend(lambda request: None).port, {"backend.handshake_timeout": "300ms"})
        head, _ = self.refused(proxy, GOOD)
        self.assertEqual(head.status, 504)
        self.check_logged(proxy, 504)
        self.assertEqual(proxy.metrics().value("wskeep_handshakes_total", result="backend_timeout"), 1)

    def test_bad_answers(self):
        """A 101 that is none opens no tunnel."""
        def right(request):
            return raw.switch(request).decode()

        answers = {
            "wrong accept key": lambda request: right(request).replace(raw.accept_for(raw.KEY), raw.accept_for("x")),
            "no accept key": lambda request: right(request).replace("Sec-WebSocket-Accept", "X-Accept"),
            "no Upgrade": lambda request: right(request).replace("Upgrade: websocket\r\n", ""),
            "other Upgrade": lambda request: right(request).replace("websocket\r\n", "h2c\r\n"),
            "no Connection": lambda request: right(request).replace("Connection: Upgrade\r\n", ""),
            "not HTTP": lambda request: "hello there\r\n\r\n",
        }
        for name, answer in answers.items():
            with self.subTest(name):
                proxy = self.front(self.raw_backend(lambda request: answer(request).encode()).port)
                head, body = self.refused(proxy, GOOD)
                self.assertEqual(head.status, 502)
                self.assertNotIn(b"hello", body)
                self.check_logged(proxy, 502)
                self.assertEqual(proxy.metrics().value("wskeep_handshakes_total", result="backend_bad_answer"), 1)

    def test_backend_leaves_without_an_answer(self):
        backend = self.raw_backend(lambda request: b"")
        proxy = self.front(backend.port)
        client = self.raw_connection(proxy.port)
        client.send(GOOD.encode())
        backend.accept().close()
        self.assertEqual(client.read_head().status, 502)

    def test_client_leaves_first(self):
        backend = self.raw_backend(lambda request: None)
        proxy = self.front(backend.port)
        client = self.raw_connection(proxy.port)
        client.send(GOOD.encode())
        server = backend.accept()
        client.abort()
        self.assertEqual(server.rest(), b"")
        proxy.wait_metric("wskeep_handshakes_total", result="client_gone")

    def test_choices_that_were_not_offered(self):
        """A backend chooses among the subprotocols and extensions of the request, or no tunnel opens."""
        protocol, extension = "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"
        cases = {
            "/protocol": ((protocol, "mqtt"), "the backend's 101 has a subprotocol that was not offered"),
            "/protocols": ((protocol, "chat, chat"), "the backend's 101 has more than one subprotocol"),
            "/extension": ((extension, "x-own"), "the backend's 101 has an extension that was not offered"),
        }
        early = frames.build(frames.TEXT, b"no tunnel")
        backend = self.raw_backend(
            lambda request: raw.switch(request, headers=[cases[request.line.split()[1]][0]], behind=early))
        proxy = self.front(backend.port)
        for path, (_, reason) in cases.items():
            with self.subTest(path):
                request = raw.upgrade_request(path, [(protocol, "chat"), (extension, "permessage-deflate")])
                head, body = self.refused(proxy, request)
                self.assertEqual(head.status, 502)
                self.assertNotIn(b"no tunnel", body)
                record = proxy.log("handshake failed", status=502, result="backend_bad_answer")
                self.assertEqual(record["reason"], f"bad answer from backend: {reason}")
                self.assertEqual(backend.accept().rest(), b"")

    def test_nothing_passes_before_the_101(self):
        """Frames behind the request stay with wskeep until the backend has really switched."""
        backend = self.raw_backend(lambda request: None)
        proxy = self.front(backend.port)
        client = self.raw_connection(proxy.port)
        early = frames.client(frames.TEXT, b"early")
        client.send(GOOD.encode() + early)
        server = backend.accept()
        self.assertTrue(server.quiet_for(0.3), "bytes behind the request reached a backend that has not switched")
        server.send(raw.switch(server.head))
        self.assertEqual(server.frame().raw, early)
        self.assertEqual(client.read_head().status, 101)


class Passing(IntegrationTest):
    def test_backend_refuses(self):
        """Any other answer than 101 is the client's to see, with its body."""
        body = b"not for you\n"
        answer = (b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nX-Reason: mood\r\nContent-Length: %d\r\n"
                  b"Connection: close\r\n\r\n%b" % (len(body), body))
        backend = self.raw_backend(lambda request: answer)
        proxy = self.front(backend.port)
        client = self.raw_connection(proxy.port)
        client.send(GOOD.encode())
        head = client.read_head()
        backend.accept().close()
        self.assertEqual((head.status, head.get("x-reason"), client.read_body(len(body))), (403, "mood", body))
        if proxy.present:
            proxy.log("handshake failed")  # counted behind the last byte, which may be read before
            self.assertEqual(proxy.metrics().value("wskeep_handshakes_total", result="refused"), 1)
            self.assertEqual(proxy.metrics().value("wskeep_connections_opened_total"), 0)

    def test_frames_with_the_heads(self):
        """Frames in one packet with the request, and with the 101, arrive, in order and once."""
        hello, welcome = frames.client(frames.TEXT, b"hello"), frames.build(frames.TEXT, b"welcome" * 1000)
        backend = self.raw_backend(lambda request: raw.switch(request, behind=welcome))
        proxy = self.front(backend.port)
        client = self.raw_session(proxy.port, behind=hello * 3)
        server = backend.accept()
        self.assertEqual([server.frame().raw for _ in range(3)], [hello] * 3)
        self.assertEqual(client.frame().raw, welcome)

    def test_unchanged(self):
        """Path, query, origin, cookies, subprotocols and extensions reach the backend; its 101 reaches the client."""
        offered = [("Origin", "https://app.example.test"), ("Cookie", "a=1; b=2"), ("User-Agent", "test/1.0"),
                   ("Sec-WebSocket-Protocol", "chat.v2, chat.v1"), ("X-Custom", "Some  Value"),
                   ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits, x-own; a=1")]
        chosen = [("Sec-WebSocket-Protocol", "chat.v1"), ("Set-Cookie", "c=3"),
                  ("Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover")]
        backend = self.raw_backend(lambda request: raw.switch(request, headers=chosen))
        proxy = self.front(backend.port)
        client = self.raw_session(proxy.port, "/chat/room%201?token=a%2Fb&x=%22", offered)
        seen = backend.accept().head
        self.assertEqual(seen.line, "GET /chat/room%201?token=a%2Fb&x=%22 HTTP/1.1")
        self.assertEqual(seen.all("host"), ["example.test"])
        self.assertEqual(seen.all("sec-websocket-key"), [raw.KEY])
        for name, value in offered:
            self.assertEqual(seen.all(name), [value], name)
        for name, value in chosen:
            self.assertEqual(client.head.all(name), [value], name)
        self.assertEqual(client.head.all("sec-websocket-accept"), [raw.accept_for(raw.KEY)])

    def test_forwarded_headers(self):
        """The backend learns who the client is from wskeep alone: what the client claims is dropped."""
        self.needs_wskeep()
        backend = self.raw_backend()
        proxy = self.front(backend.port)
        claims = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.test"),
                  ("Forwarded", "for=6.6.6.6"), ("X_Forwarded_For", "6.6.6.6")]
        for headers in ((), claims):
            with self.subTest(headers=headers):
                self.raw_session(proxy.port, "/", headers)
                seen = backend.accept().head
                self.assertEqual(seen.all("x-forwarded-for"), ["127.0.0.1"])
                self.assertEqual(seen.all("x-forwarded-proto"), ["http"])
                self.assertEqual(seen.all("x-forwarded-host"), ["example.test"])
                self.assertNotIn("6.6.6.6", str(seen.headers))

    def test_real_subprotocol(self):
        server = self.server()
        proxy = self.front(server.port)
        client = self.client("ws", proxy.port, protocols=["first", "second"])
        self.assertEqual(client.opened["protocol"], "first")
        self.assertEqual(server.next("connection")["headers"]["sec-websocket-protocol"], "first,second")


if __name__ == "__main__":
    unittest.main()
