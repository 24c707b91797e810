"""aiohttp, as client and as server. Its heartbeat is `heartbeat`, in seconds, half of which a pong may take.

With autoping, the default, it answers pings itself and shows the application neither pings nor pongs.
"""

import asyncio

import aiohttp
from aiohttp import web
from contract import HEARTBEAT, OWN, PYTHON, ROLE, TARGET, listening, obey, until_end

VERSION = f"aiohttp {aiohttp.__version__}, {PYTHON}"


async def serve(socket):
    async def ping():
        await socket.ping(OWN)
        await socket.send_str("ping sent")

    async for message in socket:
        if message.type == aiohttp.WSMsgType.TEXT:
            await obey(message.data, VERSION, socket.send_str, ping)


async def accept(request):
    socket = web.WebSocketResponse(heartbeat=2 if HEARTBEAT else None)
    await socket.prepare(request)
    await serve(socket)
    return socket


async def main():
    if ROLE == "client":
        async with aiohttp.ClientSession() as session, session.ws_connect(TARGET) as socket:
            await asyncio.gather(serve(socket), until_end())
    application = web.Application()
    application.router.add_get("/{path:.*}", accept)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    listening(runner.addresses[0][1])
    await until_end()


asyncio.run(main())
