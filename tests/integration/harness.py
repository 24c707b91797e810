"""Starts wskeep and its peers for a test, and waits for what they do.

With WSKEEP_DIRECT=1 (run.py --direct) wskeep is left out: front() then gives the backend's own port. The same
tests run against the bare peers, so that a failure through wskeep is known to be wskeep's.

Nothing here sleeps to let something happen: a test waits for a line, a frame, a metric or an exit, each with a
deadline that is far beyond what a busy machine needs.
"""

import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.request

import prometheus
import raw
from raw import DEADLINE

HERE = pathlib.Path(__file__).resolve().parent
PEERS = HERE / "peers"
MODULES = pathlib.Path(os.environ.get("WSKEEP_NODE_MODULES") or HERE / "node_modules").absolute()
DIRECT = os.environ.get("WSKEEP_DIRECT", "") not in ("", "0")
BINARY = os.environ.get("WSKEEP_BIN") or str(HERE.parents[1] / "build" / "dev" / "wskeep")


def wait_until(condition, what, deadline=DEADLINE):
    """The first true value of condition(), for what only shows by looking (metrics, /proc)."""
    end = time.monotonic() + deadline
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what}")
        time.sleep(0.01)
    return value


class Records:
    """The lines of a pipe as dictionaries, read by a thread. take() waits for one and uses it up."""

    def __init__(self, pipe, name):
        self.seen = []
        self._name = name
        self._pending = []
        self._ended = False
        self._changed = threading.Condition()
        threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def _read(self, pipe):
        with pipe:
            for line in pipe:
                try:
                    record = json.loads(line)
                except ValueError:
                    record = {"text": line.decode("utf-8", "replace").rstrip()}
                with self._changed:
                    self.seen.append(record)
                    self._pending.append(record)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def take(self, deadline=DEADLINE, **fields):
        """The oldest unused record with these fields; AssertionError if the pipe ends or the time is up."""
        end = time.monotonic() + deadline
        with self._changed:
            while True:
                for i, record in enumerate(self._pending):
                    if fields.items() <= record.items():
                        return self._pending.pop(i)
                left = end - time.monotonic()
                if self._ended or left <= 0:
                    why = "ended" if self._ended else f"said nothing such within {deadline} s"
                    raise AssertionError(f"{self._name} {why}; wanted {fields}; its last lines: {self.seen[-12:]}")
                self._changed.wait(left)

    def count(self, **fields):
        with self._changed:
            return sum(fields.items() <= record.items() for record in self.seen)


class Process:
    """A child process, ended by its own pid."""

    def __init__(self, name, argv, environment=None, *, pass_fds=()):
        self.name = name
        # Without our own WSKEEP_*: to wskeep they are options, and it refuses those it doesn't know.
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("WSKEEP_")}
        self.child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**inherited, **(environment or {})}, cwd=PEERS, pass_fds=pass_fds)
        self.pid = self.child.pid
        self.out = Records(self.child.stdout, name)
        self.err = Records(self.child.stderr, f"{name} (stderr)")

    def signal(self, number):
        self.child.send_signal(number)

    def wait_exit(self, deadline=DEADLINE):
        return self.child.wait(deadline)

    def stop(self):
        """Ends it whatever its state is, a stopped process too."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait(DEADLINE)
        if self.child.stdin:
            try:
                self.child.stdin.close()
            except OSError:
                pass


class Peer(Process):
    """A WebSocket client or server in another runtime: JSON lines out (events), JSON lines in (commands)."""

    def __init__(self, name, argv, options):
        super().__init__(name, [*argv, json.dumps(options)], {
            "WSKEEP_NODE_MODULES": str(MODULES), "DENO_NO_UPDATE_CHECK": "1", "DO_NOT_TRACK": "1"})

    def do(self, command, **fields):
        self.child.stdin.write(json.dumps({"do": command, **fields}).encode() + b"\n")
        self.child.stdin.flush()

    def next(self, event, deadline=DEADLINE, **fields):
        try:
            return self.out.take(deadline, event=event, **fields)
        except AssertionError as error:
            raise AssertionError(f"{error}; stderr: {self.err.seen[-8:]}") from None

    def count(self, event, **fields):
        return self.out.count(event=event, **fields)


class Wskeep(Process):
    """The program under test, listening when the constructor returns."""

    present = True

    def __init__(self, backend_port, settings=None, *, launcher=(), host="127.0.0.1", backend_host="127.0.0.1",
                 listen=None, pass_fds=()):
        """`launcher` is a command that runs the one behind it, elsewhere or otherwise. `backend_port` may be a whole
        address too, and `listen` is the addresses instead of a port of the host's."""
        if not os.access(BINARY, os.X_OK):
            raise AssertionError(f"no program at {BINARY}; build it or set WSKEEP_BIN")
        backend = backend_port if isinstance(backend_port, str) else f"{backend_host}:{backend_port}"
        argv = [*launcher, BINARY, "--backend", backend]
        for address in listen or [f"{host}:0"]:
            argv += ["--listen", address]
        # A short close_timeout, since many peers here never answer the Close that ends a test.
        defaults = {"admin.address": "127.0.0.1:0", "log.format": "json", "relay.close_timeout": "1s"}
        for key, value in {**defaults, **(settings or {})}.items():
            argv += ["--set", f"{key}={value}"]
        super().__init__("wskeep", argv, pass_fds=pass_fds)
        try:
            self.port = self._port("listening")
            self.admin_port = self._port("admin listening")
            self.log("started")  # and /readyz says so
        except BaseException:
            super().stop()
            raise

    def _port(self, message):
        """The port, or the whole address of a unix socket."""
        address = self.log(message)["address"]
        return address if address.startswith("unix:") else int(address.rpartition(":")[2])

    def log(self, message, deadline=DEADLINE, **fields):
        return self.err.take(deadline, msg=message, **fields)

    def ended(self, **fields):
        """The next 'session ended' record."""
        return self.log("session ended", **fields)

    def get(self, path):
        """(status, body) from the admin server."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=DEADLINE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def metrics(self):
        status, body = self.get("/metrics")
        assert status == 200, f"/metrics answered {status}"
        return prometheus.Metrics(body)

    def wait_metric(self, name, at_least=1, **labels):
        """The scrape in which the metric has reached this value."""
        scrapes = []

        def reached():
            scrapes.append(self.metrics())
            return (scrapes[-1].value(name, **labels) or 0) >= at_least

        try:
            wait_until(reached, f"{name}{labels} >= {at_least}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it shows {scrapes[-1].series(name)}") from None
        return scrapes[-1]

    def resident(self):
        """Bytes of memory in use (VmRSS)."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def finish(self):
        """SIGTERM and its exit code, which must be 0: sanitizers speak through it too."""
        try:
            if self.child.poll() is None:
                self.signal(signal.SIGTERM)
            code = self.wait_exit()
        finally:
            super().stop()
        if code != 0:
            raise AssertionError(f"wskeep exited with {code}; its last lines: {self.err.seen[-12:]}")


class Direct:
    """Nobody in between: the control."""

    present = False

    def __init__(self, backend_port):
        self.port = backend_port


def _first_executable(what, *candidates):
    """The first candidate that is a program; an npm placeholder for a missing postinstall is a small script."""
    for path in candidates:
        if path.is_file() and os.access(path, os.X_OK) and path.stat().st_size > 1_000_000:
            return str(path)
    raise AssertionError(f"{what} is not in {MODULES}; run `npm ci` in tests/integration or set WSKEEP_NODE_MODULES")


def runtime(name):
    """The command line that runs a script in node, bun or deno."""
    machine = platform.machine()
    if name == "bun":
        arch = {"x86_64": "x64"}.get(machine, machine)
        return [_first_executable("bun", MODULES / "@oven" / f"bun-linux-{arch}" / "bin" / "bun",
                                  MODULES / "bun" / "bin" / "bun.exe"), "run"]
    if name == "deno":
        arch = {"x86_64": "x64", "aarch64": "arm64"}.get(machine, machine)
        return [_first_executable("deno", MODULES / "@deno" / f"linux-{arch}-glibc" / "deno",
                                  MODULES / "deno" / "deno"),
                "run", "-A", "--quiet", "--no-config", "--no-lock", "--no-remote", "--no-npm"]
    if not (MODULES / "ws" / "package.json").is_file():
        raise AssertionError(f"ws is not in {MODULES}; run `npm ci` in tests/integration or set WSKEEP_NODE_MODULES")
    return [shutil.which("node") or "node"]


CLIENTS = ("ws", "bun", "deno", "websockets")


class IntegrationTest(unittest.TestCase):
    """Starts things that end with the test, last started first, also when it fails."""

    maxDiff = 4000

    def needs_wskeep(self):
        if DIRECT:
            self.skipTest("only wskeep does this")

    def front(self, backend_port, settings=None, **options):
        """wskeep in front of a backend; in direct mode the backend itself."""
        if DIRECT:
            return Direct(backend_port)
        program = Wskeep(backend_port, settings, **options)
        self.addCleanup(program.finish)
        return program

    def _peer(self, name, argv, options):
        peer = Peer(name, argv, options)
        self.addCleanup(peer.stop)
        return peer

    def client(self, kind, port, **options):
        """A client of one of CLIENTS that has opened its session; `opened` is what it said about it."""
        options = {"url": f"ws://127.0.0.1:{port}/{kind}", "impl": kind, **options}
        argv = ["/usr/bin/python3", str(PEERS / "client_websockets.py")]
        if kind != "websockets":
            argv = [*runtime(kind), str(PEERS / "client.mjs")]
        peer = self._peer(f"client {kind}", argv, options)
        peer.opened = peer.next("open")
        return peer

    def server(self, kind="ws", **options):
        """A listening backend, "ws" or "websockets", with its `port`."""
        argv = ["/usr/bin/python3", str(PEERS / "server_websockets.py")]
        if kind == "ws":
            argv = [*runtime("node"), str(PEERS / "server.mjs")]
        peer = self._peer(f"server {kind}", argv, options)
        peer.port = peer.next("listening")["port"]
        return peer

    def http_server(self, kind):
        """A listening HTTP backend, "node" or "aiohttp", with its `port`."""
        argv = [*runtime("node"), str(PEERS / "http_server.mjs")]
        if kind == "aiohttp":
            argv = ["/usr/bin/python3", str(PEERS / "http_server_aiohttp.py")]
        peer = self._peer(f"http server {kind}", argv, {})
        peer.port = peer.next("listening")["port"]
        return peer

    def http_client(self, kind, port, requests):
        """A client that makes these requests, one after the other, and says what it got."""
        argv = [*runtime("node"), str(PEERS / "http_client.mjs")]
        if kind == "aiohttp":
            argv = ["/usr/bin/python3", str(PEERS / "http_client_aiohttp.py")]
        return self._peer(f"http client {kind}", argv, {"port": port, "requests": requests})

    def raw_backend(self, answer=raw.switch, **options):
        backend = raw.Backend(answer, **options)
        self.addCleanup(backend.close)
        return backend

    def raw_session(self, port, *args, **options):
        stream = raw.open_session(port, *args, **options)
        self.addCleanup(stream.close)
        return stream

    def raw_connection(self, port):
        stream = raw.connect(port)
        self.addCleanup(stream.close)
        return stream
