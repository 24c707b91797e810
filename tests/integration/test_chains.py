"""wskeep among other proxies: HAProxy and nginx before it, behind it, and both, and wskeep before wskeep.

Through each chain a client of another address than the proxies' talks to a real server: the echo of a message, the
pong of a ping, the pong of the server's ping, a clean close. Everybody on the way must have learnt who the client is.
"""

import os
import shutil
import socket
import tempfile
import unittest

import frames
import raw
from harness import IntegrationTest, Process, wait_until

CLIENT = "127.0.0.7"  # the proxies come from 127.0.0.1
TRUSTED = {"trusted_proxies": "127.0.0.1"}
REQUIRED = {**TRUSTED, "listeners.0.proxy_protocol": "require"}

HAPROXY = """
global
    nbthread 1
defaults
    mode http
    timeout connect 60s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
listen websockets
    bind 127.0.0.1:{port} {accept}
    unique-id-format chain-%pid-%rt
    option forwardfor
    server backend 127.0.0.1:{backend} {send}
"""

NGINX = """
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log stderr;
{user}
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} {accept};
        set_real_ip_from 127.0.0.1;
        real_ip_header proxy_protocol;
        location / {{
            proxy_pass http://127.0.0.1:{backend};
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto https;
        }}
    }}
}}
"""


def program(name):
    """Its path: servers stand in sbin, which not everybody has in PATH."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if path is None:
        raise AssertionError(f"{name} isn't there: run deploy/install-packages.sh test")
    return path


class Chains(IntegrationTest):
    def setUp(self):
        self.needs_wskeep()
        self.backend = self.server("ws")

    def start(self, name, template, argv, **values):
        """A proxy with a configuration of its own, listening; its port."""
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        user = "user root;" if os.getuid() == 0 else ""
        path = os.path.join(directory, "conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(template.format(port=port, directory=directory, user=user, **values))
        process = Process(name, [program(name), *argv(directory, path)])
        self.addCleanup(process.stop)

        def listens():
            if process.child.poll() is not None:
                raise AssertionError(f"{name} ended: {process.err.seen[-8:]}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(listens, f"{name} listens")
        return port

    def haproxy(self, backend, send="", accept=""):
        return self.start("haproxy", HAPROXY, lambda directory, path: ["-db", "-f", path],
                          backend=backend, send=send, accept=accept)

    def nginx(self, backend, accept=""):
        return self.start("nginx", NGINX, lambda directory, path: ["-e", "stderr", "-p", directory, "-c", path],
                          backend=backend, accept=accept)

    @staticmethod
    def frame(client):
        """The next frame but wskeep's pings, of which the first may come at any time; they are answered."""
        while (frame := client.frame()).opcode == frames.PING and len(frame.payload) == 8:
            client.send(frames.client(frames.PONG, frame.payload))
        return frame

    def talk(self, port):
        """A whole session through the chain that begins at the port. What the server was told of its client."""
        client = raw.connect(port, source=CLIENT)
        self.addCleanup(client.close)
        client.send(raw.upgrade_request("/chain"))
        self.assertEqual(client.read_head().status, 101)
        connection = self.backend.next("connection", path="/chain")
        client.send(frames.client(frames.TEXT, b"hello") + frames.client(frames.PING, b"are you there"))
        answers = {frame.opcode: frame.payload for frame in (self.frame(client), self.frame(client))}
        self.assertEqual(answers, {frames.TEXT: b"hello", frames.PONG: b"are you there"})
        self.backend.do("ping", id=connection["id"], data="and you")
        ping = self.frame(client)
        self.assertEqual((ping.opcode, ping.payload), (frames.PING, b"and you"))
        client.send(frames.client(frames.PONG, ping.payload))
        self.backend.next("pong", id=connection["id"], size=len(ping.payload))
        client.send(frames.client(frames.CLOSE, frames.close_payload(1000, b"bye")))
        self.assertEqual(client.frame_of(frames.CLOSE).payload[:2], (1000).to_bytes(2, "big"))
        self.assertEqual(client.rest(), b"")
        self.backend.next("close", id=connection["id"], code=1000)
        return connection["headers"]

    def check(self, proxy, *, port=False):
        """wskeep ended the session properly, and knew the client, with its port if that could be known."""
        ended = proxy.ended()
        host, _, number = ended["client"].partition(":")
        self.assertEqual((host, bool(number), ended["reason"]), (CLIENT, port, "client_close"), ended)
        return ended

    def test_haproxy_before(self):
        for send in ("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options unique-id,crc32c,ssl"):
            with self.subTest(send):
                proxy = self.front(self.backend.port, REQUIRED)
                headers = self.talk(self.haproxy(proxy.port, send))
                self.check(proxy, port=True)
                self.assertEqual(headers["x-forwarded-for"], CLIENT)
                self.assertEqual(headers["x-forwarded-proto"], "http")

    def test_haproxy_behind(self):
        for version in ("v1", "v2"):
            with self.subTest(version):
                proxy = self.front(self.haproxy(self.backend.port, accept="accept-proxy"),
                                   {"backend.proxy_protocol": version})
                headers = self.talk(proxy.port)
                self.check(proxy, port=True)
                self.assertEqual(headers["x-forwarded-for"], f"{CLIENT}, {CLIENT}", "each has added whom it saw")

    def test_haproxy_before_and_behind(self):
        proxy = self.front(self.haproxy(self.backend.port, accept="accept-proxy"),
                           {**REQUIRED, "backend.proxy_protocol": "v2"})
        headers = self.talk(self.haproxy(proxy.port, "send-proxy-v2"))
        self.check(proxy, port=True)
        self.assertEqual(headers["x-forwarded-for"], f"{CLIENT}, {CLIENT}")

    def test_nginx_before(self):
        proxy = self.front(self.backend.port, TRUSTED)
        headers = self.talk(self.nginx(proxy.port))
        self.check(proxy)
        self.assertEqual(headers["x-forwarded-for"], f"{CLIENT}, 127.0.0.1")
        self.assertEqual(headers["x-forwarded-proto"], "https")
        self.assertEqual(headers["host"], "example.test")
        self.assertNotIn("forwarded", headers)

    def test_nginx_that_is_not_trusted(self):
        proxy = self.front(self.backend.port)
        headers = self.talk(self.nginx(proxy.port))
        self.assertTrue(proxy.ended()["client"].startswith("127.0.0.1:"))
        self.assertEqual(headers["x-forwarded-for"], "127.0.0.1")

    def test_nginx_behind(self):
        proxy = self.front(self.nginx(self.backend.port, accept="proxy_protocol"), {"backend.proxy_protocol": "v2"})
        headers = self.talk(proxy.port)
        self.check(proxy, port=True)
        self.assertEqual(headers["x-forwarded-for"], f"{CLIENT}, {CLIENT}")

    def test_wskeep_before_wskeep(self):
        """By forwarding fields, and by PROXY headers, through which also the session's id passes."""
        inner = self.front(self.backend.port, TRUSTED)
        headers = self.talk(self.front(inner.port).port)
        self.check(inner)
        self.assertEqual(headers["x-forwarded-for"], f"{CLIENT}, 127.0.0.1")
        self.assertEqual(headers["forwarded"], f"for={CLIENT};host=example.test;proto=http, "
                                               "for=127.0.0.1;host=example.test;proto=http")
        for version in ("v1", "v2"):
            with self.subTest(version):
                inner = self.front(self.backend.port, REQUIRED)
                outer = self.front(inner.port, {"backend.proxy_protocol": version})
                headers = self.talk(outer.port)
                self.assertEqual(self.check(outer, port=True)["client"], self.check(inner, port=True)["client"])
                self.assertEqual(headers["x-forwarded-for"], CLIENT)


if __name__ == "__main__":
    unittest.main()
