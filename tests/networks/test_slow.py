"""Slow is not dead: loss, delay, closed windows and trickles. Nobody who lives is ended."""

import hashlib
import statistics
import threading
import time
import unittest

import frames
import harness
from network import NetworkTest, moment

BEATS = {"keepalive.client.ping_interval": "1s", "keepalive.client.pong_timeout": "1s"}


class Slow(NetworkTest):
    def setUp(self):
        super().setUp()
        self.lay_network()

    def check_nobody_ended(self, proxy):
        ended = [record for record in proxy.err.seen if record.get("msg") == "session ended"]
        self.assertEqual(proxy.metrics().value("wskeep_connections_closed_total"), 0, ended)

    def test_latency_is_the_delay(self):
        """The median over many beats of many sessions is within 5 ms of the round trip that was set."""
        proxy = self.wskeep({"keepalive.client.ping_interval": "100ms", "keepalive.client.pong_timeout": "5s"})
        clients = [self.real_client(kind, proxy.port) for kind in ("ws", "websockets") for _ in range(2)]
        for round_trip in (0, 20, 100, 300):
            self.cable.tell(f"delay {round_trip / 2}")
            # Pongs of the pings before this one were under way; the fifth from now on is new for sure.
            latencies = self.latencies(proxy, len(clients), 15)
            median = statistics.median(latencies)
            print(f"{self._testMethodName}: {round_trip} ms set, median {1000 * median:.3f} ms of {len(latencies)}")
            self.assertGreaterEqual(median, round_trip / 1000)
            self.assertLess(median - round_trip / 1000, 0.005)
        self.check_nobody_ended(proxy)

    def latencies(self, proxy, sessions, beats):
        """wskeep's last latency of each session, looked at once for each pong that has come since."""
        seen, found = {}, []

        def look():
            metrics = proxy.metrics()
            stamps = dict((labels["conn"], value) for labels, value in
                          metrics.series("wskeep_connection_last_pong_timestamp_seconds"))
            for labels, value in metrics.series("wskeep_connection_pong_latency_seconds"):
                stamp = stamps[labels["conn"]]
                beats_seen, last = seen.get(labels["conn"], (0, None))
                if stamp == last:
                    continue
                seen[labels["conn"]] = (beats_seen + 1, stamp)
                if beats_seen >= 5:
                    found.append(value)
            return len(seen) == sessions and all(count >= beats + 5 for count, _ in seen.values())

        harness.wait_until(look, f"{beats} beats of {sessions} sessions")
        return found

    def test_loss_and_delay(self):
        """5 % loss and 200 ms each way: every message comes back, in order, and nobody is ended.

        TCP waits 0.8 s for the first copy here and twice as long for each further one, so the timeout leaves a ping
        or a pong five. With 4 s, which leaves three, one of 48 was ended in one run of four on a busy machine.
        """
        proxy = self.wskeep({**BEATS, "keepalive.client.pong_timeout": "12s"})
        clients = [self.real_client(kind, proxy.port) for kind in ("ws", "websockets") for _ in range(4)]
        silent = self.swarm(proxy.port, 40)  # they answer pings and say nothing
        for client in clients:
            client.next("ping")
        self.cable.tell("delay 200")
        self.cable.tell("loss 5")
        end, messages = time.monotonic() + 15, 0
        while time.monotonic() < end:
            for client in clients:
                client.do("send", size=500, binary=True)
            for client in clients:
                self.assertTrue(client.next("message")["equal"])
                messages += 1
        self.check_nobody_ended(proxy)
        self.assertEqual(silent.out.count(event="close"), 0)
        lost = self.cable.tell("count").split()
        self.assertGreater(int(lost[2]) + int(lost[8]), 10)
        metrics = proxy.metrics()
        sent = metrics.value("wskeep_pings_sent_total", leg="client")
        print(f"{self._testMethodName}: {messages} messages echoed, {sent:.0f} pings, 0 of 48 sessions ended; "
              f"packets passed {lost[0]}+{lost[6]}, lost {lost[2]}+{lost[8]}")

    def test_loss_and_jitter(self):
        """Packets out of order, too: what RTO and duplicate acknowledgements make of it ends nobody."""
        proxy = self.wskeep({**BEATS, "keepalive.client.pong_timeout": "8s"})
        client = self.real_client("ws", proxy.port)
        self.swarm(proxy.port, 20)
        self.cable.tell("delay 20 60")
        self.cable.tell("loss 5")
        for _ in range(10):
            client.do("send", size=20_000, binary=True)
        for _ in range(10):
            self.assertTrue(client.next("message")["equal"])
        pings = proxy.metrics().value("wskeep_pings_sent_total", leg="client")
        proxy.wait_metric("wskeep_pings_sent_total", at_least=pings + 6 * 21, leg="client")
        self.check_nobody_ended(proxy)

    def trickle(self, timeout, size):
        """A large download at a rate that lets pings stand behind it for many timeouts; what came, whole."""
        backend = self.near_backend()
        proxy = self.wskeep({"keepalive.client.ping_interval": timeout, "keepalive.client.pong_timeout": timeout,
                             "keepalive.client.policy": "strict"}, backend_port=backend.port)
        client = self.session(proxy.port)
        server = backend.accept()
        self.cable.tell("rate 50000 20000 b>a")
        data = bytes(i * 7 % 251 for i in range(size))
        sender = threading.Thread(target=server.send, args=(frames.build(frames.BINARY, data),))
        sender.start()
        started = time.monotonic()
        # The client reads, and answers pings when they come; nothing else proves it alive.
        while (message := client.frame_of(frames.BINARY, frames.PING)).opcode == frames.PING:
            client.send(frames.client(frames.PONG, message.payload))  # one that got in front of the download
        took = time.monotonic() - started
        sender.join()
        self.assertEqual(hashlib.sha256(message.payload).digest(), hashlib.sha256(data).digest())
        # A ping did stand behind it, for longer than its timeout: its pong is late.
        client.send(frames.client(frames.PONG, client.frame_of(frames.PING).payload))
        proxy.wait_metric("wskeep_pongs_received_total", leg="client", result="late")
        self.check_nobody_ended(proxy)
        print(f"{self._testMethodName}: {size} bytes in {took:.1f} s, pong_timeout {timeout}, nobody ended")

    def near_backend(self):
        with self.near.entered():
            return self.raw_backend()

    def test_large_download_at_a_trickle(self):
        """Ten minutes with the default of 20 s, fifty times as fast: 12 s with 400 ms."""
        self.trickle("400ms", 600_000)

    def test_a_window_closed_for_a_while(self):
        """A client that doesn't read for four timeouts, with data waiting for it, and then does."""
        proxy = self.wskeep({**BEATS, "relay.write_stall_timeout": "20s", "keepalive.client.policy": "strict"})
        client = self.session(proxy.port, receive_buffer=4096)
        client.frame_of(frames.PING)
        left = self.fill(client)  # its own echo, which it doesn't take
        ticks = proxy.metrics().value("wskeep_event_loop_lag_seconds_count")
        proxy.wait_metric("wskeep_event_loop_lag_seconds_count", at_least=ticks + 4)  # of a second each
        self.check_nobody_ended(proxy)
        client.send(frames.client(frames.TEXT, b"the end"))
        while left:
            frame = client.frame_of(frames.BINARY, frames.PING)
            if frame.opcode == frames.BINARY:
                left -= len(frame.payload)
            else:
                client.send(frames.client(frames.PONG, frame.payload))
        self.assertEqual(client.frame_of(frames.TEXT).payload, b"the end")
        self.check_nobody_ended(proxy)

    def fill(self, client):
        """Sends messages whose echoes nobody takes; how many bytes of them are owed to the client now."""
        message = frames.client(frames.BINARY, bytes(10_000))
        for _ in range(60):  # less than wskeep, the echo server and the kernel hold together: sending never blocks
            client.send(message)
        return 600_000

    def check_never_reads(self, settings, word, bound):
        proxy = self.wskeep({**BEATS, "keepalive.client.policy": "strict", **settings})
        client = self.session(proxy.port, receive_buffer=4096)
        client.frame_of(frames.PING)
        self.fill(client)
        started = time.monotonic()
        record = proxy.ended()
        took = time.monotonic() - started
        self.assertEqual(record["reason"], word)
        self.assertLess(took, bound)
        print(f"{self._testMethodName}: {word} after {took:.1f} s {settings}")

    def test_a_window_never_opened(self):
        """With bytes waiting in wskeep it is a stalled client, after write_stall_timeout.

        Or after two of them: what its kernel still took since can be too little for ours to report it, and shows
        only when wskeep tries again before it judges.
        """
        self.check_never_reads({"relay.write_stall_timeout": "3s"}, "client_write_stalled", 3 + 3 + 1)

    def test_a_window_never_opened_with_nothing_waiting_here(self):
        """With the ping in the kernel behind a closed window it is the ping that finds it, in the same time."""
        backend = self.near_backend()
        proxy = self.wskeep({**BEATS, "keepalive.client.policy": "strict", "relay.write_stall_timeout": "3s"},
                            backend_port=backend.port)
        client = self.session(proxy.port, receive_buffer=4096)
        server = backend.accept()
        client.send(frames.client(frames.PONG, client.frame_of(frames.PING).payload))
        started = time.time()
        server.send(frames.build(frames.BINARY, bytes(30_000)))  # more than the client's window, less than a send buffer
        record = proxy.ended()
        self.assertEqual(record["reason"], "app_stalled")
        self.assertLess(moment(record) - started, 1 + 1 + 3 + 1)
        print(f"{self._testMethodName}: app_stalled after {moment(record) - started:.1f} s")


if __name__ == "__main__":
    unittest.main()
