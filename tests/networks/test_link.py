"""The cable itself, measured with UDP: the other tests say nothing if it is not what it says it is."""

import socket
import statistics
import time
import unittest

from network import FAR, MORE, NEAR, NetworkTest

COUNT = 200
LATE = 0.001  # what a median may be late


class Link(NetworkTest):
    def setUp(self):
        super().setUp()
        self.lay_network(seed=7)
        with self.far.entered():
            self.a = self.udp(FAR)
        with self.near.entered():
            self.b = self.udp(NEAR)

    def udp(self, address):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.bind((address, 0))
        sock.settimeout(10)
        return sock

    def trip(self, sender=None, receiver=None):
        """How long one packet takes."""
        sender, receiver = sender or self.a, receiver or self.b
        sent = time.monotonic()
        sender.sendto(b"x", receiver.getsockname())
        receiver.recv(100)
        return time.monotonic() - sent

    def arrived(self, count=COUNT):
        """The numbers of those that arrive of a row of packets, sent at once."""
        for number in range(count):
            self.a.sendto(number.to_bytes(2, "big") + bytes(98), self.b.getsockname())
        self.cable.tell("heal")  # answered behind the packets that came before it
        numbers = []
        self.b.settimeout(0.3)
        try:
            while True:
                numbers.append(int.from_bytes(self.b.recv(200)[:2], "big"))
        except socket.timeout:
            return numbers

    def test_delay(self):
        for delay in (0, 7.5, 50):
            self.cable.tell(f"delay {delay} a>b")
            trips = [self.trip() for _ in range(40)]
            self.assertGreaterEqual(min(trips), delay / 1000)
            self.assertLess(statistics.median(trips) - delay / 1000, LATE)
        self.assertLess(statistics.median(self.trip(self.b, self.a) for _ in range(40)), LATE)

    def test_jitter_reorders(self):
        self.cable.tell("delay 10 20")
        numbers = self.arrived()
        self.assertEqual(sorted(numbers), list(range(COUNT)))
        self.assertNotEqual(numbers, sorted(numbers))
        trips = [self.trip() for _ in range(60)]
        self.assertGreaterEqual(min(trips), 0.010)
        self.assertLess(abs(statistics.mean(trips) - 0.020), 0.004)

    def test_loss(self):
        self.cable.tell("loss 30 a>b")
        rows = [self.arrived() for _ in range(5)]  # no more at once than a receive buffer holds
        sent, numbers = 5 * COUNT, sum(map(len, rows))
        # Four deviations of the binomial distribution.
        self.assertLess(abs(sent - numbers - 0.3 * sent), 4 * (sent * 0.3 * 0.7) ** 0.5)
        self.assertTrue(all(row == sorted(row) for row in rows))
        count = self.cable.tell("count a>b").split()
        self.assertEqual((int(count[0]), int(count[2])), (numbers, sent - numbers))
        self.trip(self.b, self.a)  # the other direction loses nothing

    def test_a_seed_says_which_are_lost(self):
        self.cable.tell("loss 30")
        first = self.arrived()
        self.lay_network(seed=7)
        with self.far.entered():
            self.a = self.udp(FAR)
        with self.near.entered():
            self.b = self.udp(NEAR)
        self.cable.tell("loss 30")
        self.assertEqual(self.arrived(), first)

    def test_rate(self):
        """A row of packets takes its bytes by the rate; what is too long for the queue is refused."""
        size = 20 + 8 + 100  # with the heads of IP and UDP
        self.cable.tell(f"rate {size * 1000} {size * 100} a>b")
        start = time.monotonic()
        for number in range(100):
            self.a.sendto(bytes(100), self.b.getsockname())
        for number in range(100):
            self.b.recv(200)
        self.assertLess(abs(time.monotonic() - start - 0.100), 0.010)
        self.assertLess(len(self.arrived(300)), 300)
        self.assertGreater(int(self.cable.tell("count a>b").split()[4]), 0)

    def test_cut(self):
        for cut, a_to_b, b_to_a in (("cut", 0, 0), ("cut a>b", 0, 1), ("cut b>a", 1, 0)):
            self.cable.tell(cut)
            self.assertEqual((self.passes(self.a, self.b), self.passes(self.b, self.a)), (a_to_b, b_to_a), cut)
            self.cable.tell("heal")
        self.trip()

    def passes(self, sender, receiver):
        receiver.settimeout(0.2)
        try:
            self.trip(sender, receiver)
            return 1
        except socket.timeout:
            return 0

    def test_cut_takes_what_is_under_way(self):
        self.cable.tell("delay 100 a>b")
        self.a.sendto(b"x", self.b.getsockname())
        self.cable.tell("cut")
        self.b.settimeout(0.3)
        self.assertRaises(socket.timeout, self.b.recv, 100)

    def test_cut_of_an_address(self):
        with self.far.entered():
            other = self.udp(f"{MORE}.9")
        self.cable.tell(f"cut {MORE}.9")
        self.assertEqual(self.passes(other, self.b), 0)
        self.assertEqual(self.passes(self.b, other), 0)
        self.trip()
        self.cable.tell("heal")
        self.trip(other)

    def test_what_it_refuses(self):
        for command in ("", "delay", "delay x", "delay -1", "loss 5 5", "cut 1.2.3", "pull", "a>b"):
            self.assertRaisesRegex(AssertionError, "error", self.cable.tell, command)


if __name__ == "__main__":
    unittest.main()
