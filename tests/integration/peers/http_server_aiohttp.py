"""An HTTP backend with Python's aiohttp: /echo, /size/N, /pieces/N, /status/N and /early, as in http_server.mjs."""

import asyncio

from aiohttp import web
from lines import obey, say

SIZE_LIMIT = 1 << 30


def described(request):
    return {"X-Request": f"{request.method} {request.path_qs}", "X-Custom": request.headers.get("X-Custom", "none")}


def filled(size):
    return (b"0123456789abcdef." * (size // 17 + 1))[:size]


async def echo(request):
    return web.Response(body=await request.read(), headers=described(request))


async def size(request):
    return web.Response(body=filled(int(request.match_info["n"])), headers=described(request))


async def pieces(request):
    response = web.StreamResponse(headers=described(request))
    if request.method == "HEAD":  # or else aiohttp sends the body
        return web.Response(headers=described(request))
    if request.version >= (1, 1):
        response.enable_chunked_encoding()
    await response.prepare(request)
    body = filled(int(request.match_info["n"]))
    for at in range(0, len(body), 10007):
        await response.write(body[at : at + 10007])
    await response.write_eof()
    return response


async def status(request):
    return web.Response(status=int(request.match_info["n"]), headers=described(request))


async def early(request):
    return web.Response(body=b"early\n", headers=described(request))


async def main():
    application = web.Application(client_max_size=SIZE_LIMIT)
    for path, handler in (("/size/{n}", size), ("/pieces/{n}", pieces), ("/status/{n}", status), ("/early", early),
                          ("/{any:.*}", echo)):
        application.router.add_route("*", path, handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    say("listening", port=runner.addresses[0][1])
    await obey({})


asyncio.run(main())
