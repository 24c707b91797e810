"""Answers of a backend that has gone wrong or been taken over, and what the client must see of them."""

from typing import NamedTuple

import raw
from hostile_requests import HOST, get

GET = get(HOST)
PIPELINED = GET + get(HOST, line="GET /2 HTTP/1.1")
UPGRADE = raw.upgrade_request(host="a.test")
SWITCH = raw.switch(raw.Head(UPGRADE))
OTHER = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled"


class Wrong(NamedTuple):
    name: str
    sent: bytes  # what the client asks
    answer: bytes
    status: int  # what the client gets
    body: bytes = None  # of a whole answer; None for 502, whose words are ours, and for one that is cut short
    ends: bool = False  # the backend ends its stream behind it


def ok(*fields, body=b"", line="HTTP/1.1 200 OK"):
    return get(*fields, line=line, body=body)


def chunked(body):
    return ok("Transfer-Encoding: chunked", body=body)


def switch(old, new):
    assert old in SWITCH
    return SWITCH.replace(old, new)


WRONG = [
    Wrong("nothing", GET, b"", 502, ends=True),
    Wrong("not HTTP", GET, b"hello there\r\n\r\n", 502),
    Wrong("bytes without sense", GET, bytes(range(128, 256)), 502),
    Wrong("a TLS alert", GET, b"\x15\x03\x01\x00\x02\x02\x16", 502),
    Wrong("HTTP/2", GET, b"\0\0\x12\4\0\0\0\0\0", 502),
    Wrong("HTTP/0.9", GET, b"<html>hello</html>", 502, ends=True),
    Wrong("HTTP/1.2", GET, ok("Content-Length: 0", line="HTTP/1.2 200 OK"), 502),
    Wrong("status 0", GET, ok("Content-Length: 0", line="HTTP/1.1 000 OK"), 502),
    Wrong("status of four digits", GET, ok("Content-Length: 0", line="HTTP/1.1 2000 OK"), 502),
    Wrong("bare LF", GET, ok("Content-Length: 0").replace(b"\r\n", b"\n"), 502),
    Wrong("a header behind a bare CR", GET, ok("Content-Length: 0", "X: y\rSet-Cookie: z"), 502),
    Wrong("a folded header", GET, ok("Content-Length: 0", "X: y\r\n z"), 502),
    Wrong("NUL in a header", GET, ok("Content-Length: 0", "X: y\0z"), 502),
    Wrong("a space before a colon", GET, ok("Content-Length : 0"), 502),
    Wrong("two lengths", GET, ok("Content-Length: 5", "Content-Length: 50", body=b"hello" + OTHER), 502),
    Wrong("two equal lengths", GET, ok("Content-Length: 5", "Content-Length: 5", body=b"hello"), 502),
    Wrong("a negative length", GET, ok("Content-Length: -5", body=b"hello"), 502),
    Wrong("a length beyond 64 bits", GET, ok("Content-Length: 18446744073709551621", body=b"hello"), 502),
    Wrong("length and encoding", GET, ok("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 502),
    Wrong("another encoding", GET, ok("Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 502),
    Wrong("chunked in HTTP/1.0", GET, ok("Transfer-Encoding: chunked", line="HTTP/1.0 200 OK", body=b"0\r\n\r\n"), 502),
    Wrong("a header of 20,000 bytes", GET, ok("Content-Length: 0", f"X: {'y' * 20000}"), 502),
    Wrong("a header without an end", GET, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100000, 502),
    Wrong("101 headers", GET, ok("Content-Length: 0", *["X: y"] * 100), 502),
    Wrong("a head that ends early", GET, b"HTTP/1.1 200 OK\r\nContent-Le", 502, ends=True),
    Wrong("101 that nobody asked for", GET, SWITCH + OTHER, 502),
    Wrong("101 to h2c that nobody asked for", GET, ok("Connection: Upgrade", "Upgrade: h2c",
                                                      line="HTTP/1.1 101 Switching Protocols"), 502),
    Wrong("interim answers without an end", GET, ok(line="HTTP/1.1 103 Early Hints") * 5000, 502),
    Wrong("an interim answer, then nonsense", GET, ok(line="HTTP/1.1 102 Processing") + b"nonsense\r\n\r\n", 502),
    Wrong("a body that ends early", GET, ok("Content-Length: 50", body=b"hello"), 200, ends=True),
    Wrong("chunks that end early", GET, chunked(b"5\r\nhello\r\n"), 200, ends=True),
    Wrong("a bad chunk size", GET, chunked(b"5\r\nhello\r\nx\r\n"), 200),
    Wrong("a chunk longer than its size", GET, chunked(b"2\r\nhello\r\n0\r\n\r\n"), 200),
    Wrong("a second answer behind it", GET, ok("Content-Length: 5", body=b"hello") + OTHER, 200, b"hello"),
    Wrong("a second answer behind chunks", GET, chunked(b"5\r\nhello\r\n0\r\n\r\n") + OTHER, 200, b"hello"),
    Wrong("a second answer behind 204", GET, ok(line="HTTP/1.1 204 No Content") + OTHER, 204, b""),
    Wrong("a body behind 304", GET, ok("Content-Length: 8", line="HTTP/1.1 304 Not Modified", body=b"smuggled"), 304, b""),
    Wrong("a body behind HEAD", get(HOST, line="HEAD / HTTP/1.1"), OTHER, 200, b""),
    Wrong("an empty line and an answer behind it", GET, ok("Content-Length: 5", body=b"hello") + b"\r\n" + OTHER, 200,
          b"hello"),
    Wrong("upgrade: wrong accept key", UPGRADE, switch(raw.accept_for(raw.KEY).encode(), raw.accept_for("x").encode()), 502),
    Wrong("upgrade: no accept key", UPGRADE, switch(b"Sec-WebSocket-Accept", b"X"), 502),
    Wrong("upgrade: to h2c", UPGRADE, switch(b"websocket", b"h2c"), 502),
    Wrong("upgrade: 101 behind interim answers", UPGRADE,
          ok(line="HTTP/1.1 103 Early Hints") + switch(b"Upgrade: websocket\r\n", b""), 502),
    Wrong("upgrade: refused, with a second answer behind", UPGRADE,
          ok("Content-Length: 2", line="HTTP/1.1 403 No", body=b"no") + OTHER, 403, b"no"),
    Wrong("upgrade: refused, with a body that ends early", UPGRADE,
          ok("Content-Length: 50", line="HTTP/1.1 403 No", body=b"no"), 403, ends=True),
    Wrong("upgrade: status 1010", UPGRADE, switch(b" 101 ", b" 1010 "), 502),
]
