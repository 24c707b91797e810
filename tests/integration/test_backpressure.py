"""A peer that doesn't read: what waits for it is bounded, the other side is held back, nothing is lost."""

import hashlib
import random
import threading
import unittest

import frames
from harness import IntegrationTest

TOTAL = 48 << 20
MESSAGE = 200_000
BOUND = 8 << 20  # what wskeep may need beyond its start: both limits, one read, what malloc and a sanitizer keep
NO_PINGS = {"keepalive.client.policy": "off", "keepalive.backend.policy": "off"}


class Backpressure(IntegrationTest):
    def check(self, build, name):
        """48 MiB from one raw peer to another that begins to read only when the first one is held back."""
        self.needs_wskeep()
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**NO_PINGS, "relay.write_stall_timeout": "1h"})
        client = self.raw_session(proxy.port)
        server = backend.accept()
        sender, receiver = (client, server) if name == "to_backend" else (server, client)
        start = proxy.resident()
        message = build(frames.BINARY, random.Random(7).randbytes(MESSAGE))
        count = TOTAL // len(message)
        sent = threading.Thread(target=lambda: [sender.send(message) for _ in range(count)], daemon=True)
        sent.start()
        proxy.wait_metric("wskeep_bytes_total", at_least=256 << 10, direction=name)
        # Nobody reads yet; wskeep must stop reading too, so its count of bytes comes to rest.
        while (taken := proxy.metrics().value("wskeep_bytes_total", direction=name)) != self.next_scrape(proxy, name):
            pass
        self.assertLess(taken, TOTAL / 2)
        self.assertLess(proxy.resident() - start, BOUND)
        expected, got = hashlib.sha256(), hashlib.sha256()
        for _ in range(count):
            expected.update(message)
            got.update(receiver.frame().raw)
        self.assertEqual(got.hexdigest(), expected.hexdigest())
        sent.join()
        self.assertLess(proxy.resident() - start, BOUND)

    def next_scrape(self, proxy, name):
        for _ in range(10):
            value = proxy.metrics().value("wskeep_bytes_total", direction=name)
        return value

    def test_to_client(self):
        self.check(frames.build, "to_client")

    def test_to_backend(self):
        self.check(frames.client, "to_backend")

    def test_a_stalled_client_is_ended(self):
        """A client that takes no byte for write_stall_timeout while bytes wait is ended for that reason."""
        self.needs_wskeep()
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**NO_PINGS, "relay.write_stall_timeout": "300ms"})
        self.raw_session(proxy.port)
        server = backend.accept()
        message = frames.build(frames.BINARY, bytes(MESSAGE))

        def send():
            try:
                for _ in range(TOTAL // MESSAGE):
                    server.send(message)
            except OSError:
                pass  # that is the end of the session

        threading.Thread(target=send, daemon=True).start()
        self.assertEqual(proxy.ended()["reason"], "client_write_stalled")


if __name__ == "__main__":
    unittest.main()
