"""The pings of clients: every one is answered, in order, and a flood of them costs nobody else anything."""

import threading
import unittest

import frames
from harness import IntegrationTest, wait_until

FLOOD = 100_000
MIB = 1 << 20
PAYLOADS = [b"", b"x" * 125, *(b"ping %d" % i for i in range(8))]
NO_PINGS = {"keepalive.client.policy": "off", "keepalive.backend.policy": "off"}


class Pings(IntegrationTest):
    def setting(self, settings=NO_PINGS, kind="ws", **options):
        server = self.server(kind)
        proxy = self.front(server.port, settings)
        return server, proxy, self.raw_session(proxy.port, **options)

    def ten_pings(self):
        return [frames.client(frames.PING, payload) for payload in PAYLOADS]

    def check_ten_pongs(self, client):
        for payload in PAYLOADS:
            self.assertEqual(client.frame_of(frames.PONG).raw, frames.build(frames.PONG, payload))

    def check_who_answered(self, server, proxy, client, count):
        """Through wskeep the backend has seen no ping, and a message behind them shows that it saw all there was."""
        self.echo(client, 1)
        server.next("message", size=len("echo 0"))
        self.assertEqual(server.count("ping"), 0 if proxy.present else count)
        if proxy.present:
            self.assertEqual(proxy.metrics().value("wskeep_pings_answered_total", leg="client"), count)

    def test_ten_in_one_packet(self):
        server, proxy, client = self.setting()
        client.send(b"".join(self.ten_pings()))
        self.check_ten_pongs(client)
        self.check_who_answered(server, proxy, client, 10)

    def test_split_over_packets(self):
        server, proxy, client = self.setting()
        client.send_bytewise(b"".join(self.ten_pings()))
        self.check_ten_pongs(client)
        self.check_who_answered(server, proxy, client, 10)

    def test_one_after_the_other(self):
        server, proxy, client = self.setting()
        for payload in PAYLOADS:
            client.send(frames.client(frames.PING, payload))
            self.assertEqual(client.frame().raw, frames.build(frames.PONG, payload))
        self.check_who_answered(server, proxy, client, 10)

    def test_with_the_first_packet(self):
        """Pings in one packet with the upgrade request, which the backend has not even answered yet."""
        server, proxy, client = self.setting(behind=b"".join(self.ten_pings()))
        self.check_ten_pongs(client)
        self.check_who_answered(server, proxy, client, 10)

    def test_between_fragments(self):
        server, proxy, client = self.setting()
        pings = self.ten_pings()
        client.send(frames.client(frames.TEXT, b"part", fin=False))
        for i, ping in enumerate(pings):
            client.send(ping + frames.client(frames.CONTINUATION, b"%d" % i, fin=i == len(pings) - 1))
        self.assertEqual(server.next("message")["size"], 14)
        seen = [client.frame() for _ in range(len(pings) + 1)]
        self.assertEqual([frame.payload for frame in seen if frame.opcode == frames.PONG], PAYLOADS)
        self.assertEqual([frame.payload for frame in seen if frame.opcode == frames.TEXT], [b"part0123456789"])
        self.check_who_answered(server, proxy, client, 10)

    def test_never_passes_them_on(self):
        server, proxy, client = self.setting({**NO_PINGS, "keepalive.client.answer_pings": "never"})
        client.send(b"".join(self.ten_pings()))
        self.check_ten_pongs(client)
        self.assertEqual([server.next("ping")["size"] for _ in PAYLOADS], [len(payload) for payload in PAYLOADS])

    def echo(self, stream, count):
        for i in range(count):
            stream.send(frames.client(frames.TEXT, b"echo %d" % i))
            self.assertEqual(stream.frame_of(frames.TEXT).payload, b"echo %d" % i)

    def flood_until_stuck(self, client, bystander):
        """Sends FLOOD pings from a thread until they get through no more, or are through; the thread goes on."""
        sent = [0]

        def flood():
            try:
                for first in range(0, FLOOD, 100):
                    client.send(b"".join(frames.client(frames.PING, b"%0125d" % i) for i in range(first, first + 100)))
                    sent[0] = first + 100
            except OSError:
                pass  # the test is over, or wskeep has ended the session: the reader says so

        flooder = threading.Thread(target=flood, daemon=True)
        flooder.start()

        def stuck_or_done():
            before = sent[0]
            self.echo(bystander, 100)
            return sent[0] == FLOOD or (sent[0] == before and sent[0] > 0)

        wait_until(stuck_or_done, "the flood stops getting through, or is through")
        return flooder

    def test_flood_that_ends_in_a_reset(self):
        """A client that is no longer read, for it reads no pongs, is still seen to leave."""
        self.needs_wskeep()
        server, proxy, client = self.setting(kind="websockets", receive_buffer=4096)
        bystander = self.raw_session(proxy.port)
        self.echo(bystander, 1)
        flooder = self.flood_until_stuck(client, bystander)
        client.finish()  # wakes the thread, whose send would keep the socket open; the FIN stays behind its pings
        flooder.join()
        client.abort()
        self.assertEqual(proxy.ended()["reason"], "client_reset")

    def test_flood_that_reads_nothing(self):
        """100,000 pings from a client that reads none of the answers.

        While it doesn't read: wskeep's memory stays within 4 MiB of what it was, and another session's messages
        come back. When it reads at last: the pongs come in the order of the pings, none twice, whole frames only,
        the last ping is answered, and the session still carries messages.
        """
        # Not `ws`, which ends a client with 60 pongs unsent (maxPendingAutoPongs): the control would have no end.
        server, proxy, client = self.setting(kind="websockets", receive_buffer=4096)
        bystander = self.raw_session(proxy.port)
        self.echo(bystander, 20)
        self.echo(client, 1)
        resident = proxy.resident() if proxy.present else 0
        flooder = self.flood_until_stuck(client, bystander)
        self.echo(bystander, 100)
        if proxy.present:
            self.assertLess(proxy.resident() - resident, 4 * MIB)

        last = -1
        while last < FLOOD - 1:
            frame = client.frame()
            self.assertEqual((frame.opcode, frame.fin, frame.rsv, len(frame.payload)), (frames.PONG, True, 0, 125))
            self.assertGreater(int(frame.payload), last)
            last = int(frame.payload)
        flooder.join()
        self.echo(client, 10)
        self.echo(bystander, 10)
        if proxy.present:
            self.assertLess(proxy.resident() - resident, 4 * MIB)
            self.assertEqual(server.count("ping"), 0)


if __name__ == "__main__":
    unittest.main()
