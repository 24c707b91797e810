"""The other side of a runtime: a socket by hand, which knows exactly what the runtime sent and when.

Unlike a library it can put two pings into one segment, and stay silent when it is pinged.
"""

import fcntl
import sys
import termios
import time

import frames
import raw

FLOOD = 16 << 20  # bytes of the message that a runtime sends at `flood`: more than fits into two sockets
FLOODS = 4
STUCK = 0.5  # seconds that a runtime is left with sending that makes no progress
PAIRS = 10  # how often two pings are sent together: which of them is answered may be a race in the runtime


def _word(answers):
    """The pongs that can be counted on: both and sometimes only the last is `last`."""
    names = {(b"1", b"2"): "both", (b"1",): "first", (b"2",): "last", (): "none"}
    seen = {names.get(pongs, str(pongs)) for pongs in answers}
    return " or ".join(sorted(seen if len(seen) == 1 else seen - {"both"}))


class FarEnd:
    """One connection to a runtime. Pings are answered while something is awaited, unless it is `deaf`."""

    def __init__(self, stream, *, masked, deaf=False):
        self._stream = stream
        self._build = frames.client if masked else frames.build
        self._deaf = deaf
        self.pings = 0
        self.pongs = []

    def _send(self, *parts):
        self._stream.send(b"".join(self._build(opcode, payload) for opcode, payload in parts))

    def _next_text(self):
        parts = []
        while True:
            frame = self._stream.frame()
            if frame.opcode in (frames.TEXT, frames.CONTINUATION):
                parts.append(frame.payload)
                if frame.fin:
                    return b"".join(parts).decode()
            if frame.opcode == frames.CLOSE:
                raise AssertionError(f"it closed the connection: {frame}")
            self._note(frame)

    def _note(self, frame):
        if frame.opcode == frames.PONG:
            self.pongs.append(frame.payload)
        elif frame.opcode == frames.PING:
            self.pings += 1
            if not self._deaf:
                self._send((frames.PONG, frame.payload))

    def ask(self, text):
        """The runtime's reply to a text."""
        self._send((frames.TEXT, text.encode()))
        return self._next_text()

    def _fence(self):
        """After this everything that the runtime has to say to what was sent before has come: a pong that it had put
        aside for later is on its way before the second echo at the latest."""
        for text in ("fence", "second fence"):
            if (reply := self.ask(text)) != text:
                raise AssertionError(f"{text!r} came back as {reply!r}")

    def answered(self, *payloads):
        """Which of these pings, sent in one segment, are answered; in the order of the pongs."""
        self.ping(*payloads)
        self._fence()
        return tuple(self.pongs)

    def begin_flood(self, messages=1):
        """Has the runtime send long messages, of which nothing is read, until its sending is stuck in them."""
        self._send(*[(frames.TEXT, b"flood")] * messages)
        arrived, before = 0, -1
        while not arrived or arrived != before:
            time.sleep(STUCK / 5)
            arrived, before = self._waiting(), arrived

    def _waiting(self):
        """Bytes that have come and weren't read."""
        return int.from_bytes(fcntl.ioctl(self._stream.sock, termios.FIONREAD, bytes(4)), sys.byteorder)

    def end_flood(self, messages=1):
        """Reads the long messages and what comes with them."""
        for _ in range(messages):
            if len(text := self._next_text()) != FLOOD:
                raise AssertionError(f"a flood of {len(text)} bytes")
        self._fence()

    def await_pong(self):
        while not self.pongs:
            self._note(self._stream.frame_of(frames.PING, frames.PONG))

    def ping(self, *payloads):
        """Sends these pings in one segment; `pongs` will be theirs."""
        self.pongs.clear()
        self._send(*((frames.PING, payload) for payload in payloads))

    def _of_two_in_a_flood(self):
        self.begin_flood()
        self.ping(b"1", b"2")
        time.sleep(STUCK)  # to be read by the runtime while it can't answer; nothing would show that it was
        self.end_flood()
        return tuple(self.pongs)

    def of_two_at_once(self):
        """Which of two pings that come together are answered: `both`, `first`, `last` or `none`."""
        return _word(self.answered(b"1", b"2") for _ in range(PAIRS))

    def of_two_while_sending(self):
        """The same while its own sending is stuck in a long message."""
        return _word(self._of_two_in_a_flood() for _ in range(FLOODS))

    def own_pings(self):
        """`yes`, `unseen` (it can ping, and shows no pong to the application) or `no`."""
        return {"pong": "yes", "ping sent": "unseen", "no ping": "no"}[self.ask("ping")]

    def await_pings(self, count):
        """Answers pings until there were so many."""
        while self.pings < count:
            self._note(self._stream.frame_of(frames.PING, frames.PONG))

    def echoes(self, text, quiet):
        """Whether nothing at all comes for `quiet` seconds, and then the echo of a text."""
        return self._stream.quiet_for(quiet) and self.ask(text) == text

    def ends_within(self, seconds):
        """Whether the stream ends within this time. Answers nothing, and what comes until then doesn't matter."""
        end = time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0:
                self._stream.sock.settimeout(left)
                if self._stream.frame().opcode == frames.PING:
                    self.pings += 1
        except EOFError:
            return True
        except TimeoutError:
            pass
        return False


def of_client(backend):
    """The next client of a raw backend."""
    return FarEnd(backend.accept(), masked=False)


def of_server(port, **options):
    return FarEnd(raw.open_session(port), masked=True, **options)
