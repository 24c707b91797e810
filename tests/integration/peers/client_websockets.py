"""A WebSocket client with Python's websockets. Options: url, deflate. Its own keepalive is off."""

import asyncio

import websockets
from lines import OPTIONS, Parts, describe, obey, payload, reports_pings, say
from websockets.legacy.client import WebSocketClientProtocol

expected = []
under_way = []  # messages in parts
sending = []  # their tasks, which nobody else would keep


async def listen(socket):
    try:
        async for message in socket:
            say("message", equal=bool(expected) and message == expected.pop(0), **describe(message))
    except websockets.ConnectionClosed:
        pass
    say("close", code=socket.close_code, reason=socket.close_reason)


async def main():
    socket = await websockets.connect(
        OPTIONS["url"], create_protocol=reports_pings(WebSocketClientProtocol), max_size=None, max_queue=None,
        ping_interval=None, compression="deflate" if OPTIONS.get("deflate") else None)
    say("open", protocol=socket.subprotocol, extensions=[extension.name for extension in socket.extensions])
    listening = asyncio.create_task(listen(socket))

    async def send(size, binary):
        message = payload(size, binary)
        expected.append(message)
        say("sent", **describe(message))
        await socket.send(message)

    async def begin(size, binary, parts):
        message = payload(size, binary)
        expected.append(message)
        say("sent", **describe(message))
        under_way.append(Parts(message, parts))
        sending.append(asyncio.create_task(socket.send(under_way[-1])))

    async def fragment():
        under_way[-1].fragment()

    async def close(code=1000, reason=""):
        await socket.close(code, reason)

    await obey({"send": send, "begin": begin, "fragment": fragment, "close": close})
    await listening


asyncio.run(main())
