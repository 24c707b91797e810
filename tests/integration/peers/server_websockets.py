"""An echoing backend with Python's websockets. Options: deflate. Its own keepalive is off."""

import asyncio

import websockets
from lines import OPTIONS, describe, obey, reports_pings, say
from websockets.legacy.server import WebSocketServerProtocol

sockets = []


async def serve(socket):
    number = len(sockets)
    sockets.append(socket)
    say("connection", id=number, path=socket.path, extensions=[extension.name for extension in socket.extensions])
    try:
        async for message in socket:
            say("message", id=number, **describe(message))
            await socket.send(message)
    except websockets.ConnectionClosed:
        pass
    say("close", id=number, code=socket.close_code, reason=socket.close_reason)


async def close(id, code=1000, reason=""):
    await sockets[id].close(code, reason)


async def main():
    server = await websockets.serve(
        serve, "127.0.0.1", 0, create_protocol=reports_pings(WebSocketServerProtocol), max_size=None,
        max_queue=None, ping_interval=None, compression="deflate" if OPTIONS.get("deflate") else None)
    say("listening", port=server.sockets[0].getsockname()[1])
    await obey({"close": close})


asyncio.run(main())
