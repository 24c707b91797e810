"""Requests that must get no further than wskeep: malformed ones, ambiguous ones, and things that aren't HTTP.

A row is (name, class of attack, bytes, status). The classes are the ones the literature uses: CL.TE, TE.CL, TE.TE
and CL.CL (two readers find different ends of a body), CL.0 (a reader that sees no body where there is one), header
injection (a line within a line), line endings, Host (two readers see different sites), WebSocket (a tunnel that one
side alone believes in), limits. Where the class is empty, the row is plain nonsense.
"""

from typing import NamedTuple

import raw

HOST = "Host: a.test"
CHUNKED = "Transfer-Encoding: chunked"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"


class Row(NamedTuple):
    name: str
    attack: str
    sent: bytes
    status: int


def get(*fields, line="GET / HTTP/1.1", body=b""):
    return "\r\n".join([line, *fields, "", ""]).encode("latin-1") + body


def post(*fields, body=b"hello", line="POST / HTTP/1.1"):
    return get(HOST, *fields, line=line, body=body)


def upgrade(old="", new="", body=b""):
    """A good upgrade request with one thing replaced."""
    text = raw.upgrade_request(host="a.test").decode()
    assert old in text
    return text.replace(old, new).encode("latin-1") + body


def _rows(attack, rows):
    return [Row(name, attack, sent, status) for name, sent, status in rows]


def encoding(value):
    """A body that ends at once for who takes the encoding for chunked, and is six bytes for who doesn't."""
    return post("Content-Length: 6", value, body=b"0\r\n\r\nG")


TWO_LENGTHS = _rows("CL.TE", [
    ("length, then encoding", encoding(CHUNKED), 400),
    ("length and encoding in HTTP/1.0", post("Content-Length: 5", CHUNKED, line="POST / HTTP/1.0"), 400),
    ("length and identity", encoding("Transfer-Encoding: identity"), 400),
    ("length and an empty encoding", encoding("Transfer-Encoding:"), 400),
    ("encoding behind a bare LF", encoding(f"X: y\n{CHUNKED}"), 400),
    ("encoding behind a bare CR", encoding(f"X: y\r{CHUNKED}"), 400),
    ("encoding behind a vertical tab", encoding(f"X: y\v{CHUNKED}"), 400),
    ("encoding with a space before its colon", encoding("Transfer-Encoding : chunked"), 400),
    ("encoding with a tab before its colon", encoding("Transfer-Encoding\t: chunked"), 400),
    ("encoding with a NUL in its name", encoding("Transfer-Encoding\0: chunked"), 400),
    ("encoding with a no-break space in its name", encoding("Transfer-Encoding\xa0: chunked"), 400),
    ("encoding in a folded line", encoding(f"X: y\r\n {CHUNKED}"), 400),
    ("encoding folded behind its colon", encoding("Transfer-Encoding:\r\n chunked"), 400),
    ("encoding folded inside", encoding("Transfer-Encoding: chun\r\n\tked"), 400),
    ("encoding with a broken name", encoding("Transfer-\r\nEncoding: chunked"), 400),
    ("encoding with an underscore", encoding("Transfer_Encoding: chunked"), 400),
]) + _rows("TE.CL", [
    ("encoding, then length", post(CHUNKED, "Content-Length: 4", body=b"5c\r\n" + SMUGGLED), 400),
    ("a chunked body and its right length", post(CHUNKED, "Content-Length: 15", body=b"5\r\nhello\r\n0\r\n\r\n"), 400),
    ("length with an underscore", post("Content_Length: 44", body=b""), 400),
    ("length with underscores and a right one", post("Content-Length: 5", "content_length: 44"), 400),
]) + _rows("TE.TE", [
    ("two encodings", post(CHUNKED, CHUNKED, body=b"0\r\n\r\n"), 400),
    ("two encodings, the second nonsense", post(CHUNKED, "Transfer-Encoding: x", body=b"0\r\n\r\n"), 400),
    ("two encodings, the first nonsense", post("Transfer-Encoding: x", CHUNKED, body=b"0\r\n\r\n"), 400),
    ("chunked twice", post("Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), 400),
    ("chunked not last", post("Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"), 400),
    ("chunked and a comma", post("Transfer-Encoding: chunked,", body=b"0\r\n\r\n"), 400),
    ("a comma and chunked", post("Transfer-Encoding: ,chunked", body=b"0\r\n\r\n"), 400),
    ("gzip, chunked", post("Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 400),
    ("identity", post("Transfer-Encoding: identity"), 400),
    ("xchunked", post("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), 400),
    ("chunkedx", post("Transfer-Encoding: chunkedx", body=b"0\r\n\r\n"), 400),
    ("chunked with a parameter", post("Transfer-Encoding: chunked;x", body=b"0\r\n\r\n"), 400),
    ("chunked in quotes", post('Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"), 400),
    ("chunked behind a form feed", post("Transfer-Encoding: \fchunked", body=b"0\r\n\r\n"), 400),
    ("chunked and a no-break space", post("Transfer-Encoding: chunked\xa0", body=b"0\r\n\r\n"), 400),
    ("chunked with a letter of another alphabet", post("Transfer-Encoding: chun\xe7ed", body=b"0\r\n\r\n"), 400),
    ("chunked in HTTP/1.0", post(CHUNKED, body=b"0\r\n\r\n", line="POST / HTTP/1.0"), 400),
]) + _rows("CL.CL", [
    ("two different lengths", post("Content-Length: 5", "Content-Length: 44"), 400),
    ("two equal lengths", post("Content-Length: 5", "Content-Length: 5"), 400),
    ("two lengths in two spellings", post("Content-Length: 5", "content-length: 0"), 400),
    ("a list of different lengths", post("Content-Length: 5, 44"), 400),
    ("a list of equal lengths", post("Content-Length: 5, 5"), 400),
    ("a length and a comma", post("Content-Length: 5,"), 400),
    ("a negative length", post("Content-Length: -5"), 400),
    ("a length with a plus", post("Content-Length: +5"), 400),
    ("a length in hexadecimal", post("Content-Length: 0x5"), 400),
    ("a length with a letter", post("Content-Length: 5x"), 400),
    ("a length with a fraction", post("Content-Length: 5.0"), 400),
    ("a length with an exponent", post("Content-Length: 5e0"), 400),
    ("a length in two words", post("Content-Length: 5 5"), 400),
    ("a length in quotes", post('Content-Length: "5"'), 400),
    ("an empty length", post("Content-Length:"), 400),
    ("a length beyond 64 bits", post("Content-Length: 18446744073709551621"), 400),
    ("a length of 100 digits", post(f"Content-Length: {'9' * 100}"), 400),
    ("a length with a digit that isn't ASCII", post("Content-Length: \xb2"), 400),
    ("a folded length", post("Content-Length:\r\n 5"), 400),
])

LINES = _rows("line endings", [
    ("bare LF everywhere", get(HOST, "X: y").replace(b"\r\n", b"\n"), 400),
    ("bare LF behind the request line", b"GET / HTTP/1.1\nHost: a.test\r\n\r\n", 400),
    ("bare LF behind a header", b"GET / HTTP/1.1\r\nHost: a.test\n\r\n", 400),
    ("bare LF as the empty line", b"GET / HTTP/1.1\r\nHost: a.test\r\n\n", 400),
    ("bare CR everywhere", get(HOST, "X: y").replace(b"\r\n", b"\r"), 400),
    ("bare CR as the empty line", b"GET / HTTP/1.1\r\nHost: a.test\r\n\rX", 400),
    ("two CR before the LF", b"GET / HTTP/1.1\r\nHost: a.test\r\r\n\r\n", 400),
    ("LF, CR", b"GET / HTTP/1.1\n\rHost: a.test\n\r\n\r", 400),
    ("two empty lines before the request", b"\r\n\r\n" + get(HOST), 400),
    ("a bare LF before the request", b"\n" + get(HOST), 400),
    ("a bare CR before the request", b"\r" + get(HOST), 400),
    ("a folded first header", get(" Host: a.test"), 400),
    ("a folded header", get(HOST, "X: y\r\n z"), 400),
    ("a folded empty header", get(HOST, "X:\r\n\ty"), 400),
    ("a line of spaces", get(HOST, "  "), 400),
]) + _rows("header injection", [
    ("a request behind a bare LF", get(HOST, f"X: y\n\n{SMUGGLED.decode()}"), 400),
    ("a request behind a bare CR", get(HOST, f"X: y\r\r{SMUGGLED.decode()}"), 400),
    ("NUL in a value", get(HOST, "X: a\0b"), 400),
    ("a control character in a value", get(HOST, "X: a\x01b"), 400),
    ("an escape sequence in a value", get(HOST, "X: \x1b[2J"), 400),
    ("DEL in a value", get(HOST, "X: a\x7fb"), 400),
    ("a bare CR in a forwarded value", get("Host: a.test\rX-Forwarded-For: 6.6.6.6"), 400),
    ("NUL in a name", get(HOST, "X\0Y: z"), 400),
    ("a space in a name", get(HOST, "X Y: z"), 400),
    ("a name that isn't ASCII", get(HOST, "\xc3\xa4: z"), 400),
    ("a name in quotes", get(HOST, '"X": z'), 400),
    ("brackets in a name", get(HOST, "X[Y]: z"), 400),
    ("a slash in a name", get(HOST, "X/Y: z"), 400),
    ("an empty name", get(HOST, ": z"), 400),
    ("no colon", get(HOST, "X"), 400),
    ("a request line as a header", get(HOST, "GET /smuggled HTTP/1.1"), 400),
])

REQUEST_LINES = _rows("", [
    ("no path", get(HOST, line="GET HTTP/1.1"), 400),
    ("no method", get(HOST, line=" / HTTP/1.1"), 400),
    ("a malformed method", get(HOST, line="G@T / HTTP/1.1"), 400),
    ("a method that isn't ASCII", get(HOST, line="G\xc9T / HTTP/1.1"), 400),
    ("NUL in the method", get(HOST, line="GET\0 / HTTP/1.1"), 400),
    ("a tab behind the method", get(HOST, line="GET\t/ HTTP/1.1"), 400),
    ("two spaces before the target", get(HOST, line="GET  / HTTP/1.1"), 400),
    ("two spaces behind the target", get(HOST, line="GET /  HTTP/1.1"), 400),
    ("a space at the end", get(HOST, line="GET / HTTP/1.1 "), 400),
    ("four words", get(HOST, line="GET / HTTP/1.1 HTTP/1.1"), 400),
    ("a space in the target", get(HOST, line="GET /a b HTTP/1.1"), 400),
    ("a request line in the target", get(HOST, line="GET / HTTP/1.1\tGET /smuggled HTTP/1.1"), 400),
    ("a fragment in the target", get(HOST, line="GET /a#b HTTP/1.1"), 400),
    ("NUL in the target", get(HOST, line="GET /\0 HTTP/1.1"), 400),
    ("a target that isn't ASCII", get(HOST, line="GET /\xc3\xa4 HTTP/1.1"), 400),
    ("a quote in the target", get(HOST, line='GET /" HTTP/1.1'), 400),
    ("a relative target", get(HOST, line="GET a HTTP/1.1"), 400),
    ("a target that begins with its query", get(HOST, line="GET ?a HTTP/1.1"), 400),
    ("GET *", get(HOST, line="GET * HTTP/1.1"), 400),
    ("HTTP/0.9", b"GET /\r\n", 400),
    ("HTTP/0.9 in three words", get(HOST, line="GET / HTTP/0.9"), 400),
    ("HTTP/1.2", get(HOST, line="GET / HTTP/1.2"), 400),
    ("HTTP/1.10", get(HOST, line="GET / HTTP/1.10"), 400),
    ("HTTP/01.1", get(HOST, line="GET / HTTP/01.1"), 400),
    ("HTTP/1,1", get(HOST, line="GET / HTTP/1,1"), 400),
    ("HTTP/2.0", get(HOST, line="GET / HTTP/2.0"), 400),
    ("HTTP/3", get(HOST, line="GET / HTTP/3"), 400),
    ("http/1.1", get(HOST, line="GET / http/1.1"), 400),
    ("HTTPS/1.1", get(HOST, line="GET / HTTPS/1.1"), 400),
    ("CONNECT", get("Host: a.test:443", line="CONNECT a.test:443 HTTP/1.1"), 501),
    ("CONNECT to another site", get(HOST, line="CONNECT internal.test:22 HTTP/1.1"), 501),
    ("CONNECT with a body", get(HOST, "Content-Length: 5", line="CONNECT a.test:443 HTTP/1.1", body=b"hello"), 501),
    ("CONNECT to a path", get(HOST, line="CONNECT / HTTP/1.1"), 400),
    ("CONNECT to a URI", get(HOST, line="CONNECT http://a.test/ HTTP/1.1"), 400),
    ("CONNECT without a port", get(HOST, line="CONNECT a.test HTTP/1.1"), 400),
])

HOSTS = _rows("Host", [
    ("no Host", get(), 400),
    ("two equal Hosts", get(HOST, HOST), 400),
    ("two different Hosts", get(HOST, "Host: b.test"), 400),
    ("two Hosts in HTTP/1.0", get(HOST, "host: b.test", line="GET / HTTP/1.0"), 400),
    ("two Hosts in a list", get("Host: a.test, b.test"), 400),
    ("two Hosts in one value", get("Host: a.test b.test"), 400),
    ("Host with a path", get("Host: a.test/b"), 400),
    ("Host with a query", get("Host: a.test?b"), 400),
    ("Host with userinfo", get("Host: b.test@a.test"), 400),
    ("Host with two ports", get("Host: a.test:80:81"), 400),
    ("Host with a port of letters", get("Host: a.test:http"), 400),
    ("Host with an open bracket", get("Host: [::1"), 400),
    ("Host with a bracket behind", get("Host: [::1]a"), 400),
    ("Host with a bracket inside", get("Host: a[b"), 400),
    ("Host with a backslash", get("Host: a.test\\b"), 400),
    ("Host with a parameter", get("Host: a.test;proto=https"), 400),
    ("Host in quotes", get('Host: "a.test"'), 400),
    ("Host that isn't ASCII", get("Host: \xe4.test"), 400),
    ("Host with a space before its colon", get("Host : a.test"), 400),
    ("Host with a NUL", get("Host: a.test\0"), 400),
    ("absolute target of another site", get(HOST, line="GET http://b.test/ HTTP/1.1"), 400),
    ("absolute target of another port", get(HOST, line="GET http://a.test:81/ HTTP/1.1"), 400),
    ("absolute target with userinfo", get(HOST, line="GET http://b.test@a.test/ HTTP/1.1"), 400),
    ("absolute target without a site", get("Host:", line="GET http:///b HTTP/1.1"), 400),
    ("absolute target with one slash", get(HOST, line="GET http:/a.test/ HTTP/1.1"), 400),
    ("absolute target with a backslash", get(HOST, line="GET http://a.test\\@b.test/ HTTP/1.1"), 400),
    ("absolute target and no Host", get(line="GET http://a.test/ HTTP/1.1"), 400),
    ("another scheme", get(HOST, line="GET ftp://a.test/ HTTP/1.1"), 400),
    ("a file", get(HOST, line="GET file:///etc/passwd HTTP/1.1"), 400),
])

WEBSOCKETS = _rows("WebSocket version smuggling", [
    ("version 1337", upgrade("Version: 13", "Version: 1337"), 426),
    ("version 8", upgrade("Version: 13", "Version: 8"), 426),
    ("version 13, 8", upgrade("Version: 13", "Version: 13, 8"), 426),
    ("two versions", upgrade("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8"), 426),
    ("an empty version", upgrade("Version: 13", "Version:"), 426),
    ("no version", upgrade("Sec-WebSocket-Version: 13\r\n"), 426),
]) + _rows("WebSocket", [
    ("no key", upgrade(f"Sec-WebSocket-Key: {raw.KEY}\r\n"), 400),
    ("two keys", upgrade("Upgrade: websocket", f"Sec-WebSocket-Key: {raw.KEY}\r\nUpgrade: websocket"), 400),
    ("a key of 15 bytes", upgrade(raw.KEY, "MTIzNDU2Nzg5MDEyMzQ1"), 400),
    ("a key of 17 bytes", upgrade(raw.KEY, "MTIzNDU2Nzg5MDEyMzQ1Njc="), 400),
    ("a key in no base64", upgrade(raw.KEY, "********************=="), 400),
    ("upgrade of HTTP/1.0", upgrade("HTTP/1.1", "HTTP/1.0"), 400),
    ("upgrade by POST", upgrade("GET", "POST"), 400),
    ("upgrade by HEAD", upgrade("GET", "HEAD"), 400),
    ("upgrade by CONNECT", upgrade("GET / ", "CONNECT a.test:443 "), 400),
    ("no Connection", upgrade("Connection: Upgrade\r\n"), 400),
    ("Connection: close", upgrade("Connection: Upgrade", "Connection: close"), 400),
    ("a body of known size", upgrade("Upgrade: w", "Content-Length: 5\r\nUpgrade: w", b"hello"), 400),
    ("a chunked body", upgrade("Upgrade: w", f"{CHUNKED}\r\nUpgrade: w", b"0\r\n\r\n"), 400),
    ("a body that is a request", upgrade("Upgrade: w", "Content-Length: 40\r\nUpgrade: w", SMUGGLED), 400),
])

NOT_HTTP = _rows("", [
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)), 400),
    ("SSH", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", 400),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 400),
    ("PROXY protocol v1", b"PROXY TCP4 6.6.6.6 127.0.0.1 1 2\r\n" + get(HOST), 400),
    ("PROXY protocol v2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0" + get(HOST), 400),
    ("SOCKS 5", b"\5\1\0", 400),
    ("SMTP", b"EHLO a.test\r\n", 400),
    ("Redis", b"*1\r\n$4\r\nPING\r\n", 400),
    ("an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 400),
    ("a WebSocket frame", b"\x81\x85\0\0\0\0hello", 400),
    ("bytes without sense", bytes(range(128, 256)), 400),
    ("JSON", b'{"method": "GET"}\r\n', 400),
])

LIMITS = _rows("limits", [
    ("a long request line", get(HOST, line=f"GET /{'a' * 20000} HTTP/1.1"), 431),
    ("a long request line without an end", b"GET /" + b"a" * 20000, 431),
    ("a long method", b"G" * 20000, 431),
    ("a long header", get(HOST, f"X: {'y' * 20000}"), 431),
    ("a long header name", get(HOST, f"{'X' * 20000}: y"), 431),
    ("a long run of spaces", get(HOST, f"X:{' ' * 20000}y"), 431),
    ("many headers", get(HOST, *["X: y"] * 100), 431),
    ("many empty headers", get(HOST, *["X:"] * 5000), 431),
    ("a long upgrade request", upgrade("Upgrade: w", f"X: {'y' * 20000}\r\nUpgrade: w"), 431),
])

REFUSED = TWO_LENGTHS + LINES + REQUEST_LINES + HOSTS + WEBSOCKETS + NOT_HTTP + LIMITS
