"""Tornado, as client and as server. Its heartbeat is websocket_ping_interval and websocket_ping_timeout."""

import asyncio

import tornado
from contract import HEARTBEAT, OWN, PYTHON, ROLE, TARGET, listening, obey, until_end
from tornado import netutil, web
from tornado.httpserver import HTTPServer
from tornado.websocket import WebSocketHandler, websocket_connect

VERSION = f"Tornado {tornado.version}, {PYTHON}"


async def answer(socket, text):
    async def ping():
        socket.ping(OWN)

    await obey(text, VERSION, socket.write_message, ping)


def report(socket, data):
    if data == OWN:
        socket.write_message("pong")


class Handler(WebSocketHandler):
    async def on_message(self, message):
        await answer(self, message)

    def on_pong(self, data):
        report(self, data)


async def client():
    socket = await websocket_connect(TARGET)
    socket.on_pong = lambda data: report(socket, data)
    while (text := await socket.read_message()) is not None:
        await answer(socket, text)


async def main():
    if ROLE == "client":
        await asyncio.gather(client(), until_end())
    keepalive = {"websocket_ping_interval": 1, "websocket_ping_timeout": 2} if HEARTBEAT else {}
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    HTTPServer(web.Application([(r"/.*", Handler)], **keepalive)).add_sockets(sockets)
    listening(sockets[0].getsockname()[1])
    await until_end()


asyncio.run(main())
