"""Upgrades to protocols that wskeep doesn't know: taken out of a request, or tunnelled where they are allowed."""

import os
import unittest

import raw
from harness import IntegrationTest


def request(protocol, path="/", more=""):
    return (f"GET {path} HTTP/1.1\r\nHost: example.test\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
            f"{more}\r\n").encode()


def answer_as_asked(asked):
    """A 101 for whatever Upgrade names, and an ordinary answer without one."""
    protocol = asked.get("upgrade")
    if protocol is None:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain"
    return f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n".encode()


class Tunnels(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()

    def ask(self, proxy, sent):
        client = self.raw_connection(proxy.port)
        client.send(sent)
        return client, client.read_head()

    def test_bytes_pass_both_ways_and_so_do_the_ends(self):
        backend = self.raw_backend(answer_as_asked)
        proxy = self.front(backend.port, {"tunnel_upgrades": "x-chat"})
        client, head = self.ask(proxy, request("X-Chat, h2c") + b"early")
        self.assertEqual((head.status, head.get("upgrade")), (101, "x-chat"))
        behind = backend.accept()
        self.assertEqual(behind.head.all("upgrade"), ["x-chat"])
        data = os.urandom(3_000_000)
        client.send(data)
        client.finish()
        self.assertEqual(behind.rest(), b"early" + data)
        behind.send(b"\x81\x7e not a frame")
        behind.finish()
        self.assertEqual(client.rest(), b"\x81\x7e not a frame")
        self.assertEqual(proxy.metrics().value("wskeep_http_requests_total", code="1xx"), 1)

    def test_others_are_ordinary_requests(self):
        backend = self.raw_backend(answer_as_asked)
        proxy = self.front(backend.port, {"tunnel_upgrades": "x-chat"})
        for sent in (request("x-other"), request("h2c", more="HTTP2-Settings: AAMAAABk\r\n"),
                     request("x-chat", more="Content-Length: 3\r\n") + b"abc"):
            with self.subTest(sent=sent):
                _, head = self.ask(proxy, sent)
                self.assertEqual(head.status, 200)
                self.assertEqual(backend.accept().head.all("upgrade"), [])

    def test_a_101_for_another_protocol_opens_nothing(self):
        backend = self.raw_backend(lambda asked: answer_as_asked(asked).replace(b"x-chat", b"x-other"))
        proxy = self.front(backend.port, {"tunnel_upgrades": "x-chat"})
        _, head = self.ask(proxy, request("x-chat"))
        self.assertEqual(head.status, 502)

    def test_a_refusal_is_an_answer_like_any_other(self):
        backend = self.raw_backend(lambda asked: b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        proxy = self.front(backend.port, {"tunnel_upgrades": "x-chat"})
        client, head = self.ask(proxy, request("x-chat"))
        self.assertEqual((head.status, head.get("connection")), (403, None))
        client.finish()
        self.assertEqual(client.rest(), b"no")


if __name__ == "__main__":
    unittest.main()
