"""TLS toward clients: runtimes, names, versions, suites, what isn't TLS, and what hangs."""

import os
import subprocess
from unittest import mock

import frames
import harness
import raw
import secure
from harness import DEADLINE, IntegrationTest
from secure import NAME, listening, s_client, shaken

NO_PINGS = {"keepalive.client.policy": "off", "keepalive.backend.policy": "off"}


class TlsTest(IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.office = secure.Office()
        cls.addClassCleanup(cls.office.close)
        cls.host = cls.office.issue("host", names=(NAME, "127.0.0.1"))

    def setUp(self):
        self.needs_wskeep()

    def tls_front(self, backend_port, *issued, extra=None, **settings):
        return self.front(backend_port, {**NO_PINGS, **listening(*(issued or (self.host,)), **settings), **(extra or {})})

    def session(self, program, **options):
        stream = secure.open_session(program.port, self.office.trusting(), **options)
        self.addCleanup(stream.close)
        return stream


class Sessions(TlsTest):
    def test_runtimes_echo_over_wss(self):
        trust = {"NODE_EXTRA_CA_CERTS": self.office.root.certificate, "DENO_CERT": self.office.root.certificate,
                 "SSL_CERT_FILE": self.office.root.certificate}
        server = self.server("ws")
        program = self.tls_front(server.port)
        for kind in harness.CLIENTS:
            with self.subTest(kind), mock.patch.dict(os.environ, trust):
                client = self.client(kind, program.port, url=f"wss://127.0.0.1:{program.port}/{kind}")
                headers = server.next("connection", path=f"/{kind}")["headers"]
                self.assertEqual(headers["x-forwarded-proto"], "https")
                for size in (1, 1_000, 100_000, 1_000_000):
                    client.do("send", size=size, binary=True)
                    self.assertTrue(client.next("message")["equal"])
                client.do("close", code=1000)
                self.assertEqual(client.next("close")["code"], 1000)
                self.assertEqual(program.ended()["reason"], "client_close")

    def test_what_comes_together_with_the_end_arrives(self):
        backend = self.raw_backend()
        program = self.tls_front(backend.port)
        for size in (0, 1, 60_000):
            stream = self.session(program)
            peer = backend.accept()
            payload = os.urandom(size)
            peer.send(frames.build(2, payload))
            peer.finish()
            self.assertEqual(stream.frame().payload, payload)
            stream.rest()  # raises ssl.SSLEOFError when the end isn't a clean one

    def test_ordinary_requests_and_their_scheme(self):
        backend = self.raw_backend(lambda request: (
            f"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Proto: {request.get('x-forwarded-proto')}\r\n\r\nhello").encode())
        program = self.tls_front(backend.port)
        done = subprocess.run(
            ["curl", "-sS", "-i", "--cacert", self.office.root.certificate, "--resolve",
             f"{NAME}:{program.port}:127.0.0.1", f"https://{NAME}:{program.port}/"],
            capture_output=True, text=True, timeout=DEADLINE, check=True)
        self.assertIn("X-Proto: https", done.stdout)
        self.assertTrue(done.stdout.endswith("hello"))

    def test_pings_measure_latency_as_without(self):
        server = self.server("ws")
        program = self.front(server.port, {**listening(self.host), "keepalive.client.ping_interval": "100ms"})
        stream = self.session(program)
        ping = stream.frame_of(9)
        stream.send(frames.client(10, ping.payload))
        scrape = program.wait_metric("wskeep_pongs_received_total", leg="client", result="matched")
        self.assertGreaterEqual(scrape.value("wskeep_tcp_rtt_seconds_count", leg="client"), 1)

    def test_new_keys_in_the_midst(self):
        backend = self.raw_backend(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        program = self.tls_front(backend.port)
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{program.port}", "-tls1_3"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(client.wait, DEADLINE)
        with client.stdout, client.stdin:

            def tell(text, until):
                client.stdin.write(text)
                client.stdin.flush()
                return next((line for line in client.stdout if until in line), None)

            self.assertIsNotNone(tell(b"K\n", b"KEYUPDATE"))  # new keys, ours and theirs
            request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            self.assertIsNotNone(tell(request, b"hello"))


class Names(TlsTest):
    def test_each_name_gets_its_certificate(self):
        wild = self.office.issue("wild", names=("*.wild.test", "wild.test"))
        exact = self.office.issue("exact", names=("a.wild.test",))
        program = self.tls_front(raw.closed_port(), self.host, wild, exact)
        for name, subject in ((NAME, "host"), ("wild.test", "wild"), ("b.wild.test", "wild"), ("A.WILD.test", "exact"),
                              ("a.b.wild.test", "host"), ("unknown.test", "host")):
            with self.subTest(name):
                self.assertIn(f"subject=CN = {subject}\n", s_client(program.port, name=name))
        self.assertIn("subject=CN = host\n", s_client(program.port, name=None))

    def test_rsa_and_ecdsa_side_by_side(self):
        rsa = self.office.issue("rsa", names=(NAME, "127.0.0.1"), kind="rsa")
        program = self.tls_front(raw.closed_port(), self.host, rsa)
        self.assertIn("subject=CN = rsa\n", s_client(program.port, "-sigalgs", "RSA-PSS+SHA256"))
        self.assertIn("subject=CN = host\n", s_client(program.port, "-sigalgs", "ECDSA+SHA256"))

    def test_an_ocsp_response_is_stapled(self):
        response = self.office.ocsp_response("host.der", self.host)
        program = self.front(raw.closed_port(), {
            **listening(self.host), "listeners.0.tls.certificates.0.ocsp_response": response})
        self.assertIn("OCSP Response Status: successful", s_client(program.port, "-status"))
        self.assertIn("Cert Status: good", s_client(program.port, "-status"))


class Protocols(TlsTest):
    OLD = ("-cipher", "ALL:@SECLEVEL=0")

    def test_versions(self):
        program = self.tls_front(raw.closed_port())
        for version, taken in (("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
            with self.subTest(version):
                output = s_client(program.port, version, *(() if taken else self.OLD))
                self.assertEqual(shaken(output), taken, output)
        self.assertIn("unsupported protocol", program.log("handshake failed", result="tls_failed")["reason"])
        only_13 = self.tls_front(raw.closed_port(), min_version="1.3")
        self.assertFalse(shaken(s_client(only_13.port, "-tls1_2")))
        self.assertTrue(shaken(s_client(only_13.port, "-tls1_3")))

    def test_suites(self):
        rsa = self.office.issue("suites", names=(NAME, "127.0.0.1"), kind="rsa")
        program = self.tls_front(raw.closed_port(), self.host, rsa)
        strong = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
                  "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305")
        weak = ("AES128-SHA", "AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "aNULL", "eNULL",
                "DHE-RSA-AES128-GCM-SHA256", "CAMELLIA128-SHA", "PSK", "3DES:RC4:DES:EXPORT")
        for suite in strong:
            with self.subTest(suite):
                self.assertIn(f"Cipher is {suite}", s_client(program.port, "-tls1_2", "-cipher", suite))
        for suite in weak:
            with self.subTest(suite):
                output = s_client(program.port, "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0")
                self.assertFalse(shaken(output), output)

    def test_application_protocols(self):
        program = self.tls_front(raw.closed_port())
        self.assertIn("ALPN protocol: http/1.1", s_client(program.port, "-alpn", "h2,http/1.1"))
        self.assertIn("No ALPN negotiated", s_client(program.port))
        self.assertIn("no application protocol", s_client(program.port, "-alpn", "h2"))

    def test_no_renegotiation(self):
        program = self.tls_front(raw.closed_port())
        self.assertIn("no renegotiation", s_client(program.port, "-tls1_2", text="R\n"))

    def test_tickets_resume_sessions_or_do_not(self):
        for tickets, second in (("on", "Reused"), ("off", "New")):
            for version in ("-tls1_2", "-tls1_3"):
                with self.subTest(tickets=tickets, version=version):
                    backend = self.raw_backend(lambda request: b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                    program = self.tls_front(backend.port, session_tickets=tickets)
                    kept = self.office.write("session.pem", "")
                    request = "GET / HTTP/1.1\nHost: a\nConnection: close\n\n"
                    options = (version, "-quiet", "-crlf")
                    s_client(program.port, *options, "-sess_out", kept, text=request)
                    if tickets == "off" and not os.path.getsize(kept):
                        continue
                    output = s_client(program.port, version, "-sess_in", kept)
                    self.assertIn(f"{second}, TLS", output)
