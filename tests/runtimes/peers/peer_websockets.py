"""Python's websockets, as client and as server. Its heartbeat is its own ping_interval and ping_timeout."""

import asyncio

import websockets
from contract import HEARTBEAT, OWN, PYTHON, ROLE, TARGET, listening, obey, until_end

VERSION = f"websockets {websockets.__version__}, {PYTHON}"
KEEPALIVE = {"ping_interval": 1 if HEARTBEAT else None, "ping_timeout": 1}


async def serve(socket):
    async def report(pong):
        await pong
        await socket.send("pong")

    async def ping():
        asyncio.create_task(report(await socket.ping(OWN)))

    async for message in socket:
        await obey(message, VERSION, socket.send, ping)


async def main():
    if ROLE == "client":
        async with websockets.connect(TARGET, **KEEPALIVE) as socket:
            await asyncio.gather(serve(socket), until_end())
    async with websockets.serve(serve, "127.0.0.1", 0, **KEEPALIVE) as server:
        listening(server.sockets[0].getsockname()[1])
        await until_end()


asyncio.run(main())
