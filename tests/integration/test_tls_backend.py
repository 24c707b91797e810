"""TLS toward the backend: who it must be, and what its client hears when it isn't."""

import ssl

import frames
import raw
import secure
from secure import NAME
from test_tls import NO_PINGS, TlsTest


class BackendTest(TlsTest):
    def backend(self, issued, **options):
        backend = secure.Backend(secure.serving(issued, **options))
        self.addCleanup(backend.close)
        return backend

    def front_to(self, backend, **settings):
        usual = {"mode": "on", "ca": self.office.root.certificate}
        tls = {f"backend.tls.{key}": value for key, value in {**usual, **settings}.items()}
        return self.front(backend.port, {**NO_PINGS, **tls})


class Good(BackendTest):
    def test_frames_pass_both_ways(self):
        backend = self.backend(self.host)
        program = self.front_to(backend)
        stream = self.raw_session(program.port)
        peer = backend.accept()
        self.assertEqual(peer.head.get("x-forwarded-proto"), "http")
        self.assertEqual(peer.sock.selected_alpn_protocol(), None)  # python's server offers none
        for size in (0, 100, 70_000, 1_000_000):
            stream.send(frames.client(2, bytes(size)))
            self.assertEqual(len(peer.frame().payload), size)
            peer.send(frames.build(2, bytes(size)))
            self.assertEqual(len(stream.frame().payload), size)
        stream.finish()
        self.assertEqual(peer.rest(), b"")  # and cleanly: an end without close_notify would raise

    def test_a_stream_that_ends_without_close_notify_has_ended(self):
        backend = self.backend(self.host)
        program = self.front_to(backend)
        stream = self.raw_session(program.port)
        peer = backend.accept()
        peer.send(frames.build(1, b"last"))
        peer.finish()
        self.assertEqual(stream.frame().payload, b"last")
        self.assertEqual(stream.frame().code, 1011)
        self.assertEqual(program.ended()["reason"], "backend_eof")

    def test_its_name_may_be_another_than_its_address(self):
        named = self.office.issue("named", names=("backend.test",))
        program = self.front_to(self.backend(named), server_name="backend.test")
        self.raw_session(program.port)

    def test_it_may_ask_for_our_certificate(self):
        ours = self.office.issue("ours", names=())
        backend = self.backend(self.host, client_ca=self.office.root.certificate)
        program = self.front_to(backend, certificate=ours.certificate, key=ours.key)
        self.raw_session(program.port)
        self.assertEqual(backend.accept().sock.getpeercert()["subject"], ((("commonName", "ours"),),))

    def test_tls_on_both_sides(self):
        backend = self.backend(self.host)
        program = self.front(backend.port, {**NO_PINGS, **secure.listening(self.host), "backend.tls.mode": "on",
                                            "backend.tls.ca": self.office.root.certificate})
        stream = secure.open_session(program.port, self.office.trusting())
        self.addCleanup(stream.close)
        peer = backend.accept()
        self.assertEqual(peer.head.get("x-forwarded-proto"), "https")
        stream.send(frames.client(1, b"hello"))
        self.assertEqual(peer.frame().payload, b"hello")


class Bad(BackendTest):
    def refused(self, program, why):
        stream = self.raw_connection(program.port)
        stream.send(raw.upgrade_request())
        self.assertEqual(stream.read_head().status, 502)
        self.assertEqual(stream.rest(), b"502 Bad Gateway: no TLS with the backend\n")
        record = program.log("handshake failed", result="backend_tls_failed")
        self.assertIn(why, record["reason"])
        program.wait_metric("wskeep_handshakes_total", result="backend_tls_failed")

    def test_who_is_not_who_it_should_be(self):
        stranger = secure.Office("Strange Root")
        self.addCleanup(stranger.close)
        middle = self.office.issue("middle", names=(), authority=True)
        below = self.office.issue("below", names=("127.0.0.1",), issuer=middle)
        table = (
            (self.office.issue("expired", names=("127.0.0.1",), days=-1), "certificate has expired"),
            (self.office.issue("elsewhere", names=("elsewhere.test",)), "IP address mismatch"),
            (stranger.issue("strange", names=("127.0.0.1",)), "unable to get local issuer certificate"),
            (below, "unable to get local issuer certificate"),
        )
        for issued, why in table:
            with self.subTest(why):
                backend = self.backend(issued)
                self.refused(self.front_to(backend), f"certificate verify failed: {why}")
                self.raw_session(self.front_to(backend, verify="off").port)
        below.certificate = self.office.chained("chained.crt", below, middle)
        self.raw_session(self.front_to(self.backend(below)).port)

    def test_a_wrong_name(self):
        backend = self.backend(self.host)
        self.refused(self.front_to(backend, server_name="other.test"), "hostname mismatch")
        self.raw_session(self.front_to(backend, server_name=NAME).port)

    def test_the_systems_authorities_do_not_know_ours(self):
        self.refused(self.front_to(self.backend(self.host), ca="system"), "unable to get local issuer certificate")

    def test_one_that_speaks_no_tls(self):
        class Plain(raw.Backend):
            def _greet(self, stream):
                stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        backend = Plain()
        self.addCleanup(backend.close)
        self.refused(self.front_to(backend), "wrong version number")

    def test_one_that_speaks_only_what_is_out_of_date(self):
        backend = self.backend(self.host)
        backend.context.set_ciphers("ALL:@SECLEVEL=0")
        backend.context.minimum_version = ssl.TLSVersion.TLSv1
        backend.context.maximum_version = ssl.TLSVersion.TLSv1_1
        self.refused(self.front_to(backend), "protocol")

    def test_one_that_does_not_shake_hands(self):
        backend = self.raw_backend(lambda request: None)
        program = self.front(backend.port, {**NO_PINGS, "backend.tls.mode": "on", "backend.handshake_timeout": "200ms"})
        stream = self.raw_connection(program.port)
        stream.send(raw.upgrade_request())
        self.assertEqual(stream.read_head().status, 504)
        self.assertIn("backend did not shake hands in time", program.log("handshake failed")["reason"])
