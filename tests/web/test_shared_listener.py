"""Which of several processes takes a connection; the test itself is the other process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from harness.conditions import eventually

from archive_service.observe.events import ignore
from archive_service.web.http_server.connection_counts import ConnectionCount, shared_counts
from archive_service.web.http_server.runner import Runner
from archive_service.web.http_server.shared_listener import SharedListener

TIMEOUT_S = 120.0
A_FEW_TURNS = 20
"""More turns of the loop than taking a connection needs, and far less than a moment."""
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Shared:
    """A listening socket, the count of the site's process, and that of the other one."""

    def __init__(self, listener: socket.socket) -> None:
        self.counts = shared_counts(2)
        self.load = ConnectionCount(self.counts, 0)
        self.other_load = ConnectionCount(self.counts, 1)
        self._listener = listener
        self._port = listener.getsockname()[1]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def take_as_the_other(self) -> None:
        """Take the connection that waits; raise BlockingIOError where the site has."""
        for _ in range(A_FEW_TURNS):
            await asyncio.sleep(0)
        self._listener.accept()[0].close()


async def answer(_request: web.Request) -> web.Response:
    return web.Response(text="taken by the site")


@asynccontextmanager
async def sharing() -> AsyncIterator[Shared]:
    app = web.Application()
    app.router.add_get("/", answer)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        shared = Shared(listener)
        runner = Runner(app, shutdown_timeout_s=1.0, count=shared.load.change)
        await runner.setup()
        await SharedListener(
            runner, listener=listener.dup(), connections=shared.load, observe=ignore
        ).start()
        try:
            yield shared
        finally:
            await runner.cleanup()


def run(test: Callable[[Shared], Awaitable[None]]) -> None:
    async def main() -> None:
        async with sharing() as shared:
            await asyncio.wait_for(test(shared), TIMEOUT_S)

    asyncio.run(main())


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(REQUEST)
    content = await reader.read()
    writer.close()
    return content.endswith(b"taken by the site")


def test_one_with_more_connections_leaves_the_next_to_another() -> None:
    async def test(shared: Shared) -> None:
        shared.load.change(1)
        reader, writer = await shared.connect()
        await shared.take_as_the_other()
        assert await reader.read() == b""
        writer.close()

    run(test)


@pytest.mark.parametrize("others", [0, 1])
def test_one_with_no_more_than_another_takes_it_at_once(others: int) -> None:
    async def test(shared: Shared) -> None:
        shared.other_load.change(others)
        reader, writer = await shared.connect()
        with pytest.raises(BlockingIOError):
            await shared.take_as_the_other()
        assert await answered(reader, writer)

    run(test)


def test_what_the_other_does_not_take_is_taken_in_the_end() -> None:
    async def test(shared: Shared) -> None:
        shared.load.change(3)
        for _ in range(3):
            assert await answered(*await shared.connect())

    run(test)


def test_connections_are_counted_until_they_are_lost() -> None:
    async def test(shared: Shared) -> None:
        connections = [await shared.connect() for _ in range(3)]
        await asyncio.to_thread(eventually, lambda: shared.counts[0] == 3)
        for reader, writer in connections:
            assert await answered(reader, writer)
        await asyncio.to_thread(eventually, lambda: shared.counts[0] == 0)
        assert shared.counts[1] == 0

    run(test)


def test_a_new_process_of_a_number_counts_from_nothing() -> None:
    counts = shared_counts(2)
    ConnectionCount(counts, 1).change(5)
    assert not ConnectionCount(counts, 0).is_above_least()
    ConnectionCount(counts, 1)
    assert list(counts) == [0, 0]
