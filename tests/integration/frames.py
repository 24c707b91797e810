"""WebSocket frames by hand (RFC 6455 section 5.2): building any frame, legal or not, and taking streams apart.

Nothing here judges a frame: the tests need illegal ones, and what arrives is compared as bytes.
"""

import dataclasses
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIXED_MASK = b"\x37\xfa\x21\x3d"


def apply_mask(key, data):
    """XORs data with the repeated 4-byte key; as one big integer, because 16 MiB must not take seconds."""
    if not data:
        return b""
    repeated = (key * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(data), "big")


def build(opcode, payload=b"", *, fin=True, rsv=0, mask=None, length_bits=None, declared=None):
    """One frame. `rsv` is 0 to 7 with RSV1 as 4, `mask` a 4-byte key or None for an unmasked frame.

    `length_bits` (7, 16 or 64) forces a longer length field than needed, `declared` a false length.
    """
    size = len(payload) if declared is None else declared
    if length_bits is None:
        length_bits = 7 if size < 126 else 16 if size < 65536 else 64
    masked = 0x80 if mask is not None else 0
    head = bytes([(0x80 if fin else 0) | (rsv << 4) | opcode])
    if length_bits == 7:
        head += bytes([masked | size])
    elif length_bits == 16:
        head += struct.pack("!BH", masked | 126, size)
    else:
        head += struct.pack("!BQ", masked | 127, size)
    if mask is None:
        return head + payload
    return head + mask + apply_mask(mask, payload)


def client(opcode, payload=b"", **options):
    """A frame as a client sends it: masked."""
    return build(opcode, payload, **{"mask": FIXED_MASK, **options})


def close_payload(code, reason=b""):
    return struct.pack("!H", code) + reason


@dataclasses.dataclass(frozen=True)
class Frame:
    fin: bool
    rsv: int
    opcode: int
    masked: bool
    payload: bytes = dataclasses.field(repr=False)  # unmasked
    raw: bytes = dataclasses.field(repr=False)  # exactly as it came

    @property
    def is_control(self):
        return self.opcode >= 0x8

    @property
    def code(self):
        """The code of a Close, 1005 for one without (section 7.1.5)."""
        return struct.unpack("!H", self.payload[:2])[0] if len(self.payload) >= 2 else 1005

    def __str__(self):
        shown = self.payload if len(self.payload) <= 24 else self.payload[:24] + b"..."
        size = len(self.payload)
        return f"<opcode {self.opcode:#x} fin {self.fin} rsv {self.rsv} mask {self.masked} {size} B {shown!r}>"


class Parser:
    """Cuts a byte stream into frames; feed() takes any split and next() gives a frame or None."""

    def __init__(self):
        self._pending = bytearray()

    @property
    def pending(self):
        return bytes(self._pending)

    def feed(self, data):
        self._pending += data

    def next(self):
        data = self._pending
        if len(data) < 2:
            return None
        masked, size, offset = bool(data[1] & 0x80), data[1] & 0x7F, 2
        if size >= 126:
            field = 2 if size == 126 else 8
            offset += field
            if len(data) < offset:
                return None
            size = int.from_bytes(data[2:offset], "big")
        body = offset + (4 if masked else 0)
        if len(data) < body + size:
            return None
        raw = bytes(data[: body + size])
        payload = raw[body:]
        if masked:
            payload = apply_mask(raw[offset:body], payload)
        del data[: body + size]
        return Frame(bool(raw[0] & 0x80), (raw[0] >> 4) & 7, raw[0] & 0xF, masked, payload, raw)


def split(data):
    """All whole frames of a recorded stream, and the bytes after the last of them."""
    parser = Parser()
    parser.feed(data)
    found = []
    while (frame := parser.next()) is not None:
        found.append(frame)
    return found, parser.pending
