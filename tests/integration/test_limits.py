"""What clients may ask for: limits that bite as documented, are counted, and cost nobody else anything."""

import unittest

import frames
from harness import CLIENTS, IntegrationTest

NO_PINGS = {"keepalive.client.policy": "off", "keepalive.backend.policy": "off"}
MAX_FRAME = 4096


def words(data):
    """The frames of some bytes as (opcode, payload), and that there is nothing else."""
    seen, left_over = frames.split(data)
    assert left_over == b"", left_over[:100]
    return [(frame.opcode, frame.payload) for frame in seen]


def close(code, reason):
    return (frames.CLOSE, frames.close_payload(code, reason.encode()))


class Limits(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()

    def check_ended(self, proxy, reason, limit, times=1):
        for _ in range(times):
            record = proxy.ended()
            self.assertEqual((record["initiator"], record["reason"]), ("wskeep", reason))
        metrics = proxy.metrics()
        self.assertEqual(metrics.value("wskeep_limits_hit_total", limit=limit), times)
        self.assertEqual(metrics.value("wskeep_connections_closed_total", reason=reason), times)


class MaxFrame(Limits):
    TOO_LARGE = close(1009, "frame too large")

    def between(self, settings=None):
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**NO_PINGS, "limits.max_frame": MAX_FRAME, **(settings or {})})
        client = self.raw_session(proxy.port)
        return backend.accept(), proxy, client

    def test_real_clients_are_told_1009(self):
        server = self.server()
        for kind in CLIENTS:
            with self.subTest(kind):
                proxy = self.front(server.port, {"limits.max_frame": MAX_FRAME})
                client = self.client(kind, proxy.port)
                client.do("send", size=MAX_FRAME, binary=True)
                self.assertTrue(client.next("message")["equal"])
                client.do("send", size=MAX_FRAME + 1, binary=True)
                seen = client.next("close")
                self.assertEqual((seen["code"], seen["reason"]), (1009, "frame too large"))
                self.assertEqual(server.next("close")["code"], 1006)
                self.check_ended(proxy, "client_frame_too_large", "max_frame")
        self.assertEqual(server.count("message"), len(CLIENTS))

    def test_a_real_backend_is_told_1009(self):
        server = self.server("websockets")
        proxy = self.front(server.port, {"limits.max_frame": MAX_FRAME})
        client = self.client("ws", proxy.port)
        for size, answered in ((MAX_FRAME, True), (MAX_FRAME + 1, False)):
            # In two frames, of which only the echo's single one is too large.
            client.do("begin", size=size, binary=True, parts=2)
            client.do("fragment")
            client.do("fragment")
            if answered:
                self.assertTrue(client.next("message")["equal"])
        seen = client.next("close")
        self.assertEqual((seen["code"], seen["reason"]), (1011, "backend lost"))
        self.assertEqual(server.next("close")["code"], 1009)
        self.check_ended(proxy, "backend_frame_too_large", "max_frame")

    def test_not_a_byte_of_it_passes(self):
        """However it comes; and a header is enough, for a frame that would never end."""
        before = frames.client(frames.TEXT, b"before")
        large = frames.client(frames.BINARY, b"x" * (MAX_FRAME + 1))
        endless = frames.client(frames.BINARY, b"", declared=1 << 40)
        for name, send in {
            "at once": lambda client: client.send(before + large),
            "bytewise": lambda client: client.send_bytewise(before + large[:9]),
            "endless": lambda client: client.send(before + endless),
        }.items():
            with self.subTest(name):
                server, proxy, client = self.between()
                send(client)
                self.assertEqual(words(client.rest()), [self.TOO_LARGE])
                self.assertEqual(server.rest(), before)
                client.close()
                server.close()
                self.check_ended(proxy, "client_frame_too_large", "max_frame")

    def test_the_close_waits_for_the_end_of_a_frame(self):
        server, proxy, client = self.between()
        frame = frames.build(frames.TEXT, b"y" * 1000)
        server.send(frame[:500])
        self.assertEqual(client.sock.recv(500), frame[:500])
        client.send(frames.client(frames.BINARY, b"", declared=1 << 40) + b"x" * 100_000)
        proxy.wait_metric("wskeep_limits_hit_total", limit="max_frame")
        server.send(frame[500:])
        self.assertEqual(words(frame[:500] + client.rest()), [(frames.TEXT, b"y" * 1000), self.TOO_LARGE])
        self.assertEqual(server.rest(), b"")
        client.close()
        server.close()
        self.check_ended(proxy, "client_frame_too_large", "max_frame")

    def test_while_large_frames_are_moved(self):
        """Behind many that are as large as may be, which pass without being looked at."""
        size = 1 << 20
        server, proxy, client = self.between({"limits.max_frame": size})
        frame = frames.client(frames.BINARY, b"z" * size)
        for _ in range(8):
            client.send(frame)
            received = b""
            while len(received) < len(frame):
                received += server.sock.recv(1 << 20)
            self.assertEqual(received, frame)
        client.send(frames.client(frames.BINARY, b"", declared=size + 1))
        self.assertEqual(words(client.rest()), [self.TOO_LARGE])
        self.assertEqual(server.rest(), b"")

    def test_without_a_limit(self):
        backend = self.raw_backend()
        proxy = self.front(backend.port, NO_PINGS)
        client = self.raw_session(proxy.port)
        endless = frames.client(frames.BINARY, b"", declared=1 << 40)
        client.send(endless)
        client.finish()
        self.assertEqual(backend.accept().rest(), endless)


class ControlFrames(Limits):
    FLOOD = close(1008, "too many control frames")

    def test_a_flood(self):
        """Every ping within the limit is answered, and the Close comes behind the answers."""
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**NO_PINGS, "limits.control_frames_per_second": 100})
        client = self.raw_session(proxy.port)
        server = backend.accept()
        client.send(b"".join(frames.client(frames.PING, b"%d" % i) for i in range(10_000)))
        seen = words(client.rest())
        self.assertEqual(seen[-1], self.FLOOD)
        self.assertEqual(seen[:-1], [(frames.PONG, b"%d" % i) for i in range(len(seen) - 1)])
        self.assertGreaterEqual(len(seen) - 1, 100)
        self.assertEqual(server.rest(), b"")
        self.check_ended(proxy, "control_flood", "control_frames_per_second")

    def test_unsolicited_pongs_count(self):
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**NO_PINGS, "limits.control_frames_per_second": 1})
        client = self.raw_session(proxy.port)
        client.send(frames.client(frames.PONG, b"x") * 100)
        self.assertEqual(words(client.rest()), [self.FLOOD])
        self.check_ended(proxy, "control_flood", "control_frames_per_second")

    def test_living_clients_are_not_hit(self):
        """Clients that answer wskeep's pings ten times a second, and send messages, under a limit of twenty."""
        server = self.server()
        settings = {"limits.control_frames_per_second": 20}
        settings |= {f"keepalive.{leg}.ping_interval": "100ms" for leg in ("client", "backend")}
        proxy = self.front(server.port, settings)
        client = self.client("ws", proxy.port)
        for _ in range(20):
            client.next("ping")
            client.do("text", text="alive")
            client.next("message")
        self.assertEqual(proxy.metrics().value("wskeep_limits_hit_total", limit="control_frames_per_second"), 0)


if __name__ == "__main__":
    unittest.main()
