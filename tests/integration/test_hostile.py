"""Hostile requests and hostile answers: what wskeep says to them, and that it lets none of them through."""

import os
import random
import unittest

import spy
import strict
from harness import IntegrationTest
from hostile_requests import REFUSED, SMUGGLED

SEED = int(os.environ.get("WSKEEP_SEED") or random.SystemRandom().randrange(1 << 32))
ONE_WORKER = {"workers": 1}
CANARY = b"GET /canary HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"


class Hostile(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()
        self.backend = spy.Spy()
        self.addCleanup(self.backend.close)

    def answers_to(self, port, pieces, methods=()):
        """Everything that a client gets for what it sends, until wskeep ends the connection."""
        client = self.raw_connection(port)
        try:
            for piece in pieces:
                client.send(piece)
        except OSError:
            pass  # it has been refused already; what was said about it can still be read
        data, answers = client.rest(), []
        client.close()
        while data:
            method = methods[len(answers)] if len(answers) < len(methods) else "GET"
            answer, data = strict.cut_answer(data, method)
            answers.append(answer)
        return answers

    def heard(self, port):
        """What the backend has received so far, but for a request that asks it; connections come in order."""
        self.answers_to(port, [CANARY])
        *heard, canary = self.backend.take()
        self.assertEqual([request.target for request in canary.requests], ["/canary"])
        return heard


class Requests(Hostile):
    def check_refused(self, row, proxy, pieces):
        answers = self.answers_to(proxy.port, pieces)
        self.assertEqual([answer.status for answer in answers], [row.status])
        self.assertTrue(answers[0].lists("connection", "close"))
        self.assertTrue(answers[0].get("content-type").startswith("text/plain"))
        self.assertTrue(answers[0].body.startswith(str(row.status).encode()), answers[0].body)
        self.assertNotIn(b"smuggled", answers[0].body)
        self.assertEqual([connection.data for connection in self.heard(proxy.port)], [])

    def test_refused(self):
        """Each gets its status and the end, the request behind it nothing, and the backend not even a connection."""
        self.assertEqual(len({row.name for row in REFUSED}), len(REFUSED), "names that stand twice")
        proxy = self.front(self.backend.port, ONE_WORKER)
        for row in REFUSED:
            with self.subTest(row.name, attack=row.attack):
                self.check_refused(row, proxy, [row.sent + SMUGGLED])

    def test_refused_in_pieces(self):
        """The same in two packets, cut anywhere."""
        proxy = self.front(self.backend.port, ONE_WORKER)
        dice = random.Random(SEED)
        for row in REFUSED:
            cut = dice.randrange(1, len(row.sent))
            with self.subTest(row.name, attack=row.attack, cut=cut, seed=SEED):
                self.check_refused(row, proxy, [row.sent[:cut], row.sent[cut:] + SMUGGLED])


if __name__ == "__main__":
    unittest.main()
