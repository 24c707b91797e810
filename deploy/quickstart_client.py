"""The client of quickstart.sh: talks through wskeep, and shows what passes and what wskeep measures.

usage: quickstart_client.py WEBSOCKET_URL METRICS_URL once|forever
"""

import asyncio
import logging
import sys
import time
import urllib.request

import websockets

SHOWN = ("wskeep_connection_", "wskeep_pings_sent_total", "wskeep_pongs_received_total", "wskeep_frames_total",
         "wskeep_pong_latency_seconds_count", "wskeep_pong_latency_seconds_sum")
BEATS_WANTED = 3


class Beats(logging.Handler):
    """Counts the pings that arrive, from what the library logs about its frames."""

    def __init__(self):
        super().__init__()
        self.count = 0
        self.came = asyncio.Event()

    def emit(self, record):
        text = record.getMessage()
        if text.startswith("< PING"):
            self.count += 1
            print(f"   ping {self.count} from wskeep, answered by the library", flush=True)
            self.came.set()


def metrics(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode().splitlines()


def latency(lines):
    for line in lines:
        if line.startswith("wskeep_connection_pong_latency_seconds{"):
            return f"{float(line.split()[-1]) * 1000:.3f} ms"
    return "not known yet"


def show_part(lines, metrics_url):
    print(f"== a part of {metrics_url}")
    for line in lines:
        if line.startswith(SHOWN) and not line.endswith(" 0"):
            print(line, flush=True)


async def show(url, metrics_url, forever):
    beats = Beats()
    log = logging.getLogger("websockets.client")
    log.setLevel(logging.DEBUG)
    log.addHandler(beats)
    log.propagate = False
    loop = asyncio.get_running_loop()
    # Its own pings off: those on the wire are wskeep's.
    async with websockets.connect(url, ping_interval=None) as socket:
        number = 0
        shown = False
        while forever or not shown:
            number += 1
            text = f"hello {number}"
            sent = time.monotonic()
            await socket.send(text)
            echo = await socket.recv()
            if echo != text:
                raise SystemExit(f"sent {text!r}, got {echo!r}")
            print(f"sent {text!r}, echoed after {(time.monotonic() - sent) * 1000:.3f} ms", flush=True)
            beats.came.clear()
            await asyncio.wait_for(beats.came.wait(), 10)
            lines = await loop.run_in_executor(None, metrics, metrics_url)
            print(f"   wskeep's pong latency: {latency(lines)}", flush=True)
            if not shown and beats.count >= BEATS_WANTED:
                show_part(lines, metrics_url)
                shown = True
                if forever:
                    print("== and so on, until Ctrl-C", flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(show(sys.argv[1], sys.argv[2], sys.argv[3] == "forever"))
    except KeyboardInterrupt:
        pass
