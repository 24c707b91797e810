"""Both peers by hand: a socket that speaks bytes, for scripts that no WebSocket library would follow."""

import base64
import hashlib
import os
import queue
import socket
import struct
import threading

import frames

DEADLINE = float(os.environ.get("WSKEEP_TEST_DEADLINE", "60"))  # seconds; how long a test waits for an event
KEY = base64.b64encode(b"integration-test").decode()
IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; Python has no name for it before 3.13
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_for(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


class Head:
    """A request or response head; header names compare without case, values keep their bytes as Latin-1."""

    def __init__(self, data):
        lines = data.decode("latin-1").split("\r\n")
        self.line = lines[0]
        fields = [line.partition(":") for line in lines[1:] if line]
        self.headers = [(name.strip().lower(), value.strip()) for name, _, value in fields]

    def all(self, name):
        return [value for key, value in self.headers if key == name.lower()]

    def get(self, name):
        return next(iter(self.all(name)), None)

    @property
    def status(self):
        return int(self.line.split()[1])


class Stream:
    """A connected socket: bytes out at once, and heads, frames or everything in, each with a deadline."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(DEADLINE)
        if self.sock.family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.head = None  # of the other side, once read
        self.reset = False  # the end was a RST
        self._parser = frames.Parser()

    def send(self, data):
        self.sock.sendall(data)

    def send_bytewise(self, data):
        for i in range(len(data)):
            self.sock.sendall(data[i : i + 1])

    def receive(self):
        """What comes next; b"" at the end of the stream."""
        try:
            return self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            self.reset = True
            return b""

    def read_head(self):
        """Reads to the empty line; what comes behind it stays for frame(), read_head() and rest()."""
        data = self._parser.pending
        self._parser = frames.Parser()
        while b"\r\n\r\n" not in data:
            piece = self.receive()
            if not piece:
                raise EOFError(f"the connection ended inside a head: {data!r}")
            data += piece
        head, _, behind = data.partition(b"\r\n\r\n")
        self._parser.feed(behind)
        self.head = Head(head)
        return self.head

    def read_body(self, size):
        """The next `size` bytes; fewer if the stream ends."""
        data = self._parser.pending
        while len(data) < size and (piece := self.receive()):
            data += piece
        self._parser = frames.Parser()
        self._parser.feed(data[size:])
        return data[:size]

    def read_chunk(self):
        """The next chunk's data, of a body without trailers; b"" for the last one."""
        line = b""
        while not line.endswith(b"\r\n"):
            line += self.read_body(1) or b"?\r\n"
        size = int(line, 16)
        return self.read_body(size + 2)[:size]

    def frame(self):
        """The next frame. EOFError at the end of the stream, with what was left over."""
        while (frame := self._parser.next()) is None:
            piece = self.receive()
            if not piece:
                raise EOFError(f"the stream ended, left over: {self._parser.pending[:64]!r}")
            self._parser.feed(piece)
        return frame

    def frame_of(self, *opcodes):
        """The next frame with one of these opcodes; others are dropped."""
        while (frame := self.frame()).opcode not in opcodes:
            pass
        return frame

    def rest(self):
        """Every byte until the other side ends."""
        data = self._parser.pending
        self._parser = frames.Parser()
        while piece := self.receive():
            data += piece
        return data

    def quiet_for(self, seconds):
        """Whether nothing arrives within this time: a check for absence, so the only one that must wait."""
        if self._parser.pending:
            return False
        self.sock.settimeout(seconds)
        try:
            piece = self.receive()
            self._parser.feed(piece)
            return False
        except socket.timeout:
            return True
        finally:
            self.sock.settimeout(DEADLINE)

    def finish(self):
        """Sends a FIN and keeps reading."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def abort(self):
        """Ends with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


def unix_name(address):
    """What bind() and connect() take for unix:/path or unix:@name."""
    name = address.removeprefix("unix:")
    return "\0" + name[1:] if name.startswith("@") else name


def connect(port, *, receive_buffer=None, source=None, host="127.0.0.1"):
    """To a port of a host, or to unix:/path or unix:@name."""
    if isinstance(port, str):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(DEADLINE)
        sock.connect(unix_name(port))
        return Stream(sock)
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    if source:
        # Otherwise bind() takes a port for itself alone, which no other connection of this host could share.
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source, 0))
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(DEADLINE)
    sock.connect((host, port))
    return Stream(sock)


def upgrade_request(path="/", headers=(), *, host="example.test", method="GET", drop=()):
    """A request head for an upgrade; `drop` names usual headers to leave out, `headers` (pairs) come last."""
    usual = [("Host", host), ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", KEY),
             ("Sec-WebSocket-Version", "13")]
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in [*(x for x in usual if x[0] not in drop), *headers]]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def open_session(port, path="/", headers=(), *, behind=b"", **how):
    """A client whose upgrade was answered with 101; `behind` goes out in one packet with the request."""
    stream = connect(port, **how)
    stream.send(upgrade_request(path, headers) + behind)
    if stream.read_head().status != 101:
        raise AssertionError(f"no 101 but {stream.head.line!r}: {stream.rest()[:200]!r}")
    return stream


def switch(request, *, headers=(), behind=b""):
    """The 101 that belongs to a request."""
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines.append(f"Sec-WebSocket-Accept: {accept_for(request.get('sec-websocket-key') or '')}")
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + behind


class Backend:
    """A listening thread. `answer(request)` gives the bytes to answer a request head with, None for silence.

    accept() hands out the connections in the order in which they were answered.
    """

    def __init__(self, answer=switch, host="127.0.0.1", port=0):
        """`port` may be unix:/path or unix:@name; it is then what a client connects to."""
        self._answer = answer
        if isinstance(port, str):
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(unix_name(port))
            self._listener.listen(128)
            self.port = port
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = socket.create_server((host, port), family=family, backlog=128)
            self.port = self._listener.getsockname()[1]
        self._ready = queue.Queue()
        self._streams = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            stream = Stream(sock)
            self._streams.append(stream)
            threading.Thread(target=self._greet, args=(stream,), daemon=True).start()

    def _greet(self, stream):
        try:
            reply = self._answer(stream.read_head())
            if reply is not None:
                stream.send(reply)
        except (OSError, EOFError):
            return
        self._ready.put(stream)

    def accept(self):
        return self._ready.get(timeout=DEADLINE)

    def close(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
        except OSError:
            pass
        self._listener.close()
        for stream in self._streams:
            stream.close()


def closed_port():
    """A port on which nobody listens: bound a moment ago and given back."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
