"""Many sessions that come and go: descriptors, memory and gauges return to where they were."""

import asyncio
import os
import random
import resource
import unittest

import frames
import raw
from harness import IntegrationTest, wait_until

SESSIONS = 2000
ROUNDS = 5
GROWTH = 4 << 20  # bytes that round five may need beyond round two
CLOSE = frames.close_payload(1000)
SANITIZED = os.environ.get("WSKEEP_SANITIZED", "") != ""


async def read_head(reader):
    return raw.Head((await reader.readuntil(b"\r\n\r\n"))[:-4])


async def read_frame(reader):
    """One frame with a short payload, as (first byte, payload)."""
    first, second = await reader.readexactly(2)
    key = await reader.readexactly(4) if second & 0x80 else bytes(4)
    return first, frames.apply_mask(key, await reader.readexactly(second & 0x7F))


async def serve(reader, writer):
    """Echoes short frames until the client closes or leaves."""
    try:
        writer.write(raw.switch(await read_head(reader)))
        while True:
            first, payload = await read_frame(reader)
            writer.write(frames.build(first & 0xF, payload))
            if first & 0xF == frames.CLOSE:
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def session(port, number, everyone_is_open):
    """One session: echo, wait for all others, then one of the ways to leave."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw.upgrade_request(f"/churn/{number}"))
    head = await read_head(reader)
    if head.status != 101:
        raise AssertionError(f"session {number}: {head.line}")
    writer.write(frames.client(frames.TEXT, b"hello %d" % number))
    if (await read_frame(reader))[1] != b"hello %d" % number:
        raise AssertionError(f"session {number}: a wrong echo")
    await everyone_is_open()
    how = number % 4
    if how in (0, 1):  # a closing handshake
        writer.write(frames.client(frames.CLOSE, CLOSE))
        if await read_frame(reader) != (0x80 | frames.CLOSE, CLOSE):
            raise AssertionError(f"session {number}: a wrong Close")
        await reader.read()
        writer.close()
    elif how == 2:  # a FIN
        writer.close()
    else:  # a RST
        writer.transport.abort()


def raise_descriptor_limit(test, needed):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        test.skipTest(f"needs {needed} descriptors, may have {hard}")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


class Churn(IntegrationTest):
    async def rounds(self, after_round):
        backend = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
        async with backend:
            proxy = self.front(backend.sockets[0].getsockname()[1], {
                "keepalive.client.policy": "off", "keepalive.backend.policy": "off"})
            for number in range(ROUNDS):
                await self.one_round(proxy.port)
                await asyncio.to_thread(after_round, proxy, number)

    async def one_round(self, port):
        opened, all_open = 0, asyncio.Event()

        async def everyone_is_open():
            nonlocal opened
            opened += 1
            if opened == SESSIONS:
                all_open.set()
            await all_open.wait()

        tasks = [asyncio.create_task(session(port, i, everyone_is_open)) for i in range(SESSIONS)]
        try:
            await asyncio.wait_for(asyncio.gather(*tasks), raw.DEADLINE)
        finally:
            for task in tasks:
                task.cancel()

    def test_five_rounds(self):
        raise_descriptor_limit(self, 2 * SESSIONS + 200)
        descriptors, resident = [], []

        def after_round(proxy, number):
            if not proxy.present:
                return
            wait_until(lambda: proxy.metrics().value("wskeep_connections_open") == 0, "connections_open is 0")
            if number == 0:
                # What a program opens once, it opens in its first round: that is no leak.
                descriptors.append(proxy.descriptors())
            wait_until(lambda: proxy.descriptors() <= descriptors[0],
                       f"descriptors return to {descriptors[0]}, now {proxy.descriptors()}")
            self.wait_until_given_back(proxy)
            resident.append(proxy.resident())
            metrics = proxy.metrics()
            self.assertEqual(metrics.value("wskeep_connections_opened_total"), SESSIONS * (number + 1))
            self.assertEqual(metrics.value("wskeep_connections_closed_total"), SESSIONS * (number + 1))

        asyncio.run(self.rounds(after_round))
        if resident:
            self.assertLess(descriptors[0], 64, "descriptors with no session open")
            self.assertLess(resident[-1] - resident[1], GROWTH, f"VmRSS after each round: {resident}")

    def wait_until_given_back(self, proxy):
        """Memory goes back at a tick of the worker, and what closed meanwhile at the next."""
        ticks = proxy.metrics().value("wskeep_event_loop_lag_seconds_count")
        proxy.wait_metric("wskeep_event_loop_lag_seconds_count", ticks + 2)

    async def close_all_but(self, kept):
        """Opens many sessions and closes all but some at random; what is resident before, with all, and after."""
        backend = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
        async with backend:
            proxy = self.front(backend.sockets[0].getsockname()[1], {
                "workers": 1, "metrics.max_connections": 0, "keepalive.client.policy": "off",
                "keepalive.backend.policy": "off"})
            if not proxy.present:
                self.skipTest("about wskeep alone")
            writers = []
            before = None
            for number in range(SESSIONS):
                reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
                writer.write(raw.upgrade_request(f"/churn/{number}"))
                await read_head(reader)
                writers.append(writer)
                before = before or proxy.resident()  # what the first session brings in is no session's
            most = proxy.resident()
            random.Random(5).shuffle(writers)
            for writer in writers[kept:]:
                writer.close()
            await asyncio.to_thread(proxy.wait_metric, "wskeep_connections_closed_total", SESSIONS - kept)
            await asyncio.to_thread(self.wait_until_given_back, proxy)
            return before, most, proxy.resident()

    def check_memory_goes_back(self, kept, share):
        raise_descriptor_limit(self, 2 * SESSIONS + 200)
        before, most, after = asyncio.run(self.close_all_but(kept))
        self.assertGreater(most - before, SESSIONS * 500, "so little that this test shows nothing")
        self.assertLess(after - before, (most - before) * share, f"VmRSS {before}, {most}, {after}")

    @unittest.skipIf(SANITIZED, "a sanitizer's allocator keeps what is freed")
    def test_memory_goes_back_when_all_close(self):
        self.check_memory_goes_back(0, 0.4)  # with what closing and its log bring in, whatever the sessions took

    @unittest.skipIf(SANITIZED, "a sanitizer's allocator keeps what is freed")
    def test_memory_goes_back_when_nine_of_ten_close(self):
        """A page goes back only when each of the sessions that have a part in it is closed."""
        self.check_memory_goes_back(SESSIONS // 10, 0.85)


if __name__ == "__main__":
    unittest.main()
