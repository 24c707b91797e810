"""An HTTP client with Python's aiohttp: one request after the other on one connection. Options: port, requests."""

import asyncio
import hashlib

import aiohttp
from lines import OPTIONS, say


async def stream(size):
    """A body of unknown length, which aiohttp sends in chunks."""
    for at in range(0, size, 65536):
        yield b"b" * min(65536, size - at)


async def perform(session, method, path, headers=None, body=0, chunked=False, expect=False, **_):
    reused = []
    data = stream(body) if chunked else b"b" * body if body or method == "POST" else None
    async with session.request(method, path, headers=headers, data=data, expect100=expect, allow_redirects=False,
                               trace_request_ctx=reused) as answer:
        content = await answer.read()
        say("answer", status=answer.status, reason=answer.reason, size=len(content),
            headers=[part.decode("latin-1") for pair in answer.raw_headers for part in pair],
            sha256=hashlib.sha256(content).hexdigest(), reused=bool(reused), whole=True)


async def main():
    trace = aiohttp.TraceConfig()

    async def note(session, context, parameters):
        context.trace_request_ctx.append(True)

    trace.on_connection_reuseconn.append(note)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{OPTIONS['port']}", auto_decompress=False,
                                     connector=aiohttp.TCPConnector(limit=1), trace_configs=[trace]) as session:
        for one in OPTIONS["requests"]:
            try:
                await perform(session, **one)
            except aiohttp.ClientError as error:
                say("answer", error=repr(error))
    say("done")


asyncio.run(main())
