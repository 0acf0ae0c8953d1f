"""Requests with a body: it is discarded for a moment, and no answer waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web
from harness.albums import noise

from archive_service.web.http_server.client_connection import ConnectionTimes
from archive_service.web.http_server.runner import Runner

FRAMINGS = {
    "of a length": ("Content-Length: 9000000000000000000", noise(65536)),
    "chunked": ("Transfer-Encoding: chunked", b"10000\r\n" + noise(65536) + b"\r\n"),
}
WITHIN_S = 60.0
FOR_EVER_S = 1e6


async def answer(_request: web.Request) -> web.Response:
    return web.Response(text="answered")


@asynccontextmanager
async def sending(framing: str, *, drain_s: float) -> AsyncIterator[tuple[Runner, asyncio.Task]]:
    """Send a request whose body never ends; give the task that sends as long as it is taken."""
    app = web.Application()
    app.router.add_get("/", answer)
    runner = Runner(app, shutdown_timeout_s=FOR_EVER_S, times=ConnectionTimes(drain_s=drain_s))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
    field_line, block = FRAMINGS[framing]
    writer.write(f"GET / HTTP/1.1\r\nHost: localhost\r\n{field_line}\r\n\r\n".encode())

    async def send() -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(block)
                await writer.drain()

    sender = asyncio.create_task(send())
    try:
        assert (await reader.readuntil(b"answered")).startswith(b"HTTP/1.1 200")
        yield runner, sender
    finally:
        sender.cancel()
        writer.close()
        with suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()
        await runner.cleanup()


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_body_without_end_is_not_read_for_long(framing: str) -> None:
    async def send() -> None:
        async with sending(framing, drain_s=0.1) as (_, sender):
            await asyncio.wait_for(sender, WITHIN_S)

    asyncio.run(send())


@pytest.mark.parametrize("framing", FRAMINGS)
def test_the_end_of_the_service_does_not_wait_for_a_body(framing: str) -> None:
    async def send() -> None:
        async with sending(framing, drain_s=FOR_EVER_S) as (runner, sender):
            await asyncio.wait_for(runner.cleanup(), WITHIN_S)
            await asyncio.wait_for(sender, WITHIN_S)

    asyncio.run(send())
