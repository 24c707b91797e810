"""Requests that are hostile and yet legal, and requests whose body goes wrong behind a good head.

Of the first the backend must receive exactly what is listed and nothing beside: the attack is that another reader would
see more or fewer requests in them. Of the second it must never receive a whole request.
"""

from typing import NamedTuple

from hostile_requests import CHUNKED, HOST, SMUGGLED, get, post


class Passing(NamedTuple):
    name: str
    attack: str
    sent: bytes
    received: tuple  # (method, target, body) of each request, in order
    has: tuple = ()  # fields that the last request must have, as ("Name", "value") or ("Name", None) for one without
    refused: int = 0  # the status that ends it all, behind those answers


class Broken(NamedTuple):
    name: str
    attack: str
    sent: bytes
    ends: bool = False  # the client ends its stream there


def chunks(*fields, body):
    return post(CHUNKED, *fields, body=body)


HELLO = ("POST", "/", b"hello")

PASSING = [
    Passing("GET with a body", "CL.0", get(HOST, "Content-Length: 5", body=b"hello"), (("GET", "/", b"hello"),)),
    Passing("GET with a body that is a request", "CL.0", get(HOST, "Content-Length: 40", body=SMUGGLED),
            (("GET", "/", SMUGGLED),)),
    Passing("OPTIONS with a body that is a request", "CL.0",
            get(HOST, "Content-Length: 40", line="OPTIONS /a HTTP/1.1", body=SMUGGLED), (("OPTIONS", "/a", SMUGGLED),)),
    Passing("a chunk that is a request", "CL.0", chunks(body=b"28\r\n" + SMUGGLED + b"\r\n0\r\n\r\n"),
            (("POST", "/", SMUGGLED),)),
    Passing("length 0 and a request behind it", "CL.0", post("Content-Length: 0", body=get(HOST, line="GET /2 HTTP/1.1")),
            (("POST", "/", b""), ("GET", "/2", b""))),
    Passing("an upgrade that is none, with a body", "CL.0",
            post("Content-Length: 40", "Connection: Upgrade", "Upgrade: none", body=SMUGGLED), (("POST", "/", SMUGGLED),),
            (("Upgrade", None), ("Connection", None))),
    Passing("a length with zeros before it", "CL.CL", post("Content-Length: 00000000000000005"), (HELLO,)),
    Passing("a length between tabs", "CL.CL", post("Content-Length:\t5\t"), (HELLO,), (("Content-Length", "5"),)),
    Passing("chunked behind a tab", "TE.TE", chunks(body=b"5\r\nhello\r\n0\r\n\r\n").replace(b": chunked", b":\tchunked"),
            (HELLO,), (("Transfer-Encoding", "chunked"),)),
    Passing("chunked between spaces", "TE.TE",
            chunks(body=b"5\r\nhello\r\n0\r\n\r\n").replace(b": chunked", b":   chunked  "),
            (HELLO,), (("Transfer-Encoding", "chunked"),)),
    Passing("chunked in capitals", "TE.TE", chunks(body=b"5\r\nhello\r\n0\r\n\r\n").replace(b": chunked", b": cHUNKed"),
            (HELLO,), (("Transfer-Encoding", "chunked"),)),
    Passing("a name that is nearly the encoding's", "TE.TE", post("Content-Length: 5", "X-Transfer-Encoding: chunked"),
            (HELLO,)),
    Passing("chunk sizes with zeros and capitals", "TE.CL", chunks(body=b"000A\r\n0\r\n\r\n12345\r\n0000\r\n\r\n"),
            (("POST", "/", b"0\r\n\r\n12345"),)),
    Passing("chunk extensions", "chunk extensions", chunks(body=b'5;a;b=c;d="; \\"e"\r\nhello\r\n0;f\r\n\r\n'), (HELLO,)),
    Passing("an extension that looks like a chunk", "chunk extensions", chunks(body=b'5;a="0"\r\nhello\r\n0\r\n\r\n'),
            (HELLO,)),
    Passing("trailers", "trailers", chunks(body=b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n"), (HELLO,)),
    Passing("Connection names the length", "hop-by-hop", post("Content-Length: 5", "Connection: Content-Length"),
            (HELLO,), (("Content-Length", "5"), ("Connection", None))),
    Passing("Connection names the encoding", "hop-by-hop",
            chunks("Connection: close, Transfer-Encoding", body=b"5\r\nhello\r\n0\r\n\r\n"), (HELLO,),
            (("Transfer-Encoding", "chunked"),)),
    Passing("Connection names Host", "hop-by-hop", get(HOST, "Connection: Host"), (("GET", "/", b""),),
            (("Host", "a.test"),)),
    Passing("Connection names Cookie and Authorization", "hop-by-hop",
            get(HOST, "Cookie: a=b", "Authorization: Basic eA==", "Connection: cookie, authorization"), (("GET", "/", b""),),
            (("Cookie", "a=b"), ("Authorization", "Basic eA=="))),
    Passing("Connection names our own fields", "hop-by-hop",
            get(HOST, "Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto"), (("GET", "/", b""),),
            (("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Host", "a.test"), ("X-Forwarded-Proto", "http"))),
    Passing("what else Connection names", "hop-by-hop", get(HOST, "X-Hop: y", "Connection: close, x-hop"),
            (("GET", "/", b""),), (("X-Hop", None),)),
    Passing("the old hop-by-hop fields", "hop-by-hop",
            get(HOST, "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: gzip"), (("GET", "/", b""),),
            (("Keep-Alive", None), ("Proxy-Connection", None))),
    Passing("Upgrade: h2c", "h2c", get(HOST, "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__",
                                       "Connection: Upgrade, HTTP2-Settings"), (("GET", "/", b""),),
            (("Upgrade", None), ("HTTP2-Settings", None), ("Connection", None))),
    Passing("Upgrade: h2c without Connection", "h2c", get(HOST, "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
            (("GET", "/", b""),), (("Upgrade", None), ("HTTP2-Settings", None))),
    Passing("Upgrade: TLS/1.0", "h2c", get(HOST, "Upgrade: TLS/1.0", "Connection: Upgrade"), (("GET", "/", b""),),
            (("Upgrade", None),)),
    Passing("forwarding fields", "header injection",
            get(HOST, "X-Forwarded-For: 6.6.6.6", "X_Forwarded_For: 6.6.6.6", "Forwarded: for=6.6.6.6",
                "X-Forwarded-Proto: https", "X-FORWARDED_HOST: b.test"), (("GET", "/", b""),),
            (("X-Forwarded-For", "127.0.0.1"), ("X_Forwarded_For", None), ("X-Forwarded-Proto", "http"),
             ("X-Forwarded-Host", "a.test"), ("X-FORWARDED_HOST", None))),
    Passing("line ends in percents", "header injection", get(HOST, line="GET /%0d%0aX:%20y%00 HTTP/1.1"),
            (("GET", "/%0d%0aX:%20y%00", b""),), (("X", None),)),
    Passing("line ends as text", "header injection", get(HOST, "X: a\\r\\nY: b"), (("GET", "/", b""),),
            (("X", "a\\r\\nY: b"), ("Y", None))),
    Passing("bytes beyond ASCII in a value", "header injection", get(HOST, "X: \xe5\x98\x8d\xe5\x98\x8aY: z"),
            (("GET", "/", b""),), (("X", "\xe5\x98\x8d\xe5\x98\x8aY: z"), ("Y", None))),
    Passing("dots and slashes in the path", "Host", get(HOST, line="GET //b.test/../%2e%2e/x HTTP/1.1"),
            (("GET", "//b.test/../%2e%2e/x", b""),)),
    Passing("another site in the query", "Host", get(HOST, line="GET /?http://b.test/ HTTP/1.1"),
            (("GET", "/?http://b.test/", b""),)),
    Passing("an empty Host", "Host", get("Host:"), (("GET", "/", b""),), (("Host", ""),)),
    Passing("an IPv6 Host", "Host", get("Host: [::1]:80"), (("GET", "/", b""),), (("Host", "[::1]:80"),)),
    Passing("HTTP/1.0 without Host", "Host", get(line="GET / HTTP/1.0"), (("GET", "/", b""),)),
    Passing("OPTIONS *", "", get(HOST, line="OPTIONS * HTTP/1.1"), (("OPTIONS", "*", b""),)),
    Passing("a method in small letters", "", get(HOST, line="get / HTTP/1.1"), (("get", "/", b""),)),
    Passing("a method that nobody knows", "", get(HOST, line="BREW /tea HTTP/1.1"), (("BREW", "/tea", b""),)),
    Passing("TRACE", "", get(HOST, line="TRACE / HTTP/1.1"), (("TRACE", "/", b""),)),
    Passing("an empty line before the request", "line endings", b"\r\n" + get(HOST), (("GET", "/", b""),)),
    Passing("an empty line between requests", "line endings",
            post("Content-Length: 5") + b"\r\n" + get(HOST, line="GET /2 HTTP/1.1"), (HELLO, ("GET", "/2", b""))),
    Passing("an expectation that nobody knows", "", get(HOST, "Expect: miracles"), (("GET", "/", b""),)),
    Passing("99 headers", "limits", get(HOST, *["X: y"] * 99), (("GET", "/", b""),)),
    Passing("a long header", "limits", get(HOST, f"X: {'y' * 15000}"), (("GET", "/", b""),)),
    Passing("a good request, then nonsense", "", get(HOST) + b"\x16\x03\x01", (("GET", "/", b""),), refused=400),
    Passing("a good request, then two lengths", "CL.CL",
            get(HOST) + post("Content-Length: 5", "Content-Length: 44") + SMUGGLED, (("GET", "/", b""),), refused=400),
    Passing("a body, then both lengths", "CL.TE",
            post("Content-Length: 5") + post("Content-Length: 6", CHUNKED, body=b"0\r\n\r\nG") + SMUGGLED, (HELLO,),
            refused=400),
    Passing("a good request, then HTTP/2", "h2c", get(HOST) + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (("GET", "/", b""),),
            refused=400),
    Passing("a good request, then a long header", "limits", get(HOST) + get(HOST, f"X: {'y' * 20000}") + SMUGGLED,
            (("GET", "/", b""),), refused=431),
    Passing("a good request, then a bad upgrade", "WebSocket",
            get(HOST) + get(HOST, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 8") + SMUGGLED,
            (("GET", "/", b""),), refused=426),
    Passing("a good request, then CONNECT", "", get(HOST) + get(HOST, line="CONNECT a.test:443 HTTP/1.1") + SMUGGLED,
            (("GET", "/", b""),), refused=501),
    Passing("close, and a request behind it", "CL.0", get(HOST, "Connection: close") + SMUGGLED, (("GET", "/", b""),)),
    Passing("HTTP/1.0, and a request behind it", "CL.0", get(HOST, line="GET / HTTP/1.0") + SMUGGLED, (("GET", "/", b""),)),
]

BROKEN = [
    Broken("an empty chunk size", "TE.CL", chunks(body=b"\r\nhello\r\n0\r\n\r\n")),
    Broken("a chunk size with a 0x", "TE.CL", chunks(body=b"0x5\r\nhello\r\n0\r\n\r\n")),
    Broken("a negative chunk size", "TE.CL", chunks(body=b"-5\r\nhello\r\n0\r\n\r\n")),
    Broken("a chunk size with a plus", "TE.CL", chunks(body=b"+5\r\nhello\r\n0\r\n\r\n")),
    Broken("a chunk size behind a space", "TE.CL", chunks(body=b" 5\r\nhello\r\n0\r\n\r\n")),
    Broken("a chunk size before a space", "TE.CL", chunks(body=b"5 \r\nhello\r\n0\r\n\r\n")),
    Broken("a chunk size with a letter", "TE.CL", chunks(body=b"5g\r\nhello\r\n0\r\n\r\n")),
    Broken("a chunk size with an underscore", "TE.CL", chunks(body=b"0_5\r\nhello\r\n0\r\n\r\n")),
    Broken("a chunk size beyond 64 bits", "TE.CL", chunks(body=b"10000000000000005\r\nhello\r\n0\r\n\r\n")),
    Broken("a chunk size of 100 digits", "TE.CL", chunks(body=b"f" * 100 + b"\r\nhello\r\n0\r\n\r\n")),
    Broken("a chunk size that isn't ASCII", "TE.CL", chunks(body=b"\xb2\r\nhello\r\n0\r\n\r\n")),
    Broken("a chunk size with a NUL", "TE.CL", chunks(body=b"5\0\r\nhello\r\n0\r\n\r\n")),
    Broken("LF behind a chunk size", "TE.CL", chunks(body=b"5\nhello\r\n0\r\n\r\n")),
    Broken("CR behind a chunk size", "TE.CL", chunks(body=b"5\rhello\r\n0\r\n\r\n")),
    Broken("LF behind a chunk", "TE.CL", chunks(body=b"5\r\nhello\n0\r\n\r\n")),
    Broken("no line end behind a chunk", "TE.CL", chunks(body=b"5\r\nhello0\r\n\r\n")),
    Broken("two bytes behind a chunk", "TE.CL", chunks(body=b"5\r\nhelloXX0\r\n\r\n")),
    Broken("a chunk longer than its size", "TE.CL", chunks(body=b"2\r\nhello\r\n0\r\n\r\n")),
    Broken("LF in a chunk extension", "chunk extensions", chunks(body=b"5;a\nhello\r\n0\r\n\r\n")),
    Broken("LF in a quoted chunk extension", "chunk extensions", chunks(body=b'5;a="\n"\r\nhello\r\n0\r\n\r\n')),
    Broken("CR in a chunk extension", "chunk extensions", chunks(body=b"5;a\rb\r\nhello\r\n0\r\n\r\n")),
    Broken("a chunk extension without a name", "chunk extensions", chunks(body=b"5;\r\nhello\r\n0\r\n\r\n")),
    Broken("a chunk extension of 10,000 bytes", "chunk extensions",
           chunks(body=b"5;a=" + b"b" * 10000 + b"\r\nhello\r\n0\r\n\r\n")),
    Broken("LF behind the last chunk", "TE.CL", chunks(body=b"5\r\nhello\r\n0\n\n")),
    Broken("LF instead of the last line", "TE.CL", chunks(body=b"5\r\nhello\r\n0\r\n\n")),
    Broken("a request instead of trailers", "TE.CL", chunks(body=b"5\r\nhello\r\n0\r\n" + SMUGGLED)),
    Broken("a trailer with a space before its colon", "trailers", chunks(body=b"0\r\nX : y\r\n\r\n")),
    Broken("a folded trailer", "trailers", chunks(body=b"0\r\nX: y\r\n z\r\n\r\n")),
    Broken("a trailer with a NUL", "trailers", chunks(body=b"0\r\nX: \0\r\n\r\n")),
    Broken("a trailer with a bare CR", "trailers", chunks(body=b"0\r\nX: y\rZ: z\r\n\r\n")),
    Broken("10,000 bytes of trailers", "trailers", chunks(body=b"0\r\n" + b"X: y\r\n" * 1700 + b"\r\n")),
    Broken("Content-Length as a trailer", "trailers", chunks(body=b"0\r\nContent-Length: 40\r\n\r\n")),
    Broken("Transfer-Encoding as a trailer", "trailers", chunks(body=b"0\r\nTransfer-Encoding: chunked\r\n\r\n")),
    Broken("Host as a trailer", "trailers", chunks(body=b"0\r\nHost: b.test\r\n\r\n")),
    Broken("X-Forwarded-For as a trailer", "trailers", chunks(body=b"0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")),
    Broken("Authorization as a trailer", "trailers", chunks(body=b"0\r\nauthorization: Basic eA==\r\n\r\n")),
    Broken("a body that ends early", "CL.0", post("Content-Length: 6"), True),
    Broken("chunks that end early", "TE.CL", chunks(body=b"5\r\nhello\r\n"), True),
    Broken("a chunk that ends early", "TE.CL", chunks(body=b"5\r\nhel"), True),
    Broken("chunks that end before the last line", "TE.CL", chunks(body=b"5\r\nhello\r\n0\r\n"), True),
]
