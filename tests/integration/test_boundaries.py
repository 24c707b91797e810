"""Where our pings stand in the streams of long messages: at boundaries, on both legs, and the messages unharmed."""

import hashlib
import os
import unittest
import zlib

import frames
import raw
from harness import IntegrationTest

INTERVAL = {"keepalive.client.ping_interval": "100ms", "keepalive.backend.ping_interval": "100ms",
            "keepalive.backend.ping_when": "always"}
PATIENT = {**INTERVAL, "relay.inject_hold": "1h"}
BRISK = {**INTERVAL, "relay.inject_hold": "100ms"}
SIDES = ("client", "backend")  # who sends the long message; pings on the other leg are what it holds back


class Sides:
    """A raw session, seen from the one who sends a message and the one who receives it."""

    def __init__(self, test, settings, sender):
        backend = test.raw_backend()
        self.proxy = test.front(backend.port, settings)
        client = test.raw_session(self.proxy.port)
        server = backend.accept()
        self.leg = "backend" if sender == "client" else "client"  # of the receiver
        self.sender_leg = sender
        self.sender, self.receiver = (client, server) if sender == "client" else (server, client)
        self.build = frames.client if sender == "client" else frames.build

    def deferred(self, at_least):
        """Waits until so many pings of the receiver's leg have had to wait."""
        self.proxy.wait_metric("wskeep_pings_deferred_total", at_least, leg=self.leg)

    def pass_the_hold(self):
        """The other leg beats on: three more pings of it take longer than the hold."""
        sent = self.proxy.metrics().value("wskeep_pings_sent_total", leg=self.sender_leg)
        self.proxy.wait_metric("wskeep_pings_sent_total", sent + 3, leg=self.sender_leg)


class RawBoundaries(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()

    def check_ping(self, sides, frame):
        """Ours, whole and in the form that this leg needs."""
        self.assertEqual((frame.opcode, frame.fin, frame.rsv, len(frame.payload)), (frames.PING, True, 0, 8))
        self.assertEqual(frame.masked, sides.leg == "backend")

    def first_ping(self, sides):
        self.check_ping(sides, sides.receiver.frame_of(frames.PING))

    def test_a_ping_waits_for_the_end_of_the_message(self):
        """A beat comes due inside a message: it stands behind its last byte, and nothing stands in it."""
        for sender in SIDES:
            with self.subTest(sender):
                sides = Sides(self, PATIENT, sender)
                parts = [sides.build(frames.TEXT, b"begin", fin=False), sides.build(frames.CONTINUATION, b"on", fin=False),
                         sides.build(frames.CONTINUATION, b"end"), sides.build(frames.BINARY, b"next")]
                self.first_ping(sides)
                sides.sender.send(parts[0])
                self.assertEqual(sides.receiver.frame_of(frames.TEXT).raw, parts[0])
                sides.deferred(1)
                sides.sender.send(parts[1] + parts[2] + parts[3])
                self.assertEqual([sides.receiver.frame().raw for _ in range(2)], parts[1:3])
                self.check_ping(sides, sides.receiver.frame())
                self.assertEqual(sides.receiver.frame_of(frames.BINARY).raw, parts[3])
                # One ping waited however long the message took: the beats behind it ask nothing new.
                self.assertEqual(sides.proxy.metrics().value("wskeep_pings_deferred_total", leg=sides.leg), 1)

    def test_after_the_hold_it_goes_between_two_frames(self):
        for sender in SIDES:
            with self.subTest(sender):
                sides = Sides(self, BRISK, sender)
                begin = sides.build(frames.TEXT, b"begin", fin=False)
                end = sides.build(frames.CONTINUATION, b"end")
                sides.sender.send(begin)
                self.assertEqual(sides.receiver.frame_of(frames.TEXT).raw, begin)
                self.check_ping(sides, sides.receiver.frame())
                self.check_ping(sides, sides.receiver.frame())
                sides.deferred(2)  # each of them waited, and each is counted
                sides.sender.send(end)
                self.assertEqual(sides.receiver.frame_of(frames.CONTINUATION).raw, end)

    def test_never_inside_a_frame(self):
        """Beats and the hold pass while a frame is cut in its header, in its payload, or before its last byte."""
        for sender in SIDES:
            with self.subTest(sender):
                sides = Sides(self, BRISK, sender)
                for count, cut in enumerate((1, 3, 500, -1), start=1):
                    frame = sides.build(frames.BINARY, bytes(range(250)) * 4)
                    sides.sender.send(frame[:cut])
                    sides.deferred(count)
                    sides.pass_the_hold()
                    sides.sender.send(frame[cut:])
                    self.assertEqual(sides.receiver.frame_of(frames.BINARY).raw, frame)
                    self.check_ping(sides, sides.receiver.frame())


class LongDeflatedFrame(IntegrationTest):
    """One compressed message of megabytes in a single frame, which stops halfway while beats and the hold pass."""

    DEFLATE = [("Sec-WebSocket-Extensions", "permessage-deflate")]

    def setUp(self):
        self.needs_wskeep()
        self.message = os.urandom(2_000_000) + bytes(2_000_000)
        packer = zlib.compressobj(wbits=-15)
        # RFC 7692 7.2.1: a sync flush without its last four bytes.
        self.packed = (packer.compress(self.message) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def halt_halfway(self, sender, frame, receiver, proxy, leg):
        """Its receiver, a library, inflates the message whole, and gets the ping that waited behind it."""
        self.assertGreater(len(frame), 2_000_000)
        deferred = proxy.metrics().value("wskeep_pings_deferred_total", leg=leg)
        sender.send(frame[: len(frame) // 2])
        proxy.wait_metric("wskeep_pings_deferred_total", deferred + 1, leg=leg)
        other = "client" if leg == "backend" else "backend"
        sent = proxy.metrics().value("wskeep_pings_sent_total", leg=other)
        proxy.wait_metric("wskeep_pings_sent_total", sent + 3, leg=other)
        sender.send(frame[len(frame) // 2 :])
        self.assertEqual(receiver.next("message")["sha256"], hashlib.sha256(self.message).hexdigest())
        receiver.next("ping")
        self.assertEqual((receiver.count("error"), receiver.count("close")), (0, 0))

    def test_to_the_backend(self):
        server = self.server("ws", deflate=True, echo=False)
        proxy = self.front(server.port, BRISK)
        client = self.raw_session(proxy.port, headers=self.DEFLATE)
        self.assertIn("permessage-deflate", client.head.get("sec-websocket-extensions"))
        self.halt_halfway(client, frames.client(frames.BINARY, self.packed, rsv=4), server, proxy, "backend")

    def test_to_the_client(self):
        backend = self.raw_backend(lambda request: raw.switch(request, headers=self.DEFLATE))
        proxy = self.front(backend.port, BRISK)
        client = self.client("ws", proxy.port, deflate=True)
        self.assertIn("permessage-deflate", client.opened["extensions"])
        self.halt_halfway(backend.accept(), frames.build(frames.BINARY, self.packed, rsv=4), client, proxy, "client")


class LibraryBoundaries(IntegrationTest):
    """The same between libraries: fragments sent one by one, each after another ping of ours."""

    PARTS = 4

    def fragmented(self, sender, deflate, kind):
        server = self.server(kind if sender == "server" else "ws", deflate=deflate)
        proxy = self.front(server.port, BRISK)
        client = self.client(kind if sender == "client" else "ws", proxy.port, deflate=deflate)
        self.assertEqual("permessage-deflate" in client.opened["extensions"], deflate)
        who = {"id": server.next("connection")["id"]} if sender == "server" else {}
        source, target = (client, server) if sender == "client" else (server, client)
        leg = "backend" if sender == "client" else "client"
        for binary in (False, True):
            source.do("begin", size=400_000, binary=binary, parts=self.PARTS, **who)
            sent = source.next("sent")
            for part in range(self.PARTS):
                before = target.count("ping")
                source.do("fragment", **who)
                source.next("fragment", fin=part == self.PARTS - 1)
                if proxy.present and part < self.PARTS - 1:
                    while target.count("ping") == before:
                        target.next("ping")
            seen = target.next("message")
            for key in ("size", "binary", "sha256"):
                self.assertEqual(seen[key], sent[key])
        if proxy.present:
            proxy.wait_metric("wskeep_pings_deferred_total", 2 * (self.PARTS - 2), leg=leg)
        self.assertEqual((client.count("error"), client.count("close")), (0, 0))


def add_library_tests():
    for kind in ("ws", "websockets"):
        for sender in ("client", "server"):
            for deflate in (False, True):
                def test(self, kind=kind, sender=sender, deflate=deflate):
                    self.fragmented(sender, deflate, kind)

                how = "deflated" if deflate else "plain"
                setattr(LibraryBoundaries, f"test_{kind}_{sender}_sends_{how}", test)


add_library_tests()

if __name__ == "__main__":
    unittest.main()
