"""Long bodies: they pass in bounded memory however long they are, whole, and no faster than their reader reads."""

import os
import threading
import unittest
import zlib

from harness import DIRECT, IntegrationTest

SANITIZED = os.environ.get("WSKEEP_SANITIZED", "") != ""
TOTAL = (32 << 20) if SANITIZED else (1 << 30)
BOUND = 8 << 20  # what wskeep may need beyond its start: two buffers, one read, what malloc and a sanitizer keep
BLOCK = os.urandom(1 << 20)
CHUNK = 61_000


class Sender(threading.Thread):
    """Sends `total` bytes in blocks of 1 MiB, as they are or in chunks; `sent` tells how far it has come."""

    def __init__(self, stream, total, chunked):
        super().__init__(daemon=True)
        self.sent = 0
        self._stream = stream
        self._total = total
        self._chunked = chunked
        self.start()

    def run(self):
        view = memoryview(BLOCK)
        while self.sent < self._total:
            self._send(view)
            self.sent += len(view)
        if self._chunked:
            self._stream.send(b"0\r\n\r\n")

    def _send(self, view):
        if not self._chunked:
            return self._stream.send(view)
        pieces = [view[at : at + CHUNK] for at in range(0, len(view), CHUNK)]
        return self._stream.send(b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces))


def framing(total, chunked):
    return b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: %d\r\n\r\n" % total


class Streams(IntegrationTest):
    def start(self):
        """A connected pair: the client's stream and the backend's, which has read the head."""
        backend = self.raw_backend(lambda request: None)
        self.proxy = self.front(backend.port, {"relay.write_stall_timeout": "1h"})
        return backend, self.raw_connection(self.proxy.port)

    def receive(self, stream, total, chunked):
        """Reads a body and compares it with what was sent; gives the most memory that wskeep had meanwhile."""
        got, left, most = 0, total, 0
        expected = 0
        for _ in range(total // len(BLOCK)):
            expected = zlib.crc32(BLOCK, expected)
        while left:
            part = stream.read_chunk() if chunked else stream.read_body(min(left, len(BLOCK)))
            self.assertTrue(part, "the body ended early")
            got = zlib.crc32(part, got)
            left -= len(part)
            if not DIRECT and left % (16 << 20) < len(part):
                most = max(most, self.proxy.resident())
        if chunked:
            self.assertEqual(stream.read_chunk(), b"")
        self.assertEqual(got, expected)
        return most

    def answer(self, server, client):
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.assertEqual((client.read_head().status, client.read_body(2)), (200, b"ok"))

    def check(self, upwards, total, chunked):
        backend, client = self.start()
        start = 0 if DIRECT else self.proxy.resident()
        if upwards:
            client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\n" + framing(total, chunked))
            server = backend.accept()
            sender = Sender(client, total, chunked)
            most = self.receive(server, total, chunked)
            self.answer(server, client)
        else:
            client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            server = backend.accept()
            server.send(b"HTTP/1.1 200 OK\r\n" + framing(total, chunked))
            sender = Sender(server, total, chunked)
            self.assertEqual(client.read_head().status, 200)
            most = self.receive(client, total, chunked)
        sender.join()
        self.assertLess(most - start, BOUND)

    def test_up(self):
        self.check(True, TOTAL, False)

    def test_down(self):
        self.check(False, TOTAL, False)

    def test_up_in_chunks(self):
        self.check(True, TOTAL // 16, True)

    def test_down_in_chunks(self):
        self.check(False, TOTAL // 16, True)

    def check_slow(self, upwards):
        """Who sends is held back while nobody reads, and wskeep keeps what its buffers may hold."""
        self.needs_wskeep()
        backend, client = self.start()
        total = 64 << 20
        head = b"POST / HTTP/1.1\r\nHost: a.test\r\n" + framing(total, False) if upwards else \
            b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
        client.send(head)
        server = backend.accept()
        if not upwards:
            server.send(b"HTTP/1.1 200 OK\r\n" + framing(total, False))
            self.assertEqual(client.read_head().status, 200)
        start = self.proxy.resident()
        sender = Sender(client if upwards else server, total, False)
        self.wait_rest(sender)
        self.assertLess(sender.sent, total / 2)
        self.assertLess(self.proxy.resident() - start, BOUND)
        self.assertLess(self.receive(server if upwards else client, total, False) - start, BOUND)
        sender.join()
        if upwards:
            self.answer(server, client)

    def wait_rest(self, sender):
        """Until the sender stands still: as many answers of the admin server as it takes to see no change."""
        while True:
            before = sender.sent
            for _ in range(50):
                self.proxy.get("/livez")
            if sender.sent == before:
                return

    def test_slow_backend(self):
        self.check_slow(upwards=True)

    def test_slow_client(self):
        self.check_slow(upwards=False)


if __name__ == "__main__":
    unittest.main()
