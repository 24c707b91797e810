"""What the Python peers share: JSON lines in and out, payloads, and legacy protocol classes that report pings."""

import asyncio
import hashlib
import json
import os
import random
import sys

OPTIONS = json.loads(sys.argv[1])


def say(event, **fields):
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def payload(size, binary):
    """`size` random bytes; as text, a string that long in UTF-8."""
    if binary:
        return os.urandom(size)
    text = "".join(random.choices("aZ0 \n\"ßЖ€語𝄞🙂", k=size // 4))
    return text + "x" * (size - len(text.encode()))


def describe(message):
    data = message.encode() if isinstance(message, str) else message
    return {"binary": not isinstance(message, str), "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def reports_pings(protocol):
    """A protocol class that says when it answers a ping."""

    class Reporting(protocol):
        async def pong(self, data=b""):
            say("ping", size=len(data))
            await super().pong(data)

    return Reporting


class Parts:
    """A message in parts, one for each `fragment` command, as `send` takes it. websockets ends it with an empty frame."""

    def __init__(self, message, parts, **who):
        step = -(-len(message) // parts)
        self._parts = [message[i : i + step] for i in range(0, len(message), step)]
        self._wanted = asyncio.Semaphore(0)
        self._who = who

    def fragment(self):
        self._wanted.release()

    async def __aiter__(self):
        for number, part in enumerate(self._parts, start=1):
            await self._wanted.acquire()
            yield part
            say("fragment", fin=number == len(self._parts), **self._who)  # asked on: that one was sent


async def obey(commands):
    """Runs commands until standard input ends."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        fields = json.loads(line)
        await commands[fields.pop("do")](**fields)
    os._exit(0)
