"""A backend that writes down every byte that it gets, connection by connection, and judges it strictly."""

import socket
import threading

import strict
from raw import DEADLINE


def ok(request):
    """The usual answer; its body says what was asked for."""
    body = b"" if request.method == "HEAD" else f"{request.method} {request.target}".encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Heard:
    """One connection: what came on it, as bytes and as requests."""

    def __init__(self, sock, ends):
        self.sock = sock
        self._ends = ends
        self.data = b""
        self.requests = []  # whole ones
        self.fault = None  # why what came is no request
        self.ended = threading.Event()
        self._judged = 0
        self._changed = threading.Condition()

    def read(self, answer):
        """Reads to the end and answers every whole request with `answer(request)`; bytes, or None for silence."""
        try:
            while piece := self.sock.recv(65536):
                self.data += piece
                self._judge(answer)
        except OSError:
            pass
        finally:
            self.ended.set()
            self.sock.close()
            with self._changed:
                self._changed.notify_all()

    def _judge(self, answer):
        while self.fault is None and self._judged < len(self.data):
            try:
                request, rest = strict.cut_request(self.data[self._judged :])
            except strict.Incomplete:
                return
            except strict.Malformed as malformed:
                self.fault = str(malformed)
                return
            self._judged = len(self.data) - len(rest)
            with self._changed:
                self.requests.append(request)
                self._changed.notify_all()
            reply = answer(request)
            if reply is not None:
                self.sock.sendall(reply)
                if self._ends:
                    self.sock.shutdown(socket.SHUT_WR)

    def wait_requests(self, count):
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count or self.ended.is_set(), DEADLINE):
                raise AssertionError(f"not {count} requests: {self.data[:300]!r}")

    @property
    def unfinished(self):
        """What came behind the last whole request."""
        return self.data[self._judged :]


class Spy:
    """Listens until close(). `heard` grows by one with each connection, in the order in which they came."""

    def __init__(self, answer=ok):
        self.answer = answer
        self.ends = False  # connections end behind the first answer
        self.heard = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            heard = Heard(sock, self.ends)
            self.heard.append(heard)
            threading.Thread(target=heard.read, args=(lambda request: self.answer(request),), daemon=True).start()

    def take(self):
        """What was heard so far, each to its end; then starts afresh."""
        heard, self.heard = self.heard, []
        for connection in heard:
            if not connection.ended.wait(DEADLINE):
                raise AssertionError(f"wskeep keeps a connection to the backend: {connection.data[:200]!r}")
        return heard

    def close(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
        except OSError:
            pass
        self._listener.close()
        for connection in self.heard:
            connection.sock.close()
