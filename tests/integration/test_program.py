"""wskeep as a process: how it starts, what signals do, and what happens when descriptors run out."""

import os
import signal
import socket
import subprocess
import time
import tempfile
import unittest

import frames
import harness
import raw
from harness import BINARY, DEADLINE, IntegrationTest, wait_until

NO_PINGS = {"keepalive.client.policy": "off", "keepalive.backend.policy": "off"}


def run(*arguments):
    """Runs wskeep to its end and returns what it said and its exit code."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WSKEEP_")}
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=DEADLINE, check=False,
                          env=environment)


class Starting(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()

    def test_faults_are_listed_all_at_once(self):
        done = run("--set", "keepalive.client.ping_interval=25", "--set", "relay.bufer_limit=1KiB", "--check-config")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(done.stderr.splitlines()), 2, done.stderr)
        self.assertIn("did you mean", done.stderr)

    def test_what_it_prints_it_reads(self):
        printed = run("--print-config", "--set", "workers=3")
        self.assertEqual(printed.returncode, 0, printed.stderr)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(printed.stdout)
            file.flush()
            self.assertEqual(run("--config", file.name, "--print-config").stdout, printed.stdout)

    def test_taken_address(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            for arguments in (["--listen", address, "--set", "admin.address=off"],
                              ["--listen", "127.0.0.1:0", "--set", f"admin.address={address}"]):
                with self.subTest(arguments):
                    done = run(*arguments)
                    self.assertEqual(done.returncode, 1)
                    self.assertIn(f"{address}: Address already in use", done.stderr)


class Signals(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()

    def session(self, **settings):
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**NO_PINGS, **settings})
        client = self.raw_session(proxy.port)
        return client, proxy, backend.accept()

    def test_stop_ends_sessions_politely(self):
        """SIGTERM: the client gets 1001, its answer passes to the backend, nothing later reaches the client."""
        client, proxy, backend = self.session()
        proxy.signal(signal.SIGTERM)
        close = client.frame()
        self.assertEqual((close.code, close.payload[2:]), (1001, b"going away"))
        backend.send(frames.build(frames.TEXT, b"too late"))
        client.send(frames.client(frames.CLOSE, frames.close_payload(1001)))
        self.assertEqual(backend.frame().code, 1001)
        backend.send(frames.build(frames.CLOSE, frames.close_payload(1001)))
        backend.finish()
        self.assertEqual(client.rest(), b"")
        client.finish()
        self.assertEqual(proxy.wait_exit(), 0)
        self.assertEqual(proxy.ended()["reason"], "shutdown")

    def test_stop_waits_for_the_end_of_a_message(self):
        client, proxy, backend = self.session()
        backend.send(frames.build(frames.TEXT, b"first ", fin=False))
        self.assertEqual(client.frame().payload, b"first ")
        proxy.signal(signal.SIGTERM)
        proxy.log("stopping")
        backend.send(frames.build(0, b"second", fin=True))
        self.assertEqual(client.frame().payload, b"second")
        self.assertEqual(client.frame().code, 1001)
        self.assertEqual(proxy.wait_exit(), 0)

    def test_newcomers_are_refused_while_stopping(self):
        """A connection whose handshake is not done gets 503 with Retry-After."""
        backend = self.raw_backend(lambda request: None)
        proxy = self.front(backend.port)
        client = self.raw_connection(proxy.port)
        client.send(raw.upgrade_request())
        backend.accept()
        proxy.signal(signal.SIGTERM)
        head = client.read_head()
        self.assertEqual(head.status, 503)
        self.assertEqual(head.get("retry-after"), "1")
        client.close()
        self.assertEqual(proxy.wait_exit(), 0)

    def test_second_signal_ends_it_at_once(self):
        backend = self.raw_backend()
        program = harness.Wskeep(backend.port, {**NO_PINGS, "relay.close_timeout": "1h"})
        self.addCleanup(program.stop)
        client = self.raw_session(program.port)
        program.signal(signal.SIGTERM)
        self.assertEqual(client.frame().code, 1001)
        program.signal(signal.SIGTERM)
        self.assertEqual(program.wait_exit(), 128 + signal.SIGTERM)

    def test_hangup_ends_nothing(self):
        client, proxy, backend = self.session()
        proxy.signal(signal.SIGHUP)
        proxy.log("SIGHUP ignored: there are no TLS files, and nothing else is reloaded")
        client.send(frames.client(frames.TEXT, b"still here"))
        self.assertEqual(backend.frame().payload, b"still here")


class Descriptors(IntegrationTest):
    LIMIT = 64

    def test_accepting_rests_and_goes_on(self):
        """Out of descriptors: open sessions go on, wskeep doesn't spin, and newcomers are served later."""
        self.needs_wskeep()
        backend = self.raw_backend()
        proxy = self.front(backend.port, {**NO_PINGS, "workers": 1})
        canary = self.raw_session(proxy.port)
        canary_backend = backend.accept()
        subprocess.run(["prlimit", "--pid", str(proxy.pid), f"--nofile={self.LIMIT}:{self.LIMIT}"], check=True)
        started = time.monotonic()
        crowd = [self.raw_connection(proxy.port) for _ in range(self.LIMIT)]
        proxy.log("accepting paused")
        before = cpu_seconds(proxy.pid)
        wait_until(lambda: proxy.err.count(msg="accepting paused") >= 2, "a second line, a second later")
        self.assertLess(cpu_seconds(proxy.pid) - before, 0.5)
        canary.send(frames.client(frames.TEXT, b"sing"))
        self.assertEqual(canary_backend.frame().payload, b"sing")
        for stream in crowd:
            stream.close()
        self.assertIsNotNone(self.raw_session(proxy.port))
        backend.accept()
        self.assertLessEqual(proxy.err.count(msg="accepting paused"), 10)
        hits = proxy.metrics().value("wskeep_limits_hit_total", limit="descriptors")
        self.assertGreater(hits, 1)
        self.assertLess(hits, 10 * (time.monotonic() - started) + 2)  # it rests for a tenth of a second each time


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    unittest.main()
