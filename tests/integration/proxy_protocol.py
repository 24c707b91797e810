"""PROXY headers for tests, written and read by the letter of the specification, apart from wskeep's own code."""

import ipaddress
import struct

import raw

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
ALPN, AUTHORITY, UNIQUE_ID, SSL = 0x01, 0x02, 0x05, 0x20


def v1(source, destination, source_port=1234, destination_port=443):
    family = "TCP4" if ipaddress.ip_address(source).version == 4 else "TCP6"
    return f"PROXY {family} {source} {destination} {source_port} {destination_port}\r\n".encode()


def v2(source, destination, source_port=1234, destination_port=443, tlvs=(), command=0x21):
    address = ipaddress.ip_address(source)
    body = address.packed + ipaddress.ip_address(destination).packed + struct.pack(">HH", source_port, destination_port)
    for kind, value in tlvs:
        body += struct.pack(">BH", kind, len(value)) + value
    return SIGNATURE + struct.pack(">BBH", command, 0x11 if address.version == 4 else 0x21, len(body)) + body


class Header:
    """A header that was read: `source` and `destination` as (address, port) or None, and `tlvs` by their type."""

    def __init__(self, data):
        self.source = self.destination = None
        self.tlvs = {}
        if data.startswith(b"PROXY "):
            self.version = 1
            words = data.decode().split()
            if words[1] != "UNKNOWN":
                self.source, self.destination = (words[2], int(words[4])), (words[3], int(words[5]))
            return
        self.version = 2
        family, body = data[13], data[16:]
        if size := {0x11: 4, 0x21: 16}.get(family, 0):
            addresses = [str(ipaddress.ip_address(body[i * size : (i + 1) * size])) for i in range(2)]
            ports = struct.unpack_from(">HH", body, 2 * size)
            self.source, self.destination = zip(addresses, ports)
            body = body[2 * size + 4 :]
        while body:
            kind, length = struct.unpack_from(">BH", body)
            self.tlvs[kind] = body[3 : 3 + length]
            body = body[3 + length :]


def read(sock):
    """The header that a connection begins with; no byte behind it is taken."""
    data = receive(sock, 6)
    if data == b"PROXY ":
        while not data.endswith(b"\r\n"):
            data += receive(sock, 1)
    else:
        data += receive(sock, 10)
        data += receive(sock, struct.unpack_from(">H", data, 14)[0])
    return Header(data)


def receive(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError(f"the connection ended inside a PROXY header: {data!r}")
        data += piece
    return data


class Backend(raw.Backend):
    """A backend whose streams begin with a header, kept as `proxy`."""

    def _greet(self, stream):
        try:
            stream.proxy = read(stream.sock)
        except (OSError, EOFError):
            return
        super()._greet(stream)
