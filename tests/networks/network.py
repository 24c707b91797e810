"""Networks that a test makes for itself: namespaces, and cables (link.cc) that it slows, chokes or pulls.

A namespace is held by a process that ends with its standard input, a cable is a process that does the same, and
what runs inside dies with the test: nothing is left behind, however a test ends. Nothing has a name, so runs
can't meet either.

    far (clients)  10.77.0.2 ======= cable a>b: far to near ======= 10.77.0.1  near (wskeep and its backend)
"""

import contextlib
import ctypes
import datetime
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import harness  # noqa: E402
import raw  # noqa: E402
from raw import DEADLINE  # noqa: E402

BUILD = pathlib.Path(harness.BINARY).parent
LINK = os.environ.get("WSKEEP_LINK") or str(BUILD / "tests" / "networks" / "network_link")
ECHO = os.environ.get("WSKEEP_ECHO") or str(BUILD / "tests" / "bench" / "echo_backend")
NEAR, FAR = "10.77.0.1", "10.77.0.2"
MORE = "10.77.1"  # more addresses at the far end: MORE.1 to MORE.254

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def impossible():
    """Why no network can be made here; None if one can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "iptables", "ss", "nsenter", "setpriv", "unshare"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    made = subprocess.run(["unshare", "--net", "ip", "tuntap", "add", "mode", "tun"], capture_output=True, text=True)
    return None if made.returncode == 0 else f"no namespace with a TUN device: {made.stderr.strip()}"


def _enter(descriptor):
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    """A network of its own, with a loopback."""

    def __init__(self, name):
        self.name = name
        self._holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            if self._holder.stdout.readline() != b"up\n":
                raise AssertionError(f"no namespace for {name}")
            self.path = f"/proc/{self._holder.pid}/ns/net"
            self._descriptor = os.open(self.path, os.O_RDONLY)
        except BaseException:
            self._end_holder()
            raise
        # What runs inside does not outlive the thread that started it: start processes in the main thread.
        self.launcher = ("nsenter", f"--net={self.path}", "setpriv", "--pdeathsig", "KILL")

    def _end_holder(self):
        self._holder.stdin.close()
        self._holder.stdout.close()
        self._holder.wait(DEADLINE)

    def run(self, *argv):
        done = subprocess.run([*self.launcher, *argv], capture_output=True, text=True, timeout=DEADLINE)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(argv)} in {self.name}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    @contextlib.contextmanager
    def entered(self):
        """This thread is inside; its sockets stay there for their lives."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _enter(self._descriptor)
            yield
        finally:
            _enter(home)
            os.close(home)

    def stop(self):
        os.close(self._descriptor)
        self._end_holder()


class Cable(harness.Process):
    """Joins two namespaces; link.cc tells what it obeys. `a_address` and `b_address` are in one /16."""

    def __init__(self, a, b, a_address, b_address, seed=1):
        if not os.access(LINK, os.X_OK):
            raise AssertionError(f"no program at {LINK}; build it or set WSKEEP_LINK")
        device = "tun" + a_address.split(".")[1]  # an end may hold several cables
        super().__init__("cable", ["setpriv", "--pdeathsig", "KILL", LINK, a.path, device, b.path, device, str(seed)])
        try:
            self.out.take(text="ready")
            for space, address in ((a, a_address), (b, b_address)):
                space.run("ip", "address", "add", f"{address}/16", "dev", device)
                space.run("ip", "link", "set", device, "up")
        except BaseException:
            super().stop()
            raise

    def tell(self, command):
        """Returns when it is in force, with what the cable has counted if it was asked."""
        self.child.stdin.write(command.encode() + b"\n")
        self.child.stdin.flush()
        answer = self.out.take()["text"]
        if not answer.startswith("ok"):
            raise AssertionError(f"{command}: {answer}")
        return answer[3:]


class Wskeep(harness.Wskeep):
    """wskeep inside a namespace; the admin server is reached from there too."""

    def __init__(self, space, backend_port, settings, **options):
        self._space = space
        super().__init__(backend_port, settings, launcher=space.launcher, **options)

    def get(self, path):
        with self._space.entered():
            return super().get(path)


def moment(record):
    """When a log line was written, comparable with time.time()."""
    return datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00")).timestamp()


class NetworkTest(harness.IntegrationTest):
    """Builds networks that end with the test, and peers in them."""

    def setUp(self):
        if reason := impossible():
            self.skipTest(reason)

    def namespace(self, name):
        space = Namespace(name)
        self.addCleanup(space.stop)
        return space

    def lay_cable(self, *args, **options):
        cable = Cable(*args, **options)
        self.addCleanup(cable.stop)
        return cable

    def lay_network(self, seed=1):
        """self.far, self.near, and self.cable between them: a>b is from far to near."""
        self.far, self.near = self.namespace("far"), self.namespace("near")
        self.cable = self.lay_cable(self.far, self.near, FAR, NEAR, seed=seed)
        self.far.run("ip", "route", "add", "local", f"{MORE}.0/24", "dev", "lo")

    def echo(self, space=None):
        """A listening echo server (tests/bench) with its `port`, on the loopback of a namespace."""
        backend = harness.Process("echo", [*(space or self.near).launcher, ECHO])
        self.addCleanup(backend.stop)
        backend.port = int(backend.out.take()["text"].rpartition(":")[2])
        return backend

    def wskeep(self, settings=None, *, backend_port=None, backend_host="127.0.0.1"):
        """wskeep at the near end, by default in front of an echo server; pings without jitter."""
        settings = {"keepalive.client.jitter": "0%", "workers": "1", **(settings or {})}
        program = Wskeep(self.near, backend_port or self.echo().port, settings, host=NEAR, backend_host=backend_host)
        self.addCleanup(program.finish)
        return program

    def connect(self, port, *, address=FAR, receive_buffer=None):
        """A connection from the far end to wskeep."""
        with self.far.entered():
            sock = socket.socket()
        self.addCleanup(sock.close)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(DEADLINE)
        sock.bind((address, 0))
        sock.connect((NEAR, port))
        return raw.Stream(sock)

    def session(self, port, **options):
        """A raw client whose handshake is done."""
        stream = self.connect(port, **options)
        stream.send(raw.upgrade_request())
        self.assertEqual(stream.read_head().status, 101)
        return stream

    def real_client(self, kind, port, **options):
        """A client of node's ws ("ws") or python's websockets at the far end, open."""
        argv = ["/usr/bin/python3", str(harness.PEERS / "client_websockets.py")]
        if kind == "ws":
            argv = [*harness.runtime("node"), str(harness.PEERS / "client.mjs")]
        options = {"url": f"ws://{NEAR}:{port}/{kind}", "impl": kind, **options}
        peer = self._peer(f"client {kind}", [*self.far.launcher, *argv], options)
        peer.opened = peer.next("open")
        return peer

    def swarm(self, port, size, first=1):
        """`size` clients (swarm.py), each a process with an address of its own, all open."""
        swarm = Swarm(self.far, port, size, first)
        self.addCleanup(swarm.stop)
        return swarm


class Swarm(harness.Process):
    """Clients by their address; each is {"pid": ..., "address": ...}."""

    def __init__(self, space, port, size, first):
        super().__init__("swarm", [*space.launcher, "/usr/bin/python3", str(HERE / "swarm.py"),
                                   f"ws://{NEAR}:{port}/", MORE, str(first), str(size)])
        try:
            opened = [self.out.take(event="open") for _ in range(size)]
        except BaseException:
            self.stop()
            raise
        self.clients = {client["address"]: client for client in opened}


def stopped(pid):
    """Whether a process has stopped: a signal takes its time."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def stop_process(pid):
    os.kill(pid, signal.SIGSTOP)
    harness.wait_until(lambda: stopped(pid), f"process {pid} stops")
    return time.time()
