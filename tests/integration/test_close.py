"""How sessions end: the codes and reasons both peers see, and what wskeep says about it."""

import unittest

import frames
from harness import IntegrationTest

LONG_REASON = "ü" * 60 + "end"  # 123 bytes of UTF-8, all that a Close has room for
CASES = ((1000, ""), (1000, "done"), (1001, "leaving"), (1008, "policy"), (3000, "library"), (4999, LONG_REASON),
         (None, ""))
CLOSE_MESSAGE = "a Close went each way"
# A ping that its peer had not read turns that peer's FIN into a RST, so those who vanish are not pinged.
NO_PINGS = {"keepalive.client.policy": "off", "keepalive.backend.policy": "off"}


class Close(IntegrationTest):
    def check_end(self, proxy, initiator, reason, **fields):
        """The record of the session, and the counter moved by exactly one."""
        if not proxy.present:
            return None
        record = proxy.ended()
        self.assertEqual({"initiator": record["initiator"], "reason": record["reason"]},
                         {"initiator": initiator, "reason": reason}, record)
        for name, value in fields.items():
            self.assertEqual(record[name], value, record)
        metrics = proxy.wait_metric("wskeep_connections_closed_total")
        self.assertEqual(metrics.value("wskeep_connections_closed_total", initiator=initiator, reason=reason), 1)
        self.assertEqual(metrics.value("wskeep_connections_closed_total"), 1)
        return record

    def setting(self, client_kind="ws", **settings):
        server = self.server("ws")
        proxy = self.front(server.port, {"keepalive.client.ping_interval": "200ms", **settings})
        client = self.client(client_kind, proxy.port)
        server.next("connection")
        return client, proxy, server

    def test_client_closes(self):
        for code, reason in CASES:
            with self.subTest(code=code, reason=reason):
                client, proxy, server = self.setting()
                client.do("close", **({} if code is None else {"code": code, "reason": reason}))
                seen = server.next("close")
                self.assertEqual((seen["code"], seen["reason"]), (code or 1005, reason))
                seen = client.next("close")
                self.assertEqual((seen["code"], seen["wasClean"]), (code or 1005, True), CLOSE_MESSAGE)
                self.check_end(proxy, "client", "client_close", client_close=code or 1005, backend_close=code or 1005)

    def test_backend_closes(self):
        for code, reason in CASES:
            with self.subTest(code=code, reason=reason):
                client, proxy, server = self.setting()
                server.do("close", id=0, **({} if code is None else {"code": code, "reason": reason}))
                seen = client.next("close")
                self.assertEqual((seen["code"], seen["reason"], seen["wasClean"]), (code or 1005, reason, True))
                self.assertEqual(server.next("close")["code"], code or 1005, CLOSE_MESSAGE)
                self.check_end(proxy, "backend", "backend_close", client_close=code or 1005, backend_close=code or 1005)

    def test_other_runtimes(self):
        for kind in ("bun", "deno", "websockets"):
            with self.subTest(kind, closes="client"):
                client, proxy, server = self.setting(kind)
                client.do("close", code=4999, reason=LONG_REASON)
                seen = server.next("close")
                self.assertEqual((seen["code"], seen["reason"]), (4999, LONG_REASON))
                # Deno says 1005 when a ping crosses its Close, whoever sent that.
                self.assertIn(client.next("close")["code"], (4999, 1005) if kind == "deno" else (4999,))
                self.check_end(proxy, "client", "client_close", client_close=4999, backend_close=4999)
            with self.subTest(kind, closes="backend"):
                client, proxy, server = self.setting(kind)
                server.do("close", id=0, code=3000, reason=LONG_REASON)
                seen = client.next("close")
                self.assertEqual((seen["code"], seen["reason"]), (3000, LONG_REASON))
                self.assertEqual(server.next("close")["code"], 3000)
                self.check_end(proxy, "backend", "backend_close", client_close=3000, backend_close=3000)

    def test_client_vanishes(self):
        """terminate() and a killed process end TCP without a Close: 1006 at the backend, as without wskeep."""
        for how in ("terminate", "kill"):
            with self.subTest(how):
                client, proxy, server = self.setting(**NO_PINGS)
                client.do("terminate") if how == "terminate" else client.stop()
                self.assertEqual(server.next("close")["code"], 1006)
                self.check_end(proxy, "client", "client_eof", client_close=0)

    def test_client_vanishes_and_the_backend_is_told(self):
        self.needs_wskeep()
        client, proxy, server = self.setting(**NO_PINGS, **{"relay.on_client_lost": "4001"})
        client.do("terminate")
        self.assertEqual(server.next("close")["code"], 4001)
        self.check_end(proxy, "client", "client_eof", client_close=0)

    def test_backend_vanishes(self):
        """A client learns 1011 by default: it is told that the backend is lost."""
        client, proxy, server = self.setting(**NO_PINGS)
        server.do("terminate", id=0)
        seen = client.next("close")
        self.assertEqual((seen["code"], seen["reason"]), (1011, "backend lost") if proxy.present else (1006, ""))
        self.check_end(proxy, "backend", "backend_eof", backend_close=0)

    def test_backend_vanishes_untold(self):
        """With on_backend_lost: none the client sees what it would see without wskeep."""
        client, proxy, server = self.setting(**NO_PINGS, **{"relay.on_backend_lost": "none"})
        server.stop()
        self.assertEqual(client.next("close")["code"], 1006)
        self.check_end(proxy, "backend", "backend_eof", backend_close=0)

    def raw_pair(self, settings=None):
        backend = self.raw_backend()
        proxy = self.front(backend.port, settings)
        client = self.raw_session(proxy.port)
        return client, proxy, backend.accept()

    def test_client_reset(self):
        client, proxy, backend = self.raw_pair()
        client.abort()
        self.assertEqual(backend.rest(), b"")
        self.check_end(proxy, "client", "client_reset", client_close=0, backend_close=0)

    def test_backend_reset(self):
        client, proxy, backend = self.raw_pair()
        backend.abort()
        if proxy.present:
            frame = client.frame_of(frames.CLOSE)
            self.assertEqual((frame.code, frame.payload[2:], frame.masked), (1011, b"backend lost", False))
        self.assertEqual(client.rest(), b"")
        self.check_end(proxy, "backend", "backend_reset", client_close=0, backend_close=0)

    def test_close_handshake_byte_for_byte(self):
        """Both Close frames pass as they are, and nothing comes behind them."""
        client, proxy, backend = self.raw_pair()
        asked = frames.client(frames.CLOSE, frames.close_payload(1000, b"bye"), mask=b"\x01\x02\x03\x04")
        answer = frames.build(frames.CLOSE, frames.close_payload(4000, "grüß".encode()))
        client.send(asked)
        self.assertEqual(backend.frame_of(frames.CLOSE).raw, asked)
        backend.send(answer)
        self.assertEqual(client.frame_of(frames.CLOSE).raw, answer)
        backend.close()  # the server ends TCP first (RFC 6455 section 7.1.1)
        self.assertEqual(client.rest(), b"")
        client.close()
        self.check_end(proxy, "client", "client_close", client_close=1000, backend_close=4000)

    def test_close_that_is_never_echoed(self):
        """close_timeout after the first Close TCP ends, and nobody is told anything more: the client ended it."""
        self.needs_wskeep()
        client, proxy, backend = self.raw_pair({"relay.close_timeout": "300ms"})
        asked = frames.client(frames.CLOSE, frames.close_payload(1000))
        client.send(asked)
        self.assertEqual(backend.frame_of(frames.CLOSE).raw, asked)
        self.assertEqual(client.rest(), b"")
        self.assertEqual(backend.rest(), b"")
        self.check_end(proxy, "client", "client_close", client_close=1000, backend_close=0)

    def test_shutdown(self):
        """SIGTERM: both ends get 1001 `going away`, and wskeep leaves with 0."""
        self.needs_wskeep()
        client, proxy, server = self.setting()
        proxy.child.terminate()
        for peer in (client, server):
            seen = peer.next("close")
            self.assertEqual((seen["code"], seen["reason"]), (1001, "going away"), peer.name)
        record = proxy.ended()
        self.assertEqual((record["initiator"], record["reason"]), ("wskeep", "shutdown"))
        self.assertEqual(proxy.wait_exit(), 0)

    def test_half_close_keeps_the_other_direction(self):
        """A FIN passes as a FIN: the client that has finished still gets what the backend has to say."""
        client, proxy, backend = self.raw_pair({"relay.on_client_lost": "none"})
        client.finish()
        self.assertEqual(backend.rest(), b"")
        last = frames.build(frames.TEXT, b"still here")
        backend.send(last)
        backend.close()
        self.assertIn(last, client.rest())
        self.check_end(proxy, "client", "client_eof", client_close=0, backend_close=0)


if __name__ == "__main__":
    unittest.main()
