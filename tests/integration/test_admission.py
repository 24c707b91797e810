"""Who may come in: limits of sessions and of clients, of heads and of their time, and what refusing costs others."""

import os
import resource
import select
import threading
import unittest

import frames
import raw
from harness import PEERS, IntegrationTest, runtime, wait_until

NO_PINGS = {"keepalive.client.policy": "off", "keepalive.backend.policy": "off"}
SANITIZED = os.environ.get("WSKEEP_SANITIZED", "") != ""
BYSTANDERS = 100 if SANITIZED else 1000


class Admission(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()

    def ask(self, port, source=None, **options):
        """A connection whose upgrade has been answered, whatever the answer."""
        stream = raw.connect(port, source=source)
        self.addCleanup(stream.close)
        stream.send(raw.upgrade_request(**options))
        stream.read_head()
        return stream

    def check_refused(self, stream, status, words):
        self.assertEqual(stream.head.status, status)
        self.assertEqual(stream.head.get("retry-after"), "1")
        self.assertEqual(stream.rest().decode(), f"{stream.head.line.removeprefix('HTTP/1.1 ')}: {words}\n")

    def check_hits(self, proxy, limit, hits, result):
        metrics = proxy.metrics()
        self.assertEqual(metrics.value("wskeep_limits_hit_total", limit=limit), hits)
        self.assertEqual(metrics.value("wskeep_handshakes_total", result=result), hits)

    def is_admitted(self, port, **options):
        stream = self.ask(port, **options)
        if stream.head.status != 101:
            stream.close()
            return None
        return stream


class Sessions(Admission):
    FULL = (503, "too many sessions")
    FULL_OF_CLIENT = (429, "too many sessions of this client")

    def test_in_total_over_all_workers(self):
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**NO_PINGS, "workers": 3, "limits.sessions": 4})
        inside = [self.ask(proxy.port) for _ in range(4)]
        self.assertEqual([stream.head.status for stream in inside], [101] * 4)
        for _ in range(4):
            backend.accept()
        for _ in range(2):
            self.check_refused(self.ask(proxy.port), *self.FULL)
        self.check_hits(proxy, "sessions", 2, "too_many_sessions")
        inside[0].abort()
        wait_until(lambda: self.is_admitted(proxy.port), "a place is free again")
        backend.accept()
        self.assertTrue(backend._ready.empty(), "the backend has seen nobody who was refused")

    def test_of_one_client(self):
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**NO_PINGS, "workers": 2, "limits.sessions_per_client": 2})
        inside = [self.ask(proxy.port, source="127.0.0.2") for _ in range(2)]
        self.check_refused(self.ask(proxy.port, source="127.0.0.2"), *self.FULL_OF_CLIENT)
        self.assertEqual(self.ask(proxy.port, source="127.0.0.3").head.status, 101)
        self.check_hits(proxy, "sessions_per_client", 1, "too_many_of_client")
        inside[1].abort()
        wait_until(lambda: self.is_admitted(proxy.port, source="127.0.0.2"), "a place is free again")
        self.check_refused(self.ask(proxy.port, source="127.0.0.2"), *self.FULL_OF_CLIENT)

    def test_of_one_client_behind_a_trusted_proxy(self):
        settings = {**NO_PINGS, "trusted_proxies": "127.0.0.2", "limits.sessions_per_client": 1}
        proxy = self.front(self.raw_backend().port, settings)

        def status(source, forwarded_for):
            headers = [("X-Forwarded-For", forwarded_for)]
            return self.ask(proxy.port, source=source, headers=headers).head.status

        self.assertEqual([status("127.0.0.2", f"192.0.2.{i}") for i in (1, 2, 2)], [101, 101, 429])
        self.assertEqual([status("127.0.0.2", f"2001:db8::{i}:0:0:0:1") for i in (1, 1, 2)], [101, 429, 101])
        # Anybody else is who it is, whatever it says.
        self.assertEqual([status("127.0.0.3", f"192.0.2.{i}") for i in (8, 9)], [101, 429])

    def test_a_real_client_is_told(self):
        backend = self.raw_backend()
        for limit, status in (("sessions", 503), ("sessions_per_client", 429)):
            with self.subTest(limit):
                proxy = self.front(backend.port, {**NO_PINGS, f"limits.{limit}": 1})
                self.assertEqual(self.ask(proxy.port).head.status, 101)
                client = self._peer("client ws", [*runtime("node"), str(PEERS / "client.mjs")],
                                    {"url": f"ws://127.0.0.1:{proxy.port}/", "impl": "ws"})
                self.assertIn(str(status), client.next("error")["message"])

    def test_a_handshake_holds_a_place(self):
        """While the backend is silent; not any more once the client has its 504."""
        backend = self.raw_backend(lambda request: None if "/silent" in request.line else raw.switch(request))
        proxy = self.front(backend.port, {**NO_PINGS, "limits.sessions": 1, "backend.handshake_timeout": "1s"})
        waiting = self.raw_connection(proxy.port)
        waiting.send(raw.upgrade_request("/silent"))
        proxy.wait_metric("wskeep_connections_open", state="handshake")
        refused = wait_until(lambda: self.refused(proxy), "the place is taken")
        self.check_refused(refused, *self.FULL)
        self.assertEqual(waiting.read_head().status, 504)
        self.assertEqual(self.ask(proxy.port).head.status, 101)

    def refused(self, proxy):
        stream = self.ask(proxy.port)
        if stream.head.status != 101:
            return stream
        stream.abort()
        return None

    def test_requests_that_are_no_sessions_take_no_place(self):
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**NO_PINGS, "limits.sessions": 1})
        silent = [self.raw_connection(proxy.port) for _ in range(5)]
        self.assertEqual(self.ask(proxy.port, drop=("Sec-WebSocket-Key",)).head.status, 400)
        self.assertEqual(self.ask(proxy.port).head.status, 101)
        for stream in silent:
            stream.close()

    def test_every_way_to_leave_gives_the_place_back(self):
        """Twenty sessions for each way, one after the other where two may be; then exactly two fit."""

        def answer(request):
            refused = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
            return refused if "/refused" in request.line else raw.switch(request)

        backend = self.raw_backend(answer)
        proxy = self.front(backend.port, {**NO_PINGS, "limits.sessions": 2, "limits.sessions_per_client": 2,
                                          "limits.max_frame": 100})

        def closes(client, server):
            client.send(frames.client(frames.CLOSE, frames.close_payload(1000)))
            server.send(frames.build(frames.CLOSE, frames.close_payload(1000)))
            client.rest()
            client.close()
            server.rest()
            server.close()

        def resets(client, server):
            client.abort()
            server.close()

        def is_left(client, server):
            server.close()
            client.rest()
            client.close()

        def is_too_large(client, server):
            client.send(frames.client(frames.BINARY, b"x" * 101))
            client.rest()
            client.close()
            server.rest()
            server.close()

        for leave in (closes, resets, is_left, is_too_large):
            for _ in range(20):
                client = wait_until(lambda: self.is_admitted(proxy.port), f"a place, after {leave.__name__}")
                leave(client, backend.accept())
        for _ in range(20):
            wait_until(lambda: self.ask(proxy.port, path="/refused").head.status == 403, "the place of a refused one")
            backend.accept().close()
        for _ in range(20):
            gone = self.raw_connection(proxy.port)
            gone.send(raw.upgrade_request())
            gone.abort()
        two = [wait_until(lambda: self.is_admitted(proxy.port), "a place") for _ in range(2)]
        self.assertEqual(len(two), 2)
        self.check_refused(self.ask(proxy.port), *self.FULL)


class Heads(Admission):
    def test_header_fields(self):
        proxy = self.front(self.raw_backend().port, {**NO_PINGS, "limits.header_fields": 10})
        fields = [(f"X-{i}", "y") for i in range(6)]
        self.assertEqual(self.ask(proxy.port, headers=fields[:5]).head.status, 101)
        refused = self.ask(proxy.port, headers=fields)
        self.assertEqual(refused.head.status, 431)
        self.assertIn(b"too many header fields", refused.rest())
        metrics = proxy.metrics()
        self.assertEqual(metrics.value("wskeep_limits_hit_total", limit="header_fields"), 1)
        self.assertEqual(metrics.value("wskeep_limits_hit_total", limit="header_bytes"), 0)

    def test_a_byte_now_and_then_is_not_enough(self):
        """The time counts from the connection, not from the last byte."""
        proxy = self.front(self.raw_backend().port, {**NO_PINGS, "limits.handshake_timeout": "500ms"})
        client = self.raw_connection(proxy.port)
        request = raw.upgrade_request() + b"X" * 10_000
        sent = 0
        while not select.select([client.sock], [], [], 0.02)[0]:
            client.send(request[sent : sent + 1])
            sent += 1
            self.assertLess(sent, len(raw.upgrade_request()) - 4, "it has not waited for the whole head")
        self.assertEqual(client.read_head().status, 408)
        self.assertEqual(proxy.metrics().value("wskeep_limits_hit_total", limit="handshake_timeout"), 1)

    def test_a_crowd_of_these_disturbs_nobody(self):
        """A thousand heads that trickle, each told 408; meanwhile the messages of another session come back."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < 2 * BYSTANDERS:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * BYSTANDERS, hard), hard))
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        server = self.server()
        proxy = self.front(server.port, {"limits.handshake_timeout": "2s"})
        canary = self.raw_session(proxy.port)
        crowd = [self.raw_connection(proxy.port) for _ in range(BYSTANDERS)]
        for stream in crowd:
            stream.send(b"GET / HTTP/1.1\r\nX-Slow: ")
        over = threading.Event()

        def trickle():
            while not over.is_set():
                for stream in crowd:
                    try:
                        stream.send(b"z")
                    except OSError:
                        pass  # it has had its 408

        trickler = threading.Thread(target=trickle)
        trickler.start()
        try:
            echoes = 0
            while proxy.metrics().value("wskeep_limits_hit_total", limit="handshake_timeout") < BYSTANDERS:
                for _ in range(10):
                    canary.send(frames.client(frames.TEXT, b"echo %d" % echoes))
                    self.assertEqual(canary.frame_of(frames.TEXT).payload, b"echo %d" % echoes)
                    echoes += 1
        finally:
            over.set()
            trickler.join()
        self.assertGreater(echoes, 20)
        for stream in crowd:
            self.assertEqual(stream.read_head().status, 408)
            stream.close()
        wait_until(lambda: proxy.metrics().value("wskeep_connections_open", state="handshake") == 0, "all are gone")

    def test_accepts_per_wakeup(self):
        """One at a time is slow, not wrong."""
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**NO_PINGS, "limits.accepts_per_wakeup": 1})
        crowd = [self.raw_connection(proxy.port) for _ in range(50)]
        for stream in crowd:
            stream.send(raw.upgrade_request())
        self.assertEqual([stream.read_head().status for stream in crowd], [101] * 50)
        self.assertEqual(proxy.metrics().value("wskeep_limits_hit_total", limit="accepts_per_wakeup"), 50)


if __name__ == "__main__":
    unittest.main()
