"""TLS toward clients that isn't: plain HTTP, garbage, silence; clients' certificates; files at fault."""

import socket
import ssl
import subprocess

import raw
import secure
from harness import DEADLINE
from secure import NAME
from test_program import run
from test_tls import TlsTest


class Refusals(TlsTest):
    def test_plain_http_gets_a_clear_400(self):
        program = self.tls_front(raw.closed_port())
        for request in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n\r\n", raw.upgrade_request(), b"x"):
            with self.subTest(request):
                stream = self.raw_connection(program.port)
                stream.send(request)
                head = stream.read_head()
                self.assertEqual(head.status, 400)
                self.assertEqual(stream.rest(), b"400 Bad Request: plain HTTP on a TLS port: use https or wss\n")
                self.assertFalse(stream.reset)
                self.assertEqual(program.log("handshake failed")["result"], "bad_request")
        done = subprocess.run(["curl", "-sS", f"http://127.0.0.1:{program.port}/"], capture_output=True, text=True,
                              timeout=DEADLINE, check=True)
        self.assertIn("use https", done.stdout)

    def test_garbage_gets_an_alert_and_the_end(self):
        program = self.tls_front(raw.closed_port())
        for garbage in (b"\x16\x03\x01\x00\x05hello", b"\x16" + bytes(100), b"\x16\x03\x01\xff\xff" + bytes(70_000)):
            with self.subTest(garbage[:8]):
                stream = self.raw_connection(program.port)
                stream.send(garbage)
                self.assertIn(stream.rest()[:1], (b"\x15", b""))  # an alert (RFC 8446 section 6)
                record = program.log("handshake failed", result="tls_failed")
                self.assertEqual(record["status"], 0)
                self.assertTrue(record["reason"].startswith("TLS handshake: "), record)
        program.wait_metric("wskeep_handshakes_total", 3, result="tls_failed")

    def test_silence_is_timed_out(self):
        program = self.tls_front(raw.closed_port(), extra={"limits.handshake_timeout": "200ms"})
        for begun in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"):
            with self.subTest(begun):
                stream = self.raw_connection(program.port)
                stream.send(begun)
                self.assertEqual(stream.rest(), b"")
                self.assertEqual(program.log("handshake failed")["reason"], "no TLS handshake in time")

    def test_a_client_that_shakes_hands_and_says_nothing_is_timed_out(self):
        program = self.tls_front(raw.closed_port(), extra={"limits.handshake_timeout": "300ms"})
        stream = secure.connect(program.port, self.office.trusting())
        self.addCleanup(stream.close)
        self.assertEqual(stream.read_head().status, 408)

    def test_one_that_leaves_in_the_midst(self):
        program = self.tls_front(raw.closed_port())
        stream = self.raw_connection(program.port)
        stream.send(b"\x16\x03\x01")
        stream.finish()
        self.assertEqual(program.log("handshake failed", result="tls_failed")["reason"], "TLS handshake: the peer left")
        stream = self.raw_connection(program.port)
        stream.send(b"\x16\x03\x01")
        stream.abort()
        self.assertIn("reset", program.log("handshake failed", result="tls_failed")["reason"])

    def test_a_slow_client_is_taken_byte_by_byte(self):
        backend = self.raw_backend()
        program = self.tls_front(backend.port)
        near, far = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = self.office.trusting().wrap_bio(near, far, server_hostname=NAME)
        sock = socket.create_connection(("127.0.0.1", program.port), DEADLINE)
        self.addCleanup(sock.close)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def until_done(action):
            while True:
                try:
                    result = action()
                    pending = far.read()
                    for i in range(len(pending)):
                        sock.sendall(pending[i : i + 1])
                    return result
                except ssl.SSLWantReadError:
                    pending = far.read()
                    for i in range(len(pending)):
                        sock.sendall(pending[i : i + 1])
                    near.write(sock.recv(65536))

        until_done(session.do_handshake)
        until_done(lambda: session.write(raw.upgrade_request()))
        self.assertTrue(until_done(lambda: session.read(65536)).startswith(b"HTTP/1.1 101"))


class ClientCertificates(TlsTest):
    def setUp(self):
        super().setUp()
        self.alice = self.office.issue("alice", names=(), subject="/CN=alice/O=Example, Inc.")
        self.seen = []

        def answer(request):
            self.seen.append(request)
            return b"HTTP/1.1 204 No Content\r\n\r\n"

        self.backend = self.raw_backend(answer)

    def ask(self, program, client, headers=()):
        """The request as the backend saw it."""
        stream = secure.connect(program.port, self.office.trusting(client))
        self.addCleanup(stream.close)
        stream.send(raw.upgrade_request(headers=headers))
        self.assertEqual(stream.read_head().status, 204)
        return self.seen.pop()

    def front_asking(self, how, **settings):
        return self.tls_front(self.backend.port, client_certificates=how, client_ca=self.office.root.certificate,
                              client_subject_header="X-Client-Subject", **settings)

    def test_a_requested_certificate_is_told_and_can_not_be_forged(self):
        program = self.front_asking("request")
        forged = [("X-Client-Subject", "CN=forged"), ("x_client_subject", "CN=forged"), ("X-Client_Subject", "CN=forged"),
                  ("Connection", "X-Client-Subject")]
        request = self.ask(program, None, forged)
        self.assertNotIn("forged", str(request.headers))
        request = self.ask(program, self.alice, forged)
        self.assertNotIn("forged", str(request.headers))
        self.assertEqual(request.all("x-client-subject"), ["O=Example\\, Inc.,CN=alice"])

    def test_a_plain_listener_can_not_be_used_to_forge_it(self):
        program = self.front_asking("request", extra={"listeners.1.address": "127.0.0.1:0"})
        plain = int(program.log("listening")["address"].rpartition(":")[2])
        stream = self.raw_connection(plain)
        stream.send(raw.upgrade_request(headers=[("X-Client-Subject", "CN=forged")]))
        self.assertEqual(stream.read_head().status, 204)
        self.assertNotIn("forged", str(self.seen.pop().headers))

    def test_a_required_certificate_must_be_there_and_good(self):
        program = self.front_asking("require")
        self.assertEqual(self.ask(program, self.alice).get("x-client-subject"), "O=Example\\, Inc.,CN=alice")
        stranger = secure.Office("Strange Root")
        self.addCleanup(stranger.close)
        mallory = stranger.issue("mallory", names=())
        expired = self.office.issue("expired", names=(), days=-1)
        for client, why in ((None, "peer did not return a certificate"), (mallory, "unable to get local issuer"),
                            (expired, "certificate has expired")):
            with self.subTest(why):
                with self.assertRaises((OSError, EOFError)):
                    self.ask(program, client)
                self.assertIn(why, program.log("handshake failed", result="tls_failed")["reason"])
        self.assertEqual(self.seen, [])

    def test_resumed_sessions_keep_their_certificate(self):
        program = self.front_asking("require")
        context = self.office.trusting(self.alice)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        first = secure.connect(program.port, context)
        self.addCleanup(first.close)
        sock = socket.create_connection(("127.0.0.1", program.port), DEADLINE)
        stream = raw.Stream(context.wrap_socket(sock, server_hostname=NAME, session=first.sock.session))
        self.addCleanup(stream.close)
        self.assertTrue(stream.sock.session_reused)
        stream.send(raw.upgrade_request())
        stream.read_head()
        self.assertIn("CN=alice", self.seen.pop().get("x-client-subject"))


class Files(TlsTest):
    def test_a_file_at_fault_is_a_fault_of_the_start(self):
        other = self.office.issue("other")
        nothing = self.office.write("nothing.pem", "")
        table = (
            ({"certificate": "/nowhere.crt", "key": self.host.key}, "/nowhere.crt: No such file or directory"),
            ({"certificate": nothing, "key": self.host.key}, f"{nothing}: is empty"),
            ({"certificate": self.host.certificate, "key": other.key}, f"{other.key}: isn't the key of"),
        )
        for files, why in table:
            with self.subTest(why):
                arguments = [x for key, value in files.items()
                             for x in ("--set", f"listeners.0.tls.certificates.0.{key}={value}")]
                done = run("--listen", "127.0.0.1:0", "--set", "admin.address=off", *arguments)
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"listeners.0.tls: {why}", done.stderr)
