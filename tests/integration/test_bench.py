"""The parts of tests/bench work together: what they report can only be believed if they notice every wrong echo."""

import json
import os
import pathlib
import tempfile
import unittest

import frames
import harness
from harness import IntegrationTest, Process

PROGRAMS = pathlib.Path(os.environ.get("WSKEEP_BENCH") or pathlib.Path(harness.BINARY).parent / "tests" / "bench")

SCALE = pathlib.Path(__file__).resolve().parents[1] / "bench" / "scale.py"


class Bench(IntegrationTest):
    def program(self, name, *arguments):
        process = Process(name, [str(PROGRAMS / name), *map(str, arguments)])
        self.addCleanup(process.stop)
        return process

    def listening(self, name, *arguments):
        return int(self.program(name, *arguments).out.take()["text"].rpartition(":")[2])

    def load(self, port, **options):
        options = {"check-every": 1, "warm-up": 0, **options}
        return self.program("load", "--port", port, *(f"--{key}={value}" for key, value in options.items()))

    def check_loads(self, port):
        """Every kind of load, from sessions that are opened one after another to large messages in pieces."""
        kinds = (
            ({"connections": 4, "messages": 50, "depth": 4, "size": 3000, "fragments": 3}, 200),
            ({"connections": 3, "messages": 2, "active": 2, "size": 1 << 20, "fragments": 5}, 6),
            ({"connections": 2, "messages": 3, "size": 0, "fragments": 2}, 6),
            ({"connections": 3, "rate": 1000, "seconds": 0.05}, 50),
            ({"connections": 5, "mode": "upgrade"}, 5),
            ({"connections": 5, "mode": "upgrade-close"}, 5),
        )
        running = [(options, expected, self.load(port, **options)) for options, expected in kinds]
        for options, expected, load in running:
            with self.subTest(**options):
                self.assertEqual(load.wait_exit(), 0, load.err.seen)
                said = load.out.take()
                self.assertEqual(said["round_trips"], expected)
                latency = said["latency_us"]
                self.assertLess(0, latency["p50"])
                self.assertLessEqual(latency["p50"], latency["p99.9"])
                self.assertLessEqual(latency["p99.9"], latency["max"])

    def test_through_wskeep(self):
        self.check_loads(self.front(self.listening("echo_backend", 0)).port)

    def test_through_the_pipe(self):
        self.check_loads(self.listening("pipe", 0, self.listening("echo_backend", 0)))

    def test_a_load_under_control(self):
        """It measures when told to, answers pings while its sessions wait, and ends with its input."""
        proxy = self.front(self.listening("echo_backend", 0), {"keepalive.client.ping_interval": "100ms"})
        load = self.program("load", "--port", proxy.port, "--controlled", "--messages", 2, "--connections", 3)
        load.out.take(text="ready")
        if proxy.present:
            proxy.wait_metric("wskeep_pongs_received_total", 3, leg="client", result="matched")
        load.child.stdin.write(b"\n")
        load.child.stdin.flush()
        said = load.out.take()
        self.assertEqual(said["round_trips"], 6)
        if proxy.present:
            self.assertGreaterEqual(said["pings"], 3)
        self.assertIsNone(load.child.poll())
        load.child.stdin.close()
        self.assertEqual(load.wait_exit(), 0, load.err.seen)

    def test_wrong_echoes_are_noticed(self):
        payload = None
        answers = {
            "other bytes": lambda: frames.build(frames.BINARY, payload[:-1] + bytes([payload[-1] ^ 1])),
            "another frame": lambda: frames.build(frames.BINARY, payload[:-1]),
            "nothing was sent for": lambda: 2 * frames.build(frames.BINARY, payload),
            "illegal frame": lambda: frames.build(frames.BINARY, payload, mask=frames.FIXED_MASK),
            "ended from the other side": lambda: b"",
        }
        for words, answer in answers.items():
            with self.subTest(words):
                backend = self.raw_backend()
                load = self.load(backend.port, messages=1, size=200)
                stream = backend.accept()
                payload = stream.frame().payload
                stream.send(answer())
                stream.finish()
                self.assertEqual(load.wait_exit(), 1)
                self.assertIn(words, load.err.take()["text"])

    def test_many_sessions(self):
        """Every part of scale.py yields its figures, here with few sessions and in no time."""
        with tempfile.TemporaryDirectory() as directory:
            figures = pathlib.Path(directory) / "figures.json"
            scale = Process("scale", ["/usr/bin/python3", str(SCALE), "--build", str(PROGRAMS.parents[1]),
                                      "--sessions=90", "--simulated=500", "--seconds=1", "--interval=0.1",
                                      f"--json={figures}"])
            self.addCleanup(scale.stop)
            self.assertEqual(scale.wait_exit(), 0, scale.err.seen)
            parts = json.loads(figures.read_text())["figures"]
        self.assertEqual(set(parts), {"lateness", "keepalive", "growth", "metrics", "memory"})
        value = {figure["what"]: figure["value"] for part in parts.values() for figure in part}
        self.assertLessEqual(abs(value["beside echoes: mean gap, beyond that of the jitter (goal: chance)"]), 11)
        for what in ("500 simulated sessions: user space of a beat", "a beat: 90 sessions", "saturated: echoes a second"):
            self.assertLess(0, value[what])
        self.assertLess(value["before any of 90 sessions"], value["user space at the peak"])


if __name__ == "__main__":
    unittest.main()
