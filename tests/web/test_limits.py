"""How much of a request there may be, and how long it may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web
from conftest import Serve
from harness.albums import HASH, make_album
from harness.http import connected, get
from harness.in_process import listening
from harness.server import Server

from archive_service.web.http_server.client_connection import ConnectionTimes
from archive_service.web.pages.failure_messages import FAILURES
from archive_service.web.query import MAX_FILES

LINK = f"/archive/{HASH}/"
LINE_BYTES = 8190
FIELDS = 128
FIELD_BYTES = 64 * 1024 + 1
TIMEOUT_S = 120.0


@pytest.fixture
def limited(serve: Serve, photos_dir: Path) -> Server:
    make_album(photos_dir, {"1.jpg": b"one"})
    return serve()


@pytest.mark.parametrize(
    ("target", "field_lines", "status", "error"),
    [
        (f"{LINK}?x={'x' * 10_000}", [], 414, "request_line_too_long"),
        (f"/archive/{'x' * 100_000}/", [], 414, "request_line_too_long"),
        (LINK, [f"Cookie: a={'x' * FIELD_BYTES}"], 431, "cookies_too_long"),
        (LINK, ["Referer: /", f"cookie:{'x' * FIELD_BYTES}"], 431, "cookies_too_long"),
        (LINK, ["Cookie: a=b", f"X-Long: {'x' * FIELD_BYTES}"], 431, "field_too_long"),
        (LINK, [f"{'X' * FIELD_BYTES}: x"], 431, "field_too_long"),
        (LINK, [f"X-{number}: x" for number in range(2 * FIELDS)], 431, "too_many_fields"),
        (LINK, ["X-Space : x"], 400, "bad_request"),
        (LINK, ["Host: another"], 400, "bad_request"),
        (LINK, ["Content-Length: -1"], 400, "bad_request"),
        (f"{LINK}?name=a b", [], 400, "bad_query"),
        (f"{LINK}?name=a\x01", [], 400, "bad_query"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_request_that_is_too_large_is_refused_and_harms_no_other(
    limited: Server,
    target: str,
    field_lines: list[str],
    *,
    status: int,
    error: str,
    pieces: int,
) -> None:
    lines = [f"GET {target} HTTP/1.1", "Host: localhost", *field_lines, "", ""]
    data = "\r\n".join(lines).encode()
    step = -(-len(data) // pieces)
    with connected(limited.port) as connection:
        for start in range(0, len(data), step):
            connection.socket.sendall(data[start : start + step])
        answer = connection.receive()
        assert answer.status == status
        assert FAILURES["ru"][error].title in answer.content.decode()
        assert connection.is_closed()
    assert get(limited.port, LINK).status == 200


def test_header_without_end_is_cut(limited: Server) -> None:
    with connected(limited.port) as connection:
        connection.socket.sendall(f"GET {LINK} HTTP/1.1\r\n".encode())
        field = f"X-Long: {'x' * 10_000}\r\n".encode()
        with suppress(ConnectionError):
            for _ in range(100):
                connection.socket.sendall(field)
        assert connection.is_closed()


def test_cookies_and_referrer_of_a_large_site_cost_nothing(limited: Server) -> None:
    cookies = "; ".join(f"cookie{number}={'x' * 4000}" for number in range(12))
    fields = [f"Cookie: {cookies}", f"Referer: https://example.org/?{'x' * 20_000}"]
    assert get(limited.port, LINK, *fields).status == 200


def test_a_request_within_the_limits_is_answered(limited: Server) -> None:
    line = f"{LINK}?x={'x' * (LINE_BYTES - 200)}"
    fields = [f"X-{number}: x" for number in range(FIELDS // 2)]
    assert get(limited.port, line, *fields).status == 200


@pytest.mark.parametrize(("count", "status"), [(MAX_FILES, 200), (MAX_FILES + 1, 400)])
def test_so_many_files_may_be_named(
    serve: Serve, photos_dir: Path, count: int, status: int
) -> None:
    make_album(photos_dir, {"a": b"one"})
    query = "&".join(["file=a"] * count)
    assert len(query) < LINE_BYTES
    assert get(serve().port, f"{LINK}?{query}").status == status


async def answer(_request: web.Request) -> web.Response:
    return web.Response(text="answered")


@asynccontextmanager
async def answering(*, header_timeout_s: float, idle_timeout_s: float = 60.0) -> AsyncIterator[int]:
    """Serve in this process, with other times than a test could wait for."""
    app = web.Application()
    app.router.add_get("/", answer)
    times = ConnectionTimes(header_s=header_timeout_s, idle_s=idle_timeout_s)
    async with listening(app, times=times) as runner:
        yield runner.addresses[0][1]


async def drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send a byte at a time for as long as anybody takes them."""
    for byte in data:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)


REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
ENDLESS = b"GET / HTTP/1.1\r\nX-Endless: " + b"x" * 5000


@pytest.mark.parametrize("before", [b"", REQUEST], ids=["first request", "next request"])
def test_a_header_that_comes_by_drops_has_its_time_as_a_whole(before: bytes) -> None:
    async def end() -> bytes:
        async with answering(header_timeout_s=0.5) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            if before:
                writer.write(before)
                await reader.readuntil(b"answered")
            dripping = asyncio.ensure_future(drip(writer, ENDLESS))
            try:
                return await asyncio.wait_for(reader.read(), TIMEOUT_S)
            except ConnectionResetError:  # closed, with a drop on its way
                return b""
            finally:
                dripping.cancel()
                writer.close()

    assert asyncio.run(end()) == b""


def test_a_connection_on_which_nothing_is_asked_is_closed() -> None:
    async def end() -> bytes:
        async with answering(header_timeout_s=0.2) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return await asyncio.wait_for(reader.read(), TIMEOUT_S)
            finally:
                writer.close()

    assert asyncio.run(end()) == b""


def test_a_connection_that_idles_after_an_answer_is_closed_when_its_time_is_over() -> None:
    async def end() -> bytes:
        async with answering(header_timeout_s=60.0, idle_timeout_s=0.2) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            await reader.readuntil(b"answered")
            try:
                return await asyncio.wait_for(reader.read(), TIMEOUT_S)
            finally:
                writer.close()

    assert asyncio.run(end()) == b""


def test_a_slow_header_within_its_time_is_answered() -> None:
    async def ask() -> bytes:
        async with answering(header_timeout_s=30.0) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await drip(writer, REQUEST)
            try:
                return await asyncio.wait_for(reader.readuntil(b"answered"), TIMEOUT_S)
            finally:
                writer.close()

    assert asyncio.run(ask()).startswith(b"HTTP/1.1 200")


def test_an_album_that_no_archive_can_hold_asks_nobody_to_come_again(
    limited: Server, photos_dir: Path
) -> None:
    make_album(photos_dir, {"d/" * 70: b""}, "nested")
    answer = get(limited.port, "/archive/nested/")
    assert answer.status == 503
    assert FAILURES["ru"]["unpackable"].title in answer.content.decode()
    assert "retry-after" not in answer
