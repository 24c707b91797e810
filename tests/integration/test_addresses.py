"""Where wskeep listens and connects: unix sockets, both families of IP, and sockets that a service manager passes."""

import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

import frames
import harness
import raw
from harness import BINARY, DEADLINE, IntegrationTest
from test_program import NO_PINGS, run

QUIET = {**NO_PINGS, "relay.close_timeout": "100ms"}


class AddressTest(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def unix(self, name):
        return f"unix:{self.directory / name}"

    def check_echo(self, client, server, payload=b"hello"):
        """A message each way."""
        client.send(frames.client(frames.BINARY, payload))
        self.assertEqual(server.frame().payload, payload)
        server.send(frames.build(frames.BINARY, payload))
        self.assertEqual(client.frame().payload, payload)


class Unix(AddressTest):
    def test_both_sides(self):
        for name, listen, behind in (("files", self.unix("front"), self.unix("back")),
                                     ("abstract", f"unix:@front-{os.getpid()}", f"unix:@back-{os.getpid()}")):
            with self.subTest(name):
                backend = self.raw_backend(port=behind)
                proxy = self.front(backend.port, QUIET, listen=[listen])
                self.assertEqual(proxy.port, listen)
                client = self.raw_session(proxy.port)
                server = backend.accept()
                for size in (0, 5, 70_000, 300_000):
                    self.check_echo(client, server, b"x" * size)
                client.send(frames.client(frames.CLOSE, frames.close_payload(1000)))
                self.assertEqual(server.frame().code, 1000)
                server.send(frames.build(frames.CLOSE, frames.close_payload(1000)))
                server.finish()
                self.assertEqual(client.frame().code, 1000)
                record = proxy.ended()
                self.assertEqual((record["client"], record["reason"]), ("unix:", "client_close"))

    def test_many_large_messages_to_a_slow_reader(self):
        """Backpressure, and the way past user space, over unix sockets."""
        backend = self.raw_backend(port=self.unix("back"))
        proxy = self.front(backend.port, QUIET, listen=[self.unix("front")])
        client = self.raw_session(proxy.port)
        server = backend.accept()
        payload = bytes(range(256)) * 4096
        sender = harness.threading.Thread(
            target=lambda: [server.send(frames.build(frames.BINARY, payload)) for _ in range(8)])
        sender.start()
        self.addCleanup(sender.join)
        for _ in range(8):
            self.assertEqual(client.frame().payload, payload)

    def test_dead_client(self):
        """Without TCP to ask, silence is silence."""
        backend = self.raw_backend()
        proxy = self.front(backend.port, {"keepalive.client.policy": "strict", "keepalive.backend.policy": "off",
                                          "keepalive.client.ping_interval": "100ms",
                                          "keepalive.client.pong_timeout": "200ms",
                                          "relay.close_timeout": "100ms"}, listen=[self.unix("front")])
        client = self.raw_session(proxy.port)
        backend.accept()
        close = client.frame_of(frames.CLOSE)
        self.assertEqual((close.code, close.payload[2:]), (1011, b"keepalive ping timeout"))
        self.assertEqual(proxy.ended()["reason"], "keepalive_timeout")

    def test_file_comes_and_goes(self):
        backend = self.raw_backend()
        path = self.directory / "front"
        proxy = harness.Wskeep(backend.port, QUIET, listen=[self.unix("front")])
        self.addCleanup(proxy.stop)
        self.assertTrue(path.is_socket())
        done = run("--listen", self.unix("front"), "--set", "admin.address=off")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"listen on unix:{path}: Address already in use", done.stderr)
        self.raw_session(proxy.port)  # it is still there
        proxy.stop()
        self.assertTrue(path.is_socket(), "it had no time to remove it")
        successor = harness.Wskeep(backend.port, QUIET, listen=[self.unix("front")])
        self.addCleanup(successor.stop)
        self.raw_session(successor.port).close()
        successor.finish()
        self.assertFalse(path.exists())

    def test_file_that_is_no_socket(self):
        path = self.directory / "precious"
        path.write_text("data")
        done = run("--listen", f"unix:{path}", "--set", "admin.address=off")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"listen on unix:{path}: Address already in use", done.stderr)
        self.assertEqual(path.read_text(), "data")

    def test_admin(self):
        proxy = self.front(self.raw_backend().port, {**QUIET, "admin.address": self.unix("admin")})
        connection = http.client.HTTPConnection("admin")
        connection.sock = raw.connect(proxy.admin_port).sock
        self.addCleanup(connection.close)
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.read()), (200, b"ok\n"))
        self.assertTrue((self.directory / "admin").is_socket())


class Families(AddressTest):
    def test_one_socket_for_both(self):
        """[::] takes IPv4 clients too, and shows their addresses as IPv4."""
        backend = self.raw_backend()
        proxy = self.front(backend.port, QUIET, listen=["[::]:0"])
        for host, shown in (("127.0.0.1", "127.0.0.1"), ("::1", "::1")):
            self.raw_session(proxy.port, host=host)
            self.assertEqual(backend.accept().head.get("x-forwarded-for"), shown)

    def test_a_socket_for_each(self):
        """The same port on 0.0.0.0 and on [::] is no conflict."""
        backend = self.raw_backend()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        for order in (["0.0.0.0", "[::]"], ["[::]", "0.0.0.0"]):
            proxy = self.front(backend.port, QUIET, listen=[f"{host}:{port}" for host in order])
            for host in ("127.0.0.1", "::1"):
                self.raw_session(port, host=host)
                backend.accept()
            proxy.signal(signal.SIGTERM)
            self.assertEqual(proxy.wait_exit(), 0)

    def test_ipv6_backend(self):
        backend = self.raw_backend(host="::1")
        proxy = self.front(backend.port, QUIET, backend_host="[::1]")
        self.check_echo(self.raw_session(proxy.port), backend.accept())


class Later(AddressTest):
    """Backends that aren't there yet, or not where one looks first."""

    def test_backend_that_starts_later(self):
        for name, address in (("unix", self.unix("later")), ("tcp", raw.closed_port())):
            with self.subTest(name):
                proxy = self.front(address, QUIET)
                client = self.raw_connection(proxy.port)
                client.send(raw.upgrade_request())
                proxy.wait_metric("wskeep_connections_open", state="handshake")
                backend = self.raw_backend(port=address)
                self.assertEqual(client.read_head().status, 101)
                self.check_echo(client, backend.accept())

    def test_all_addresses_of_a_name(self):
        """Whichever of localhost's addresses the backend has."""
        for host in sorted({entry[4][0] for entry in socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)}):
            with self.subTest(host):
                backend = self.raw_backend(host=host)
                proxy = self.front(backend.port, QUIET, backend_host="localhost")
                proxy.log("backend resolved")
                for _ in range(3):
                    self.raw_session(proxy.port)
                    backend.accept()

    def test_name_that_does_not_resolve(self):
        """It is no reason not to start: the name may come later."""
        proxy = self.front("backend.invalid:80", {**QUIET, "backend.connect_timeout": "300ms"})
        self.assertIn("backend.invalid:80: ", proxy.log("backend not resolved")["why"])
        self.assertEqual(proxy.get("/readyz")[0], 200)
        client = self.raw_connection(proxy.port)
        client.send(raw.upgrade_request())
        self.assertEqual(client.read_head().status, 502)
        record = proxy.log("handshake failed")
        self.assertEqual(record["reason"], "backend unreachable: its name is not resolved")


class Passed(AddressTest):
    """Sockets that come from outside, as systemd passes them."""

    # Behaves as systemd: descriptors from 3 on, and variables that name the process.
    LAUNCHER = ("import os, sys; fds = [int(fd) for fd in sys.argv[1].split(',')]; "
                "high = [os.dup(fd) + 0 if fd > 60 else os.dup2(fd, 60 + i) for i, fd in enumerate(fds)]; "
                "[os.dup2(fd, 3 + i) for i, fd in enumerate(high)]; "
                "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds))); "
                "names = sys.argv[2]; names == '-' or os.environ.update(LISTEN_FDNAMES=names); "
                "os.execv(sys.argv[3], sys.argv[3:])")

    def launcher(self, sockets, names):
        return [sys.executable, "-c", self.LAUNCHER, ",".join(str(each.fileno()) for each in sockets), names]

    def listener(self, family=socket.AF_INET):
        listener = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        if family == socket.AF_UNIX:
            listener.bind(str(self.directory / "passed"))
        else:
            listener.bind(("127.0.0.1", 0))
        listener.listen()
        return listener

    def front_with(self, backend, sockets, names, listen, settings=None):
        return self.front(backend.port, {**QUIET, **(settings or {})}, listen=listen,
                          launcher=self.launcher(sockets, names), pass_fds=[each.fileno() for each in sockets])

    def test_by_name(self):
        backend = self.raw_backend()
        web, unix, admin, spare = self.listener(), self.listener(socket.AF_UNIX), self.listener(), self.listener()
        proxy = self.front_with(backend, [web, admin, unix, spare], "web:admin:web:spare", ["systemd:web"],
                                {"admin.address": "systemd:admin"})
        self.assertEqual(proxy.admin_port, admin.getsockname()[1])
        self.assertEqual(proxy.get("/readyz")[0], 200)
        for port in (web.getsockname()[1], f"unix:{self.directory / 'passed'}"):
            self.check_echo(self.raw_session(port), backend.accept())
        self.assertEqual(proxy.log("descriptors passed for nobody")["names"], "spare")
        self.assertTrue((self.directory / "passed").is_socket(), "who made it removes it")

    def test_without_names(self):
        backend = self.raw_backend()
        for names in ("-", "unknown", ""):
            with self.subTest(names):
                web = self.listener()
                self.front_with(backend, [web], names, ["systemd:"])
                self.check_echo(self.raw_session(web.getsockname()[1]), backend.accept())

    def test_faults(self):
        connected = socket.socketpair()[0]
        self.addCleanup(connected.close)
        for sockets, names, listen, fault in (
                ([self.listener()], "web", "systemd:wbe",
                 "systemd:wbe: no descriptor of that name was passed; there were: web"),
                ([self.listener()], "-", "systemd:web",
                 "systemd:web: no descriptor of that name was passed; there were: one without a name"),
                ([connected], "web", "systemd:web", "systemd:web: descriptor 3 does not listen"),
                ([self.listener()], "a:b", "systemd:a", "LISTEN_FDNAMES has 2 names, but LISTEN_FDS says 1")):
            with self.subTest(fault):
                done = subprocess.run(
                    [*self.launcher(sockets, names), BINARY, "--listen", listen, "--set", "admin.address=off"],
                    capture_output=True, text=True, timeout=DEADLINE, check=False, env={"PATH": os.environ["PATH"]},
                    pass_fds=[each.fileno() for each in sockets])
                self.assertEqual(done.returncode, 1)
                self.assertIn(fault, done.stderr)
        done = run("--listen", "systemd:web", "--set", "admin.address=off")
        self.assertIn("systemd:web: no descriptor of that name was passed; there was none at all", done.stderr)

    @unittest.skipUnless(shutil.which("systemd-socket-activate"), "systemd-socket-activate is not installed")
    def test_systemd(self):
        """The real one: it starts wskeep when the first client comes."""
        backend = self.raw_backend()
        path = self.directory / "activated"
        activate = ["systemd-socket-activate", "-l", str(path), "--fdname=web", BINARY, "--listen",
                    "systemd:web", "--backend", f"127.0.0.1:{backend.port}", "--set", "admin.address=off"]
        program = harness.Process("activated wskeep", activate)
        self.addCleanup(program.stop)
        harness.wait_until(path.is_socket, "systemd-socket-activate listens")
        self.check_echo(self.raw_session(f"unix:{path}"), backend.accept())


if __name__ == "__main__":
    unittest.main()
