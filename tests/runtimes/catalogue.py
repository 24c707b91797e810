"""The runtimes: how each is started, and how the matrix is shown."""

import json
import os
import pathlib

import harness

HERE = pathlib.Path(__file__).resolve().parent
PEERS = HERE / "peers"
BUILT = pathlib.Path(os.environ.get("RUNTIMES_BUILT") or HERE.parents[1] / "build/dev/tests/runtimes/peers")
EXPECTED = HERE / "expected.json"
ENVIRONMENT = {"RUNTIMES_NODE_MODULES": str(harness.MODULES), "DENO_NO_UPDATE_CHECK": "1", "DO_NOT_TRACK": "1",
               "PYTHONDONTWRITEBYTECODE": "1"}


def _script(runtime, name):
    return [*harness.runtime(runtime), str(PEERS / name)]


def _python(name):
    return ["/usr/bin/python3", str(PEERS / name)]


def _java(name):
    classes = f"{BUILT}:{os.environ.get('RUNTIMES_CLASSPATH', '')}"
    return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classes, name]


def _command(key):
    if key in ("ws", "undici", "chromium"):
        return _script("node", f"{key}.mjs")
    if key in ("bun", "deno"):
        return _script(key, f"{key}.mjs")
    if key in ("websockets", "aiohttp", "tornado"):
        return _python(f"peer_{key}.py")
    if key in ("jdk", "jetty"):
        return _java(f"{key.capitalize()}Peer")
    return [str(BUILT / key)]


def client(key, url):
    if key == "gorilla_silent":
        return [*_command("gorilla"), "silent", url]
    return [*_command(key), "client", url]


def server(key, heartbeat):
    return [*_command(key), "server", "heartbeat" if heartbeat else "plain"]


def expected():
    return json.loads(EXPECTED.read_text())


HEAD = """\
| runtime | as client: pings | two at once | its own pings | as server: pings | two at once | its own pings | its heartbeat |
|---|---|---|---|---|---|---|---|
"""


def _half(found):
    """The cells of one role; `–` for what it has not, or what wasn't measured."""
    at_once, sending = found.get("two_at_once", "–"), found.get("two_while_sending", "–")
    both = at_once if at_once == sending else f"{at_once}; {sending} while it sends"
    return [found.get("pongs", "–"), both, found.get("own_pings", "–")]


def table(rows):
    """The matrix in Markdown, one line a runtime."""
    lines = []
    for row in rows.values():
        server = row.get("server", {})
        cells = [row["name"], *_half(row.get("client", {})), *_half(server), server.get("heartbeat", "–")]
        lines.append(f"| {' | '.join(cells)} |\n")
    return HEAD + "".join(lines)
