"""What the Python peers share; the contract is told in ../run.py."""

import asyncio
import json
import os
import platform
import sys

ROLE, TARGET = sys.argv[1:3]
HEARTBEAT = TARGET == "heartbeat"
OWN = b"own"
FLOOD = 16 << 20  # bytes
PYTHON = f"Python {platform.python_version()}"


def listening(port):
    print(json.dumps({"event": "listening", "port": port}), flush=True)


async def obey(text, version, send, ping):
    """Obeys one message. `ping` sends a ping with the payload OWN."""
    if text == "ping":
        await ping()
    else:
        await send({"version": version, "flood": "x" * FLOOD}.get(text, text))


async def until_end():
    """Returns when standard input ends."""
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)
