"""Byte identity: but for wskeep's own control frames, what arrives is what was sent, byte for byte.

Two scripted peers talk at once over one session with permessage-deflate negotiated. Their streams are random
and legal: every opcode and length class, RSV1, fragments with control frames between them, fresh masks, and
writes cut anywhere. Each receiver holds every frame against the record of what the other side sent and allows
only what wskeep may add or take: its pings, its pongs, the answers to its pings, the clients' pings it answers.
"""

import collections
import os
import random
import selectors
import time
import unittest

import frames
import raw
from harness import DEADLINE, IntegrationTest

DEFLATE = [("Sec-WebSocket-Extensions", "permessage-deflate")]
LENGTHS = (0, 0, 1, 2, 7, 64, 124, 125, 126, 127, 128, 1000, 4096, 65534, 65535, 65536, 65537, 200_000)
MESSAGES = 250  # at least, each way
OWN_BEATS = 4  # pings of wskeep that each side must have seen
OWED = 16  # more unanswered pings than this may be forgotten (RFC 6455 section 5.5.3)
PINGS = {f"keepalive.{leg}.{key}": value for leg in ("client", "backend") for key, value in {
    "policy": "keepalive", "ping_interval": "100ms", "ping_when": "always"}.items()}


class Side:
    """One scripted peer: writes its random stream and checks the stream that comes."""

    def __init__(self, name, stream, rng, direct, hold_open):
        self.name = name
        self.sock = stream.sock
        self.sock.setblocking(False)
        self.rng = rng
        self.direct = direct
        self.hold_open = hold_open and not direct
        self.masks = name == "client"
        self.other = None
        self.output = bytearray()
        self.answers = collections.deque()  # pongs to send, at the next frame boundary
        self.script = self.frames_to_send()
        self.messages = 0
        self.mid_message = False
        self.sent_last = False
        self.on_the_way = collections.deque()  # frames that the other side must see, in order
        self.owed = collections.deque()  # payloads of our pings that wskeep owes a pong for
        self.input = frames.Parser()
        self.inside_message = False
        self.own_beats = 0
        self.own_inside_message = 0
        self.finished = False  # has seen the other side's last frame

    # --- sending

    def build(self, opcode, payload, **options):
        mask = self.rng.randbytes(4) if self.masks else None
        return frames.build(opcode, payload, mask=mask, **options)

    def control(self):
        """A ping, or a pong that nobody asked for. The first byte of a payload says whose it is."""
        mark = b"C" if self.masks else b"B"
        payload = mark + self.rng.randbytes(self.rng.choice((8, 11, 60, 124)))
        # Pings that pass are beats: while they come all the time, wskeep has none of its own to send.
        leaves_it_to_wskeep = not self.masks and self.messages >= MESSAGES
        if self.rng.random() < 0.5 or len(self.owed) >= OWED or leaves_it_to_wskeep:
            return self.record(self.build(frames.PONG, self.rng.choice((b"", payload))))
        frame = self.build(frames.PING, payload)
        if not self.masks or self.direct:
            return self.record(frame)
        self.owed.append(payload)  # wskeep answers it, the backend never sees it
        return frame

    def record(self, frame):
        self.on_the_way.append(frame)
        return frame

    def frames_to_send(self):
        """Whole frames, for ever; `messages` counts what is complete."""
        while True:
            parts = self.rng.choice((1, 1, 1, 2, 3, 6))
            opcode, rsv = self.rng.choice((frames.TEXT, frames.BINARY)), self.rng.choice((0, 4))
            self.mid_message = True
            while self.mid_message:
                parts -= 1
                self.mid_message = parts > 0 or self.must_go_on()
                payload = self.rng.randbytes(self.rng.choice(LENGTHS))
                yield self.record(self.build(opcode, payload, fin=not self.mid_message, rsv=rsv))
                opcode, rsv = frames.CONTINUATION, 0
                for _ in range(self.rng.choice((0, 0, 0, 1, 3))):
                    yield self.control()
            self.messages += 1

    def must_go_on(self):
        """A message that stays open until the other side has seen a frame of wskeep's inside it."""
        return self.hold_open and self.messages >= MESSAGES and self.other.own_inside_message == 0

    def write(self):
        """Sends a few bytes, or many; at a frame boundary answers go first."""
        if not self.output:
            if self.answers:
                self.output += self.answers.popleft()
            elif self.is_satisfied() and self.other.is_satisfied():
                if not self.sent_last:
                    self.sent_last = True
                    self.output += self.record(self.build(frames.TEXT, b"last"))
            elif not self.sent_last:
                self.output += next(self.script)
        if self.output:
            size = self.rng.choice((1, 1, 2, 3, 14, 100, 5000, 1 << 16, 1 << 20))
            del self.output[: self.sock.send(self.output[:size])]

    def is_satisfied(self):
        """Has said enough, at the end of a message, and has seen enough beats."""
        if self.sent_last:
            return True
        enough = self.messages >= MESSAGES and not self.mid_message and not self.must_go_on()
        return enough and (self.direct or self.own_beats >= OWN_BEATS)

    def is_done(self):
        return self.finished and not (self.owed or self.output or self.answers or self.on_the_way)

    # --- receiving

    def read(self):
        data = self.sock.recv(1 << 18)
        if not data:
            raise AssertionError(f"{self.name}: the stream ended early")
        self.input.feed(data)
        while (frame := self.input.next()) is not None:
            self.check(frame)

    def check(self, frame):
        expected = self.other.on_the_way
        if expected and frame.raw == expected[0]:
            expected.popleft()
            if not frame.is_control:
                self.inside_message = not frame.fin
                self.finished = frame.fin and frame.payload == b"last"
            elif frame.opcode == frames.PING:
                self.answers.append(self.record(self.build(frames.PONG, frame.payload)))
            return
        self.own_inside_message += self.inside_message
        shape = (frame.fin, frame.rsv, frame.masked)
        wanted = f"expected {frames.split(expected[0])[0][0] if expected else 'nothing'}"
        if self.direct or shape != (True, 0, not self.masks):
            raise AssertionError(f"{self.name}: foreign frame {frame}, {wanted}")
        if frame.opcode == frames.PONG and self.owed and frame.payload == self.owed[0]:
            self.owed.popleft()
        elif frame.opcode == frames.PING and len(frame.payload) == 8:
            self.own_beats += 1
            self.answers.append(self.build(frames.PONG, frame.payload))  # wskeep takes it out
        else:
            raise AssertionError(f"{self.name}: foreign frame {frame}, {wanted}")


def converse(sides):
    """Lets both talk until everything that was sent has been seen and answered."""
    end = time.monotonic() + DEADLINE
    with selectors.DefaultSelector() as selector:
        for side in sides:
            selector.register(side.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, side)
        while not all(side.is_done() for side in sides):
            if time.monotonic() > end:
                state = [(s.name, s.messages, s.own_beats, s.finished, len(s.owed), len(s.on_the_way)) for s in sides]
                raise AssertionError(f"not done within {DEADLINE} s: {state}")
            for key, events in selector.select(1):
                side = key.data
                try:
                    if events & selectors.EVENT_READ:
                        side.read()
                    if events & selectors.EVENT_WRITE:
                        side.write()
                except BlockingIOError:
                    pass


class Identity(IntegrationTest):
    def run_streams(self, settings, hold_open=False):
        seed = int(os.environ.get("WSKEEP_SEED") or random.SystemRandom().randrange(1 << 32))
        try:
            return self.streams(seed, settings, hold_open)
        except Exception as error:
            raise AssertionError(f"with WSKEEP_SEED={seed}: {error}") from error

    def streams(self, seed, settings, hold_open):
        backend = self.raw_backend(lambda request: raw.switch(request, headers=DEFLATE))
        proxy = self.front(backend.port, {**PINGS, **settings})
        client = self.raw_session(proxy.port, "/identity", DEFLATE)
        sides = [Side(name, stream, random.Random(f"{seed} {name}"), not proxy.present, hold_open)
                 for name, stream in (("client", client), ("backend", backend.accept()))]
        sides[0].other, sides[1].other = sides[1], sides[0]
        converse(sides)
        return proxy, sides

    def test_own_frames_wait_for_the_end_of_a_message(self):
        proxy, sides = self.run_streams({"relay.inject_hold": "1m"})
        self.assertEqual([side.own_inside_message for side in sides], [0, 0])
        if proxy.present:
            metrics = proxy.metrics()
            for leg in ("client", "backend"):
                self.assertGreaterEqual(metrics.value("wskeep_pongs_received_total", leg=leg, result="matched"), 1)

    def test_own_frames_go_between_fragments(self):
        proxy, sides = self.run_streams({"relay.inject_hold": "100ms"}, hold_open=True)
        if proxy.present:
            self.assertNotIn(0, [side.own_inside_message for side in sides])


if __name__ == "__main__":
    unittest.main()
