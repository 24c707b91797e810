"""200 of 200: clients that die at random moments in random ways are all found, in time, with the right word.

WSKEEP_SEED repeats a run's plan.
"""

import collections
import os
import random
import statistics
import threading
import time
import unittest

import harness
from network import NetworkTest, moment, stop_process

DEAD, LIVING = 200, 20
INTERVAL, TIMEOUT = 2.0, 2.0
BOUND = INTERVAL + TIMEOUT + 1
OVER = 12.0  # seconds in which they die
WORDS = {"cut": "network_dead", "cut a>b": "network_dead", "cut b>a": "network_dead", "stop": "app_stalled"}


class AllFound(NetworkTest):
    def test_all_are_found(self):
        self.lay_network()
        proxy = self.wskeep({"keepalive.client.ping_interval": f"{INTERVAL:.0f}s", "workers": "2",
                             "keepalive.client.pong_timeout": f"{TIMEOUT:.0f}s"})
        swarm = self.swarm(proxy.port, DEAD + LIVING)
        self.wait_all_answered(proxy)
        seed = int(os.environ.get("WSKEEP_SEED") or random.SystemRandom().randrange(2**32))
        print(f"WSKEEP_SEED={seed}")
        plan = random.Random(seed)
        addresses = plan.sample(sorted(swarm.clients), DEAD)
        deaths = {}
        start = time.monotonic()
        for due, address in zip(sorted(plan.uniform(0, OVER) for _ in range(DEAD)), addresses):
            threading.Event().wait(max(0, start + due - time.monotonic()))  # the moment is what is random here
            way = plan.choice(sorted(WORDS))
            if way == "stop":
                deaths[address] = (stop_process(swarm.clients[address]["pid"]), way)
            else:
                verb, _, direction = way.partition(" ")
                deaths[address] = (time.time(), way)
                self.cable.tell(f"{verb} {address} {direction}")
        self.judge(proxy, deaths)
        self.assertEqual(proxy.metrics().value("wskeep_connections_open", state="open"), LIVING)
        self.assertEqual(proxy.metrics().value("wskeep_connections_closed_total"), DEAD)

    def wait_all_answered(self, proxy):
        """Under `auto` only who has answered once is ended."""
        def answered():
            series = proxy.metrics().series("wskeep_connection_last_pong_timestamp_seconds")
            return len([value for _, value in series if value > 0]) == DEAD + LIVING

        harness.wait_until(answered, "a pong of everybody")

    def judge(self, proxy, deaths):
        took, words = collections.defaultdict(list), collections.Counter()
        for _ in range(len(deaths)):
            record = proxy.ended()
            since, way = deaths.pop(record["client"].rpartition(":")[0])
            self.assertEqual(record["reason"], WORDS[way], (way, record))
            took[way].append(moment(record) - since)
            words[way, record["reason"]] += 1
        everything = [value for values in took.values() for value in values]
        for (way, word), count in sorted(words.items()):
            values = took[way]
            print(f"{way:8} {word:13} {count:4}   min {min(values):.2f}  median {statistics.median(values):.2f}"
                  f"  max {max(values):.2f} s")
        for second in range(int(BOUND) * 2):
            low = second / 2
            count = sum(low <= value < low + 0.5 for value in everything)
            print(f"{low:4.1f} - {low + 0.5:.1f} s {count:4} {'#' * (count // 2)}")
        print(f"{len(everything)} of {DEAD} found, bound {BOUND} s")
        self.assertEqual(len(everything), DEAD)
        self.assertLess(max(everything), BOUND)


if __name__ == "__main__":
    unittest.main()
