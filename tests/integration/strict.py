"""A second opinion on HTTP/1.1: reads messages as RFC 9112 has them, and nothing that is only nearly so.

It shares no code and no library with what it judges. Whatever a lenient reader might take in another way is
Malformed here, so that "the backend received one well-formed request" means one to every reader there is.
"""

import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([!-~]+) HTTP/1\.[01]")
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2}) [\t -~\x80-\xff]*")
FIELD = re.compile(rb"(" + TOKEN + rb"):[\t ]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[\t ]*")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})((?:;[\t -~\x80-\xff]*)?)")


class Malformed(Exception):
    pass


class Incomplete(Exception):
    """The stream ended, or has not gone on yet; `message` is its head, if that is whole, and what came of the body."""

    def __init__(self, message=None):
        super().__init__()
        self.message = message


class Message:
    """A request or an answer, with `body` as its bytes without chunks around them."""

    def __init__(self, line, fields):
        self.line = line
        self.fields = fields  # pairs of bytes as they came
        self.body = b""
        self.trailers = []

    def all(self, name):
        return [value.decode("latin-1") for key, value in self.fields if key.lower() == name.lower().encode()]

    def get(self, name):
        return next(iter(self.all(name)), None)

    def lists(self, name, token):
        return token in [element.strip().lower() for value in self.all(name) for element in value.split(",")]


class Request(Message):
    @property
    def method(self):
        return self.line.split()[0].decode()

    @property
    def target(self):
        return self.line.split()[1].decode()


class Answer(Message):
    @property
    def status(self):
        return int(self.line.split()[1])


def _cut_line(data):
    line, found, rest = data.partition(b"\r\n")
    if b"\n" in line or b"\r" in line.rstrip(b"\r") or (found and line.endswith(b"\r")):
        raise Malformed(f"bare CR or LF in {line[:80]!r}")
    if not found:
        raise Incomplete
    return line, rest


def _cut_fields(data):
    """The fields up to the empty line."""
    fields = []
    while True:
        line, data = _cut_line(data)
        if not line:
            return fields, data
        matched = FIELD.fullmatch(line)
        if not matched:
            raise Malformed(f"no header field: {line[:80]!r}")
        fields.append(matched.groups())


def _cut_chunks(message, data):
    while True:
        line, data = _cut_line(data)
        matched = CHUNK.fullmatch(line)
        if not matched:
            raise Malformed(f"no chunk header: {line[:80]!r}")
        size = int(matched[1], 16)
        if size == 0:
            message.trailers, data = _cut_fields(data)
            return data
        message.body += data[:size]
        if len(data) < size + 2:
            raise Incomplete
        if data[size : size + 2] != b"\r\n":
            raise Malformed(f"no CRLF behind a chunk but {data[size : size + 2]!r}")
        data = data[size + 2 :]


def _cut_body(message, data, until_end, ended):
    lengths, codings = message.all("content-length"), message.all("transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Malformed(f"two lengths: {message.fields}")
    if codings:
        if codings[0].lower() != "chunked" or message.line.split(b"/1.")[1][:1] == b"0":
            raise Malformed(f"Transfer-Encoding: {codings[0]}")
        return _cut_chunks(message, data)
    if lengths:
        if not re.fullmatch(r"[0-9]{1,20}", lengths[0]):
            raise Malformed(f"Content-Length: {lengths[0]}")
        size = int(lengths[0])
        message.body = data[:size]
        if len(data) < size:
            raise Incomplete
        return data[size:]
    if until_end:
        message.body = data
        if not ended:
            raise Incomplete
        return b""
    return data


def _cut_message(data, make, line_pattern):
    line, rest = _cut_line(data)
    if not line_pattern.fullmatch(line):
        raise Malformed(f"no start line: {line[:80]!r}")
    fields, rest = _cut_fields(rest)
    return make(line, fields), rest


def cut_request(data):
    """(request, what is behind it). Malformed, or Incomplete with the request if its head is whole."""
    request, rest = _cut_message(data, Request, REQUEST_LINE)
    if request.line.endswith(b"1.1") and len(request.all("host")) != 1:
        raise Malformed(f"{len(request.all('host'))} Hosts")
    try:
        return request, _cut_body(request, rest, False, False)
    except Incomplete:
        raise Incomplete(request) from None


def cut_answer(data, method="GET", ended=True):
    """(answer, what is behind it), the answer being one to a request of that method."""
    answer, rest = _cut_message(data, Answer, STATUS_LINE)
    if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
        return answer, rest
    try:
        return answer, _cut_body(answer, rest, True, ended)
    except Incomplete:
        raise Incomplete(answer) from None


def cut_all(cut, data):
    """(whole messages, the head of an unfinished one or None, bytes of it)."""
    whole = []
    while data:
        try:
            message, data = cut(data)
        except Incomplete as incomplete:
            return whole, incomplete.message, data
        whole.append(message)
    return whole, None, b""
