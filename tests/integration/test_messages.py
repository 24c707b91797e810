"""Messages of every size class through wskeep, between the WebSocket implementations people really use."""

import unittest

from harness import CLIENTS, IntegrationTest

SIZES = (0, 1, 125, 126, 65535, 65536, 1 << 20, 16 << 20)
SETTINGS = {"keepalive.client.ping_interval": "200ms", "keepalive.client.jitter": "0%"}


class Messages(IntegrationTest):
    def echo(self, client, server, size, binary):
        """One message there and back: the digests of three observers and the client's own comparison agree."""
        client.do("send", size=size, binary=binary)
        self.check_echo(client, server, client.next("sent"))

    def check_echo(self, client, server, sent):
        for observer in (server, client):
            seen = observer.next("message")
            self.assertEqual({key: seen[key] for key in ("size", "binary", "sha256")},
                             {key: sent[key] for key in ("size", "binary", "sha256")}, observer.name)
        self.assertTrue(seen["equal"], "the echo differs from what was sent")

    def check_pings(self, proxy, client):
        if proxy.present:
            proxy.wait_metric("wskeep_pongs_received_total", leg="client", result="matched")
            if client.name in ("client ws", "client websockets"):
                client.next("ping")  # these show a ping; the browser API of the others doesn't

    def all_sizes(self, kind, server, deflate=True):
        proxy = self.front(server.port, SETTINGS)
        client = self.client(kind, proxy.port, deflate=deflate)
        for size in SIZES:
            for binary in (False, True):
                with self.subTest(size=size, binary=binary):
                    self.echo(client, server, size, binary)
        self.check_pings(proxy, client)
        client.do("close", code=1000, reason="done")
        # Deno says 1005 when a ping crosses its Close, whoever sent that.
        self.assertIn(client.next("close")["code"], (1000, 1005) if kind == "deno" else (1000,))
        self.assertEqual(server.next("close")["code"], 1000)
        return client

    def test_websockets_server(self):
        server = self.server("websockets", deflate=True)
        client = self.all_sizes("ws", server)
        self.assertIn("permessage-deflate", client.opened["extensions"])

    def test_without_deflate(self):
        self.all_sizes("ws", self.server("ws"), deflate=False)

    def test_client_fragments_with_pings_between(self):
        """Our pings reach the client, and its pongs are taken out, in the middle of its message."""
        self.fragmented("client")

    def test_server_fragments_with_pings_between(self):
        """Once a message is older than inject_hold our pings go out between its fragments."""
        self.fragmented("server")

    def fragmented(self, sender):
        server = self.server("ws", deflate=True)
        proxy = self.front(server.port, {**SETTINGS, "relay.inject_hold": "100ms"})
        client = self.client("ws", proxy.port, deflate=True)
        connection = server.next("connection")["id"]
        peer, who = (client, {}) if sender == "client" else (server, {"id": connection})
        parts = 12
        for binary in (False, True):
            peer.do("begin", size=300_000, binary=binary, parts=parts, **who)
            sent = peer.next("sent")
            for part in range(parts):
                # Pings that arrived before don't count: one must come while this fragment is the last one sent.
                before = client.count("ping")
                peer.do("fragment", **who)
                peer.next("fragment", fin=part == parts - 1)
                if proxy.present and part < parts - 1:
                    while client.count("ping") == before:
                        client.next("ping")
            if sender == "client":
                self.check_echo(client, server, sent)
            else:
                seen = client.next("message")
                self.assertEqual((seen["size"], seen["sha256"]), (sent["size"], sent["sha256"]))
        self.check_pings(proxy, client)
        self.assertEqual(client.count("close"), 0)
        if proxy.present:
            self.assertEqual(server.count("pong"), 0, "pongs to our pings must not reach the backend")


def add_clients():
    for kind in CLIENTS:
        def test(self, kind=kind):
            client = self.all_sizes(kind, self.server("ws", deflate=True))
            if kind != "deno":  # Deno never offers it
                self.assertIn("permessage-deflate", client.opened["extensions"])

        setattr(Messages, f"test_{kind}_client", test)


add_clients()

if __name__ == "__main__":
    unittest.main()
