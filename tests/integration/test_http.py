"""Ordinary HTTP: clients get through wskeep what they get without it, on connections that are kept alive."""

import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

import frames
import raw
from harness import DEADLINE, IntegrationTest

TOOL_SECONDS = 120

SIMPLE = [
    {"method": "GET", "path": "/size/0"},
    {"method": "GET", "path": "/size/1000?a=b&c=%20"},
    {"method": "GET", "path": "/size/300000", "headers": {"X-Custom": "some  value"}},
    {"method": "HEAD", "path": "/size/300000"},
    {"method": "GET", "path": "/pieces/300000"},
    {"method": "HEAD", "path": "/pieces/10"},
    {"method": "POST", "path": "/echo", "body": 0},
    {"method": "POST", "path": "/echo", "body": 5},
    {"method": "PUT", "path": "/echo", "body": 2_000_000},
    {"method": "POST", "path": "/echo", "body": 700_000, "chunked": True},
    {"method": "POST", "path": "/echo", "body": 50_000, "expect": True},
    {"method": "DELETE", "path": "/status/204"},
    {"method": "GET", "path": "/status/304"},
    {"method": "GET", "path": "/status/404"},
    {"method": "POST", "path": "/status/500", "body": 10},
    {"method": "OPTIONS", "path": "/echo"},
    {"method": "GET", "path": "/size/7"},
]
NODE_ONLY = [
    {"method": "GET", "path": "/trailers"},
    {"method": "POST", "path": "/echo", "body": 1000, "chunked": True, "trailers": {"X-Sum": "42"}},
    {"method": "GET", "path": "/hints"},
    {"method": "POST", "path": "/early", "body": 3_000_000},
    {"method": "GET", "path": "/size/9"},
    {"method": "GET", "path": "/last"},
    {"method": "GET", "path": "/size/11"},
]


def ends_to_end(headers):
    """Pairs of names and values, but for those that belong to a connection, and the time of day."""
    pairs = [(name.lower(), value) for name, value in zip(headers[::2], headers[1::2])]
    return [pair for pair in pairs if pair[0] not in ("connection", "keep-alive", "date")]


def comparable(answer):
    return {**answer, "headers": ends_to_end(answer.get("headers", []))}


class Same(IntegrationTest):
    """The same requests to a backend and to wskeep in front of it."""

    def answers(self, kind, port, requests):
        client = self.http_client(kind, port, requests)
        answers = [comparable(client.next("answer")) for _ in requests]
        client.next("done")
        return answers

    def check(self, client, server, requests):
        backend = self.http_server(server)
        proxy = self.front(backend.port)
        direct = self.answers(client, backend.port, requests)
        through = self.answers(client, proxy.port, requests)
        for request, one, other in zip(requests, direct, through):
            self.assertNotIn("error", one, request)
            # wskeep may keep a connection where the backend doesn't, but not the other way round.
            self.assertGreaterEqual(other.pop("reused", False), one.pop("reused"), request)
            self.assertEqual(other, one, request)
            self.assertTrue(other["whole"], request)

    def test_node_and_node(self):
        self.check("node", "node", SIMPLE + NODE_ONLY)

    def test_node_and_aiohttp(self):
        self.check("node", "aiohttp", SIMPLE)

    def test_aiohttp_and_node(self):
        self.check("aiohttp", "node", SIMPLE)

    def test_aiohttp_and_aiohttp(self):
        self.check("aiohttp", "aiohttp", SIMPLE)

    def curl(self, port, requests, *options):
        """(headers of interim and final answers, body, whether it took a new connection) of each request."""
        with tempfile.TemporaryDirectory() as folder:
            argv = []
            for number, request in enumerate(requests):
                base = pathlib.Path(folder, str(number))
                argv += ["--next"] if argv else ["curl"]
                argv += ["-sS", "--max-time", str(DEADLINE), *options, "-D", f"{base}.head", "-o", f"{base}.body"]
                argv += ["-w", "%{num_connects}\n", f"http://127.0.0.1:{port}{request['path']}"]
                argv += ["-I"] if request["method"] == "HEAD" else ["-X", request["method"]]
                for name, value in request.get("headers", {}).items():
                    argv += ["-H", f"{name}: {value}"]
                if "body" in request:
                    pathlib.Path(f"{base}.sent").write_bytes(b"b" * request["body"])
                    argv += ["--data-binary", f"@{base}.sent"]
                    argv += ["-H", "Transfer-Encoding: chunked"] if request.get("chunked") else []
                    argv += ["-H", f"Expect: {'100-continue' if request.get('expect') else ''}"]
            done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TOOL_SECONDS)
            self.assertEqual(done.returncode, 0, done.stderr)
            results = []
            for number, (request, connects) in enumerate(zip(requests, done.stdout.split())):
                base = pathlib.Path(folder, str(number))
                heads = pathlib.Path(f"{base}.head").read_bytes().decode("latin-1").split("\r\n\r\n")
                kept = [[line for line in head.split("\r\n") if not re.match("(?i)(date|connection|keep-alive):", line)]
                        for head in heads]
                body = pathlib.Path(f"{base}.body")
                # No file without a body; -I writes the head into it.
                text = body.read_bytes() if body.exists() and request["method"] != "HEAD" else b""
                results.append((kept, text, connects))
            return results

    def check_curl(self, requests, *options):
        backend = self.http_server("node")
        proxy = self.front(backend.port)
        direct, through = (self.curl(port, requests, *options) for port in (backend.port, proxy.port))
        for request, one, other in zip(requests, direct, through):
            self.assertEqual(other[:2], one[:2], request)
            self.assertLessEqual(int(other[2]), int(one[2]), request)  # new connections

    def test_curl(self):
        self.check_curl(SIMPLE + NODE_ONLY)

    def test_curl_with_http_1_0(self):
        self.check_curl([one for one in SIMPLE if not one.get("chunked")], "-0")


class Connections(IntegrationTest):
    def test_pipelined(self):
        """1,000 requests in one go are answered in the order in which they were asked."""
        backend = self.http_server("node")
        client = self.raw_connection(self.front(backend.port).port)
        paths = [f"/echo/{number}" for number in range(1000)]
        client.send(b"".join(b"GET %b HTTP/1.1\r\nHost: a.test\r\n\r\n" % path.encode() for path in paths))
        answered = []
        for _ in paths:
            head = client.read_head()
            self.assertEqual((head.status, head.get("content-length")), (200, "0"))
            answered.append(head.get("x-request"))
        self.assertEqual(answered, [f"GET {path}" for path in paths])

    def test_client_that_ends_its_stream_behind_its_requests(self):
        """It gets all its answers, and the end; also when wskeep learns of requests and end in one go."""
        self.needs_wskeep()
        backend = self.http_server("node")
        proxy = self.front(backend.port)
        asked = b"".join(b"GET /size/%d HTTP/1.1\r\nHost: a.test\r\n\r\n" % size for size in (1, 2, 3))
        for count in range(1, 4):
            client = self.raw_connection(proxy.port)
            client.send(b"GET /size/0 HTTP/1.1\r\nHost: a.test\r\n\r\n")
            self.assertEqual(client.read_head().status, 200)
            proxy.signal(signal.SIGSTOP)
            client.send(asked[: len(asked) // 3 * count])
            client.finish()
            proxy.signal(signal.SIGCONT)
            for size in range(1, count + 1):
                self.assertEqual((client.read_head().status, len(client.read_body(size))), (200, size))
            self.assertEqual(client.rest(), b"")

    def test_upgrade_behind_requests(self):
        """A connection that has served ordinary requests can still become a session."""
        backend = self.http_server("node")
        proxy = self.front(backend.port)
        client = self.raw_connection(proxy.port)
        for size in (3, 0, 2000):
            client.send(b"GET /size/%d HTTP/1.1\r\nHost: a.test\r\n\r\n" % size)
            head = client.read_head()
            self.assertEqual((head.status, len(client.read_body(size))), (200, size))
        client.send(raw.upgrade_request("/chat"))
        self.assertEqual(client.read_head().status, 101)
        client.send(frames.client(frames.TEXT, b"hello"))
        self.assertEqual(client.frame_of(frames.TEXT).payload, b"hello")
        client.send(frames.client(frames.CLOSE, frames.close_payload(1000)))
        self.assertEqual(client.frame_of(frames.CLOSE).code, 1000)

    def test_upgrade_in_one_packet_with_requests(self):
        backend = self.http_server("node")
        client = self.raw_connection(self.front(backend.port).port)
        client.send(b"GET /size/3 HTTP/1.1\r\nHost: a.test\r\n\r\n" + raw.upgrade_request("/chat"))
        self.assertEqual((client.read_head().status, client.read_body(3)), (200, b"012"))
        self.assertEqual(client.read_head().status, 101)
        client.send(frames.client(frames.TEXT, b"hello"))
        self.assertEqual(client.frame_of(frames.TEXT).payload, b"hello")

    def test_body_waits_for_continue(self):
        """A client that expects 100 gets it from the backend, before it has sent a byte of its body."""
        backend = self.http_server("node")
        client = self.raw_connection(self.front(backend.port).port)
        client.send(b"POST /echo HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(client.read_head().status, 100)
        client.send(b"hello")
        self.assertEqual((client.read_head().status, client.read_body(5)), (200, b"hello"))

    def test_answer_instead_of_continue(self):
        """A final answer instead of the 100: the client never sends its body."""
        backend = self.raw_backend(
            lambda request: b"HTTP/1.1 401 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        client = self.raw_connection(self.front(backend.port).port)
        client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        backend.accept().finish()
        self.assertEqual((client.read_head().status, client.rest()), (401, b"no"))

    def test_early_answer(self):
        """A backend that has seen enough answers and closes while the body still comes; its client learns why."""
        backend = self.raw_backend(
            lambda request: b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch")
        client = self.raw_connection(self.front(backend.port).port)
        client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9000000\r\n\r\n" + b"b" * 100_000)
        self.assertEqual((client.read_head().status, client.read_body(4)), (413, b"much"))

    def test_body_behind_an_early_answer(self):
        """The answer comes first, then the rest of the body, and then the next request."""
        backend = self.http_server("node")
        client = self.raw_connection(self.front(backend.port).port)
        client.send(b"POST /early HTTP/1.1\r\nHost: a.test\r\nContent-Length: 200000\r\n\r\n" + b"b" * 1000)
        self.assertEqual((client.read_head().status, client.read_body(6)), (200, b"early\n"))
        client.send(b"b" * 199_000 + b"GET /size/3 HTTP/1.1\r\nHost: a.test\r\n\r\n")
        self.assertEqual((client.read_head().status, client.read_body(3)), (200, b"012"))

    def test_body_until_the_end(self):
        """A body without a length ends with the backend's connection, and so does the client's."""
        backend = self.raw_backend(lambda request: b"HTTP/1.0 200 OK\r\n\r\nhello")
        client = self.raw_connection(self.front(backend.port).port)
        client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        backend.accept().finish()
        self.assertEqual((client.read_head().status, client.rest()), (200, b"hello"))

    def test_backend_that_closes_between_requests(self):
        """A backend may end an idle connection at any time; the next request gets another one."""
        backend = self.raw_backend(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        client = self.raw_connection(self.front(backend.port).port)
        self.needs_wskeep()
        for _ in range(3):
            client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            self.assertEqual((client.read_head().status, client.read_body(2)), (200, b"ok"))
            stream = backend.accept()
            stream.finish()
            self.assertEqual(stream.rest(), b"")  # wskeep has seen it and closed its side


class Load(IntegrationTest):
    def run_tool(self, *argv):
        self.assertTrue(shutil.which(argv[0]), f"{argv[0]} is missing: deploy/install-packages.sh test")
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TOOL_SECONDS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_ab(self):
        """ApacheBench speaks HTTP/1.0 and keeps connections alive."""
        proxy = self.front(self.http_server("node").port)
        said = self.run_tool("ab", "-q", "-k", "-n", "3000", "-c", "20", f"http://127.0.0.1:{proxy.port}/size/500")
        for name, count in (("Complete requests", 3000), ("Failed requests", 0), ("Keep-Alive requests", 3000)):
            self.assertRegex(said, rf"{name}: +{count}\n")
        self.assertNotIn("Non-2xx", said)

    def test_ab_with_bodies(self):
        proxy = self.front(self.http_server("node").port)
        with tempfile.NamedTemporaryFile() as body:
            body.write(b"b" * 3000)
            body.flush()
            said = self.run_tool("ab", "-q", "-k", "-n", "1000", "-c", "20", "-p", body.name, "-T", "text/plain",
                                 f"http://127.0.0.1:{proxy.port}/echo")
        for name, count in (("Complete requests", 1000), ("Failed requests", 0)):
            self.assertRegex(said, rf"{name}: +{count}\n")
        self.assertNotIn("Non-2xx", said)

    def test_wrk(self):
        proxy = self.front(self.http_server("node").port)
        for path in ("/size/500", "/pieces/30000"):
            said = self.run_tool("wrk", "-t1", "-c20", "-d1s", f"http://127.0.0.1:{proxy.port}{path}")
            self.assertRegex(said, r"[1-9][0-9]* requests in")
            self.assertNotIn("Non-2xx", said)
            self.assertNotIn("Socket errors", said)


if __name__ == "__main__":
    unittest.main()
