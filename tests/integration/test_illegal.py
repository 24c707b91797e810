"""Illegal frames: the endpoints judge, and see exactly what they would see without wskeep.

Each case is run against the bare backend and through wskeep; the bytes that come back must be the same. Only the
order of the pong and the echo may differ, because wskeep answers the ping before the backend does.
"""

import unittest

import frames
import raw
from harness import IntegrationTest

# Illegal as frames: what is wrong inside a payload (text that is no UTF-8) wskeep neither sees nor judges.
FROM_CLIENT = {
    "reserved data opcode": frames.client(0x3, b"x"),
    "reserved control opcode": frames.client(0xB, b"x"),
    "RSV1 without extension": frames.client(frames.TEXT, b"x", rsv=4),
    "RSV2": frames.client(frames.TEXT, b"x", rsv=2),
    "RSV3": frames.client(frames.BINARY, b"x", rsv=1),
    "RSV1 on a ping": frames.client(frames.PING, b"x", rsv=4),
    "control frame of 126 bytes": frames.client(frames.PING, b"x" * 126),
    "fragmented control frame": frames.client(frames.PING, b"x", fin=False),
    "unmasked": frames.build(frames.TEXT, b"x"),
    "unmasked ping": frames.build(frames.PING, b"x"),
    "16-bit length for 125 bytes": frames.client(frames.TEXT, b"x" * 125, length_bits=16),
    "64-bit length for 125 bytes": frames.client(frames.TEXT, b"x" * 125, length_bits=64),
    "64-bit length for 65535 bytes": frames.client(frames.TEXT, b"x" * 65535, length_bits=64),
    "64-bit length with its top bit set": frames.client(frames.TEXT, b"x", declared=1 << 63),
    "continuation without a start": frames.client(frames.CONTINUATION, b"x"),
    "text inside a fragmented message": frames.client(frames.TEXT, b"x", fin=False) + frames.client(frames.TEXT, b"x"),
    "Close of one byte": frames.client(frames.CLOSE, b"\x03"),
    "Close with code 1005": frames.client(frames.CLOSE, frames.close_payload(1005)),
}
FROM_SERVER = {
    "masked": frames.client(frames.TEXT, b"x"),
    "masked ping": frames.client(frames.PING, b"x"),
    "reserved data opcode": frames.build(0x3, b"x"),
    "reserved control opcode": frames.build(0xB, b"x"),
    "RSV1 without extension": frames.build(frames.TEXT, b"x", rsv=4),
    "control frame of 126 bytes": frames.build(frames.PING, b"x" * 126),
    "fragmented control frame": frames.build(frames.PING, b"x", fin=False),
    "16-bit length for 125 bytes": frames.build(frames.TEXT, b"x" * 125, length_bits=16),
    "64-bit length for 125 bytes": frames.build(frames.TEXT, b"x" * 125, length_bits=64),
    "64-bit length with its top bit set": frames.build(frames.TEXT, b"x", declared=1 << 63),
    "continuation without a start": frames.build(frames.CONTINUATION, b"x"),
    "text inside a fragmented message": frames.build(frames.TEXT, b"x", fin=False) + frames.build(frames.TEXT, b"x"),
}
BEFORE = frames.client(frames.TEXT, b"before") + frames.client(frames.PING, b"p")
BEHIND = (frames.client(frames.PING, b"after") + frames.client(frames.CLOSE, frames.close_payload(1000))
          + frames.client(frames.PING, b"after the Close"))
ECHO, PONG = frames.build(frames.TEXT, b"before"), frames.build(frames.PONG, b"p")
# Legal for `ws`, which judges less than RFC 6455 asks: it answers what follows itself.
TOLERATED = ("16-bit length for 125 bytes", "64-bit length for 125 bytes", "64-bit length for 65535 bytes")
NO_PINGS = {"keepalive.client.policy": "off", "keepalive.backend.policy": "off"}


class FromClient(IntegrationTest):
    def conversation(self, port, illegal, send):
        """What a client sees until the end, when it finishes its stream after the backend's Close."""
        client = raw.open_session(port, "/illegal")
        try:
            send(client, BEFORE + illegal + BEHIND)
            seen = []
            while not seen or seen[-1].opcode != frames.CLOSE:
                seen.append(client.frame())
            client.finish()
            self.assertEqual(client.rest(), b"", "bytes behind the Close")
            return [frame.raw for frame in seen]
        finally:
            client.close()

    def check(self, send):
        server = self.server()
        proxy = self.front(server.port, NO_PINGS)
        for name, illegal in FROM_CLIENT.items():
            with self.subTest(name):
                plain = self.conversation(server.port, illegal, send)
                self.assertEqual(plain[:2], [ECHO, PONG], "the control: what came before is answered")
                if name not in TOLERATED:
                    self.assertEqual(len(plain), 3, "the control: nothing but the Close follows")
                if not proxy.present:
                    continue
                through = self.conversation(proxy.port, illegal, send)
                self.assertEqual(sorted(through[:2]), sorted(plain[:2]))
                self.assertEqual(through[2:], plain[2:])
                proxy.ended()

    def test_in_one_packet(self):
        self.check(raw.Stream.send)

    def test_cut_everywhere(self):
        def send(client, data):
            if len(data) > 1000:
                client.send(data)
            else:
                try:
                    client.send_bytewise(data)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the backend may have left before the last bytes

        self.check(send)

    def test_close_with_pings_behind(self):
        """A Close ends answering as an illegal frame does."""
        server = self.server()
        proxy = self.front(server.port, NO_PINGS)
        for port in {server.port, proxy.port}:
            client = self.raw_session(port)
            client.send(BEFORE + frames.client(frames.CLOSE, frames.close_payload(1000)) + BEHIND)
            seen, left_over = frames.split(client.rest())
            self.assertEqual(left_over, b"")
            self.assertEqual(sorted(frame.raw for frame in seen[:2]), sorted([ECHO, PONG]))
            echoed = frames.build(frames.CLOSE, frames.close_payload(1000))
            self.assertEqual([frame.raw for frame in seen[2:]], [echoed])

    def test_wskeep_ends_what_nobody_ends(self):
        """Peers that both ignore an illegal frame are parted after close_timeout, as a protocol error."""
        self.needs_wskeep()
        backend = self.raw_backend()
        proxy = self.front(backend.port, {"relay.close_timeout": "300ms"})
        client = self.raw_session(proxy.port)
        server = backend.accept()
        illegal = FROM_CLIENT["reserved data opcode"]
        client.send(BEFORE + illegal)
        record = proxy.ended()
        self.assertEqual((record["initiator"], record["reason"]), ("wskeep", "protocol_error"))
        to_client, _ = frames.split(client.rest())
        to_backend, _ = frames.split(server.rest())
        sent = [frame.raw for frame in frames.split(BEFORE + illegal)[0]]
        self.assertEqual([frame.raw for frame in to_backend if frame.opcode not in (frames.PING, frames.CLOSE)],
                         [sent[0], sent[2]])
        self.assertEqual((to_client[-1].opcode, to_client[-1].code), (frames.CLOSE, 1002))
        # The backend's stream has lost its framing, so a Close has no boundary there to go out at.
        self.assertLessEqual({frame.code for frame in to_backend if frame.opcode == frames.CLOSE}, {1002})


class FromServer(IntegrationTest):
    """Through wskeep a client gets the very bytes of a backend that breaks the rules."""

    def test_raw_client(self):
        before, behind = frames.build(frames.TEXT, b"before"), frames.build(frames.TEXT, b"behind")
        for name, illegal in FROM_SERVER.items():
            with self.subTest(name):
                backend = self.raw_backend()
                proxy = self.front(backend.port, NO_PINGS)
                client = self.raw_session(proxy.port)
                server = backend.accept()
                server.send(before + illegal + behind)
                data = before + illegal + behind
                self.assertEqual(self.read_exactly(client, len(data)), data)
                # A ping that comes later is not wskeep's to answer any more.
                client.send(frames.client(frames.PING, b"after"))
                self.assertEqual(server.frame().raw, frames.client(frames.PING, b"after"))
                client.finish()
                self.assertEqual(server.rest(), b"")
                server.close()
                self.assertEqual(client.rest(), b"")

    def read_exactly(self, stream, size):
        data = b""
        while len(data) < size:
            piece = stream.sock.recv(size - len(data))
            if not piece:
                break
            data += piece
        return data

    def test_ws_client(self):
        """A real client judges alike with and without wskeep."""
        for name, illegal in FROM_SERVER.items():
            with self.subTest(name):
                backend = self.raw_backend()
                proxy = self.front(backend.port, NO_PINGS)
                ends = []
                for port in dict.fromkeys((backend.port, proxy.port)):
                    client = self.client("ws", port)
                    server = backend.accept()
                    server.send(frames.build(frames.TEXT, b"before") + illegal
                                + frames.build(frames.CLOSE, frames.close_payload(1000)))
                    self.assertEqual(client.next("message")["text"], "before")
                    answer = server.frame_of(frames.CLOSE)
                    server.close()
                    ends.append((answer.payload, client.next("close")["code"], client.count("error")))
                self.assertEqual(ends[0], ends[-1])


if __name__ == "__main__":
    unittest.main()
