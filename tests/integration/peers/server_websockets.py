"""An echoing backend with Python's websockets. Options: deflate. Its own keepalive is off."""

import asyncio

import websockets
from lines import OPTIONS, Parts, describe, obey, payload, reports_pings, say
from websockets.legacy.server import WebSocketServerProtocol

sockets = []
under_way = []  # messages in parts
sending = []  # their tasks, which nobody else would keep


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


async def begin(id, size, binary, parts):
    message = payload(size, binary)
    say("sent", id=id, **describe(message))
    under_way.append(Parts(message, parts, id=id))
    sending.append(asyncio.create_task(sockets[id].send(under_way[-1])))


async def fragment(id):
    under_way[-1].fragment()


async def close(id, code=1000, reason=""):
    await sockets[id].close(code, reason)


async def main():
    server = await websockets.serve(
        serve, "127.0.0.1", 0, create_protocol=reports_pings(WebSocketServerProtocol), max_size=None,
        max_queue=None, ping_interval=None, compression="deflate" if OPTIONS.get("deflate") else None)
    say("listening", port=server.sockets[0].getsockname()[1])
    await obey({"begin": begin, "fragment": fragment, "close": close})


asyncio.run(main())
