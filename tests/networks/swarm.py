"""Many clients of Python's websockets, each a process with an address of its own, cheaply: by forking.

    swarm.py URL PREFIX FIRST COUNT     from PREFIX.FIRST on

Each client says {"event": "open"} with its pid and address, echoes nothing, answers pings as websockets does, and
says {"event": "close"} with the code when its session ends. They die with this process.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys

import websockets
import websockets.legacy.client  # noqa: F401  loaded on first use otherwise, once in every client

URL, PREFIX, FIRST, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
PR_SET_PDEATHSIG = 1


def say(event, **fields):
    os.write(1, json.dumps({"event": event, **fields}).encode() + b"\n")  # one write: lines don't mix


async def live(address):
    socket = await websockets.connect(URL, ping_interval=None, compression=None, local_addr=(address, 0),
                                      open_timeout=None)
    say("open", pid=os.getpid(), address=address)
    await socket.wait_closed()
    say("close", address=address, code=socket.close_code)


def main():
    parent = os.getpid()
    for number in range(FIRST, FIRST + COUNT):
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == parent:
                asyncio.run(live(f"{PREFIX}.{number}"))
            os._exit(0)
    sys.stdin.read()


main()
