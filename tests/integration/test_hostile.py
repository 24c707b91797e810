"""Hostile requests and hostile answers: what wskeep says to them, and that it lets none of them through."""

import os
import random
import unittest

import hostile_answers
import raw
import spy
import strict
from harness import IntegrationTest
from hostile_bodies import BROKEN, PASSING
from hostile_requests import REFUSED, SMUGGLED, get

SEED = int(os.environ.get("WSKEEP_SEED") or random.SystemRandom().randrange(1 << 32))
ONE_WORKER = {"workers": 1}
CANARY = get("Host: a.test", "Connection: close", line="GET /canary HTTP/1.1")
LAST = get("Host: a.test", "Connection: close", line="GET /last HTTP/1.1")


class Client:
    """Sends what it is told and reads answers strictly."""

    def __init__(self, stream):
        self.stream = stream
        self.data = b""

    def send(self, *pieces):
        try:
            for piece in pieces:
                self.stream.send(piece)
        except OSError:
            pass  # it has been refused already; what was said about it can still be read

    def answer(self, method="GET"):
        """The next final answer and the interim ones before it are read; None at the end of the stream."""
        while True:
            try:
                answer, self.data = strict.cut_answer(self.data, method, ended=False)
            except strict.Incomplete:
                if not (piece := self.stream.receive()):
                    return None
                self.data += piece
                continue
            if answer.status >= 200:
                return answer

    def rest(self):
        """Every answer until the end of the stream."""
        self.data += self.stream.rest()
        self.stream.close()
        answers, unfinished, data = strict.cut_all(strict.cut_answer, self.data)
        assert unfinished is None and not data, f"a piece of an answer: {data[:200]!r}"
        return [answer for answer in answers if answer.status >= 200]


class Hostile(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()
        self.backend = spy.Spy()
        self.addCleanup(self.backend.close)
        self.proxy = self.front(self.backend.port, ONE_WORKER)

    def client(self):
        return Client(self.raw_connection(self.proxy.port))

    def heard(self):
        """What the backend has received so far, but for a request that asks it; connections come in order."""
        canary = self.client()
        canary.send(CANARY)
        canary.rest()
        *heard, last = self.backend.take()
        self.assertEqual([request.target for request in last.requests], ["/canary"])
        return heard

    def check_words(self, answer, status):
        """An answer of ours: plain text with a reason, and the end of the connection."""
        self.assertTrue(answer.lists("connection", "close"))
        self.assertTrue(answer.get("content-type").startswith("text/plain"))
        self.assertTrue(answer.body.startswith(str(status).encode()), answer.body)
        self.assertNotIn(b"smuggled", answer.body)


class Refused(Hostile):
    """Each gets its status and the end, the request behind it nothing, and the backend not even a connection."""

    def check(self, row, *pieces):
        client = self.client()
        client.send(*pieces)
        answers = client.rest()
        self.assertEqual([answer.status for answer in answers], [row.status])
        self.check_words(answers[0], row.status)
        self.assertEqual([connection.data for connection in self.heard()], [])

    def test_whole(self):
        self.assertEqual(len({row.name for row in REFUSED}), len(REFUSED), "names that stand twice")
        for row in REFUSED:
            with self.subTest(row.name, attack=row.attack):
                self.check(row, row.sent + SMUGGLED)

    def test_in_two_pieces(self):
        dice = random.Random(SEED)
        for row in REFUSED:
            cut = dice.randrange(1, len(row.sent))
            with self.subTest(row.name, attack=row.attack, cut=cut, seed=SEED):
                self.check(row, row.sent[:cut], row.sent[cut:] + SMUGGLED)


class Legal(Hostile):
    """Each reaches the backend as exactly the requests that are in it, answered in order."""

    def check_fields(self, request, expected):
        for name, value in expected:
            self.assertEqual(request.all(name), [] if value is None else [value], name)

    def check(self, row, *pieces):
        client = self.client()
        client.send(*pieces)
        for method, target, _ in row.received:
            answer = client.answer(method)
            self.assertEqual((answer.status, answer.body.decode()), (200, f"{method} {target}"))
        if row.refused:
            answers = client.rest()
            self.assertEqual([answer.status for answer in answers], [row.refused])
            self.check_words(answers[0], row.refused)
        else:
            client.send(LAST)
            self.assertIn([answer.body for answer in client.rest()], ([], [b"GET /last"]))
        heard = self.heard()
        self.assertEqual([connection.fault for connection in heard], [None] * len(heard))
        self.assertEqual([connection.unfinished for connection in heard], [b""] * len(heard))
        requests = [request for connection in heard for request in connection.requests if request.target != "/last"]
        self.assertEqual(tuple((each.method, each.target, each.body) for each in requests), row.received)
        self.check_fields(requests[-1], row.has)

    def test_whole(self):
        for row in PASSING:
            with self.subTest(row.name, attack=row.attack):
                self.check(row, row.sent)

    def test_in_two_pieces(self):
        dice = random.Random(SEED)
        for row in PASSING:
            cut = dice.randrange(1, len(row.sent))
            with self.subTest(row.name, attack=row.attack, cut=cut, seed=SEED):
                self.check(row, row.sent[:cut], row.sent[cut:])


class Broken(Hostile):
    """A body that goes wrong: 400, the end, and never a whole request at the backend."""

    def check(self, row, *pieces):
        client = self.client()
        client.send(*pieces)
        if row.ends:
            client.stream.finish()
        statuses = [answer.status for answer in client.rest()]
        self.assertIn(statuses, [[], [400]] if row.ends else [[400]])
        for connection in self.heard():
            self.assertEqual(connection.requests, [], "the backend has received a whole request")
            self.assertNotIn(b"smuggled", connection.data)

    def test_whole(self):
        for row in BROKEN:
            with self.subTest(row.name, attack=row.attack):
                self.check(row, row.sent if row.ends else row.sent + SMUGGLED)

    def test_in_two_pieces(self):
        """The backend has the head, and what was right of the body, when the rest goes wrong."""
        for row in BROKEN:
            head = row.sent.index(b"\r\n\r\n") + 4
            with self.subTest(row.name, attack=row.attack):
                self.check(row, row.sent[:head], row.sent[head:])


class Answers(Hostile):
    """Of a backend's nonsense the client sees 502, or a connection that is cut: never an answer to nothing."""

    def check_whole(self, row, client):
        """The client gets its answer, and what it asks next is answered rightly or not at all."""
        answer = client.answer(row.sent.split()[0].decode())
        self.assertEqual((answer.status, answer.body), (row.status, row.body))
        client.send(LAST)
        self.assertIn([answer.body for answer in client.rest()], ([], [b"GET /last"]))

    def check_cut(self, row, client):
        data = client.stream.rest()
        self.assertNotIn(b"smuggled", data)
        try:
            whole, unfinished, _ = strict.cut_all(strict.cut_answer, data)
        except strict.Malformed:
            return  # its beginning, as it came
        self.assertEqual((whole, unfinished.status), ([], row.status))

    def check_ours(self, row, client):
        answers = client.rest()
        self.assertEqual([answer.status for answer in answers], [row.status])
        self.check_words(answers[0], row.status)

    def test_answers(self):
        for row in hostile_answers.WRONG:
            with self.subTest(row.name):
                self.backend.ends = row.ends
                self.backend.answer = lambda request: row.answer if request.target == "/" else spy.ok(request)
                client = self.client()
                client.send(row.sent)
                if row.status == 502:
                    self.check_ours(row, client)
                elif row.body is None:
                    self.check_cut(row, client)
                else:
                    self.check_whole(row, client)
                self.backend.ends = False
                for connection in self.heard():
                    self.assertIsNone(connection.fault)

    def test_unasked(self):
        """An answer that nobody asked for, on a connection that waits for the next request, is nobody's answer."""
        client = self.client()
        client.send(hostile_answers.GET)
        self.assertEqual(client.answer().body, b"GET /")
        connection = self.backend.heard[0]
        connection.sock.sendall(hostile_answers.OTHER)
        self.assertTrue(connection.ended.wait(raw.DEADLINE), "wskeep keeps what answers unasked")
        client.send(LAST)
        self.assertIn([answer.body for answer in client.rest()], ([], [b"GET /last"]))

    def test_pipelined(self):
        """Two requests at once, and a backend that answers the first one twice."""
        twice = hostile_answers.ok("Content-Length: 5", body=b"first") + hostile_answers.OTHER
        self.backend.answer = lambda request: twice if request.target == "/" else spy.ok(request)
        client = self.client()
        client.send(hostile_answers.PIPELINED)
        self.assertEqual(client.answer().body, b"first")
        second = client.answer()
        self.assertTrue(second is None or second.body == b"GET /2", second and second.body)


if __name__ == "__main__":
    unittest.main()
