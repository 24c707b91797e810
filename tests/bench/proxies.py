"""Who is measured: one line a peer, and how each is started and ended.

A peer is one of our own programs or a Debian package with a configuration from peers/. It runs in the foreground as
a child of this process, on the given core, with its output and its files in a directory that goes away afterwards.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time

import kernel

TEMPLATES = pathlib.Path(__file__).resolve().parent / "peers"
PATIENCE = 10  # seconds to start or to end


class Fault(Exception):
    """Something that must not be left out of the table in silence."""


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    command: tuple  # {build} {port} {backend} {conf} {dir} are filled in
    template: str = ""  # a file of peers/, written out as {conf}
    version: tuple = ()  # the command that tells it
    note: str = ""


NGINX = ("nginx", "-e", "stderr", "-p", "{dir}", "-c", "{conf}")
HAPROXY = ("haproxy", "-db", "-f", "{conf}")
LIGHTTPD = ("lighttpd", "-D", "-f", "{conf}")
WSKEEP = ("{build}/wskeep", "--listen", "127.0.0.1:{port}", "--backend", "127.0.0.1:{backend}", "--set", "workers=1",
          "--set", "admin.address=127.0.0.1:0")
PIPE = ("{build}/tests/bench/pipe", "{port}", "{backend}")

REFERENCE = "pipe"  # what the others are compared with
DIRECT = Peer("direct", (), note="no proxy")
PEERS = (
    Peer(REFERENCE, (*PIPE, "64"), note="copies bytes, 64 KiB buffer"),
    Peer("pipe-256K", (*PIPE, "256"), note="the same with 256 KiB"),
    Peer("wskeep", WSKEEP, version=("{build}/wskeep", "--version"), note="1 worker, defaults"),
    Peer("nginx", NGINX, "nginx.conf", ("nginx", "-v")),
    Peer("nginx-tuned", NGINX, "nginx-tuned.conf"),
    Peer("haproxy-http", HAPROXY, "haproxy-http.cfg", ("haproxy", "-v")),
    Peer("haproxy-http-tuned", HAPROXY, "haproxy-http-tuned.cfg"),
    Peer("haproxy-tcp", HAPROXY, "haproxy-tcp.cfg"),
    Peer("haproxy-tcp-tuned", HAPROXY, "haproxy-tcp-tuned.cfg"),
    Peer("lighttpd", LIGHTTPD, "lighttpd.conf", ("lighttpd", "-v")),
    Peer("lighttpd-tuned", LIGHTTPD, "lighttpd-tuned.conf"),
)


def find(program):
    """Its path. Servers stand in sbin, which not everybody has in PATH."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        raise Fault(f"{program} isn't there: build it, or run deploy/install-packages.sh bench")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def on_cores(cores):
    """For Popen: what the child does before it becomes the program."""
    return functools.partial(os.sched_setaffinity, 0, cores)


class Running:
    """A program that listens on `port`. Ends with the `with` that it stands in."""

    def __init__(self, name, argv, port, cores, directory):
        self.name, self.port = name, port
        self._log = pathlib.Path(directory) / "log"
        # Without WSKEEP_*: to wskeep they are options.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WSKEEP_")}
        with open(self._log, "wb") as log:
            self.child = subprocess.Popen([find(argv[0]), *argv[1:]], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          cwd=directory, env=environment, preexec_fn=on_cores(cores))
        self._await_listening()

    def _await_listening(self):
        end = time.monotonic() + PATIENCE
        while True:
            if self.child.poll() is not None:
                raise Fault(f"{self.name} ended with {self.child.returncode} at its start: {self.last_words()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    self.stop()
                    raise Fault(f"{self.name} doesn't listen: {self.last_words()}") from None
                time.sleep(0.005)

    def last_words(self):
        return " | ".join(self._log.read_text(errors="replace").splitlines()[-5:]) or "it said nothing"

    def cpu_us(self):
        """Microseconds on a CPU, with all its children."""
        return self._ask(kernel.cpu_ns) / 1000

    def memory(self):
        """Bytes of anonymous memory, with all its children."""
        return self._ask(kernel.memory)

    def counting_calls(self):
        """A context that yields a list, which holds their number in the end."""
        return self._ask(lambda pid: kernel.counting_calls(pid, find("strace"), self._log.parent))

    def _ask(self, question):
        if self.child.poll() is None:
            with contextlib.suppress(OSError):  # it ends as we ask
                return question(self.child.pid)
        raise Fault(f"it has ended with {self.child.wait()}: {self.last_words()}")

    def stop(self):
        family = kernel.family(self.child.pid) if self.child.poll() is None else []
        self.child.terminate()
        try:
            self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            for pid in family:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def start(peer, build, backend_port, cores, directory):
    """The peer, listening in front of the backend. Fault when it doesn't come up."""
    directory = pathlib.Path(directory) / peer.name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    port = free_port()
    words = {"build": build, "port": port, "backend": backend_port, "dir": directory, "conf": directory / "conf",
             "user": pwd.getpwuid(os.getuid()).pw_name}
    if peer.template:
        text = re.sub(r"@(\w+)@", lambda found: str(words[found[1]]), (TEMPLATES / peer.template).read_text())
        words["conf"].write_text(text)
    return Running(peer.name, [word.format(**words) for word in peer.command], port, cores, directory)


def start_backend(build, cores, directory):
    port = free_port()
    return Running("echo_backend", [f"{build}/tests/bench/echo_backend", str(port)], port, cores, directory)


def version(peer, build):
    """The first line that its version command prints, or nothing."""
    if not peer.version:
        return ""
    argv = [word.format(build=build) for word in peer.version]
    done = subprocess.run([find(argv[0]), *argv[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    return done.stdout.splitlines()[0] if done.stdout else ""
