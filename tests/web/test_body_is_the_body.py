"""After the header fields nothing but the announced bytes, or a closed connection."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web
from harness.albums import HASH, make_album, noise
from harness.in_process import app_over, listening

from archive_service.archive.errors import LengthMismatch, SourceChanged
from archive_service.observe.events import (
    DownloadFinished,
    DownloadInterrupted,
    DownloadStarted,
    Event,
    Observe,
    PieceSent,
)
from archive_service.storage.base import DiskFile
from archive_service.transfer.file_span import CopiedSpan, FileSpan
from archive_service.transfer.response_transfer import Transfer

TARGET = f"/archive/{HASH}/"
FILES = {"1.jpg": noise(300_000), "2.txt": b"two"}
WITHIN_S = 60.0
SECOND = b"GET /second HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""A request sent ahead: its answer must not come behind a body that was cut."""


async def conversation(app: web.Application, request: bytes) -> bytes:
    """Return all that comes before the connection is closed; fail where it is not."""
    async with listening(app) as runner:
        reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
        writer.write(request)
        try:
            return await asyncio.wait_for(reader.read(), WITHIN_S)
        finally:
            writer.close()
            await writer.wait_closed()


def head_and_body(received: bytes) -> tuple[bytes, bytes]:
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body


def get(target: str, *field_lines: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: localhost", *field_lines, "", ""]).encode()


def acts_on_nothing(_event: Event) -> None:
    pass


def raising_at(*kinds: type[Event]) -> Observe:
    """Return an observer that fails at events of these kinds."""

    def observe(event: Event) -> None:
        is_meant = isinstance(event, kinds)
        if is_meant:
            raise RuntimeError

    return observe


@pytest.mark.parametrize(
    "kinds",
    [
        (DownloadStarted,),
        (PieceSent,),
        (DownloadFinished,),
        (DownloadStarted, DownloadInterrupted),
    ],
)
@pytest.mark.parametrize("field_lines", [(), ("Range: bytes=0-0",), ("Range: bytes=5-9,200000-",)])
def test_an_observer_that_raises_puts_no_second_answer_into_the_body(
    photos_dir: Path, kinds: tuple[type[Event], ...], field_lines: tuple[str, ...]
) -> None:
    make_album(photos_dir, FILES)
    request = get(TARGET, *field_lines)
    last = get(TARGET, *field_lines, "Connection: close")
    _, whole = head_and_body(asyncio.run(conversation(app_over(photos_dir, acts_on_nothing), last)))
    app = app_over(photos_dir, raising_at(*kinds))
    head, body = head_and_body(asyncio.run(conversation(app, request + SECOND)))
    assert head.startswith(b"HTTP/1.1 20")
    assert whole.startswith(body)
    assert b"HTTP/1.1" not in body


@pytest.mark.parametrize("field_line", ["If-None-Match: *", 'If-Match: "none"', "Range: bytes=-0"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_answers_without_the_archive_keep_the_connection(
    photos_dir: Path, method: bytes, field_line: str
) -> None:
    make_album(photos_dir, FILES)
    first = get(TARGET, field_line).replace(b"GET", method)
    last = get("/archive/none/", "Connection: close")
    received = asyncio.run(conversation(app_over(photos_dir, acts_on_nothing), first + last))
    assert received.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 404" in received


Send = Callable[[Transfer], Awaitable[None]]


def transfer_app(length: int, send: Send, caught: list[BaseException]) -> web.Application:
    """An application whose answers announce `length` bytes and are sent by `send`."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": f"{length}"})
        try:
            async with Transfer(request, response, stall_timeout_s=60) as transfer:
                await send(transfer)
        except Exception as error:
            caught.append(error)
            raise
        return response

    async def second(_request: web.Request) -> web.Response:
        return web.Response(text="second")

    app = web.Application()
    app.router.add_get("/", handler)
    app.router.add_get("/second", second)
    return app


async def put(transfer: Transfer, *chunks: bytes) -> None:
    for chunk in chunks:
        if transfer.begin(memoryview(chunk)):
            await transfer.finish()
    transfer.require_complete()


@pytest.mark.parametrize(
    ("chunks", "body"),
    [
        ((b"abc",), b""),
        ((b"ab", b"c"), b"ab"),
        ((b"a" * 2_000_000,), b""),
        ((b"a",), b"a"),
        ((), b""),
    ],
)
def test_a_body_of_another_length_is_not_sent_for_whole(
    chunks: tuple[bytes, ...], body: bytes
) -> None:
    caught: list[BaseException] = []

    async def send(transfer: Transfer) -> None:
        await put(transfer, *chunks)

    received = asyncio.run(conversation(transfer_app(2, send, caught), get("/") + SECOND))
    assert head_and_body(received)[1] == body
    assert [type(error) for error in caught] == [LengthMismatch]


def test_a_body_that_nobody_declares_complete_is_cut_all_the_same() -> None:
    async def send(transfer: Transfer) -> None:
        transfer.begin(memoryview(b"a"))

    received = asyncio.run(conversation(transfer_app(2, send, []), get("/") + SECOND))
    assert head_and_body(received)[1] == b"a"


def test_a_chunk_whose_rest_is_not_sent_counts_as_missing() -> None:
    length = 50_000_000

    async def send(transfer: Transfer) -> None:
        assert transfer.begin(memoryview(bytes(length)))

    received = asyncio.run(conversation(transfer_app(length, send, []), get("/") + SECOND))
    body = head_and_body(received)[1]
    assert len(body) < length
    assert b"second" not in body


@pytest.mark.parametrize("kind", [FileSpan, CopiedSpan])
@pytest.mark.parametrize("data", [b"", b"a" * 1000], ids=["empty", "shorter"])
def test_what_is_sent_before_the_end_of_a_file_that_has_shrunk_is_counted(
    tmp_path: Path, kind: type[FileSpan], data: bytes
) -> None:
    head, size = b"h" * 1000, 2000
    path = tmp_path / "shrunk"
    path.write_bytes(data)
    counts: list[int] = []

    async def send(transfer: Transfer) -> None:
        with closing(DiskFile(os.open(path, os.O_RDONLY))) as file:
            span = kind(file, 0, size, memoryview(head))
            try:
                assert transfer.begin(span)
                await transfer.finish()
            except SourceChanged:
                counts.append(transfer.sent_bytes)

    app = transfer_app(len(head) + size, send, [])
    body = head_and_body(asyncio.run(conversation(app, get("/") + SECOND)))[1]
    assert (head + data).startswith(body)
    assert counts == [len(body)]


def test_behind_a_whole_body_the_connection_goes_on() -> None:
    async def send(transfer: Transfer) -> None:
        await put(transfer, b"ab")

    request = get("/") + SECOND.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    received = asyncio.run(conversation(transfer_app(2, send, []), request))
    assert head_and_body(received)[1].startswith(b"abHTTP/1.1 200")
    assert received.endswith(b"second")


def test_a_body_that_is_cut_ends_with_a_fin_behind_what_was_sent() -> None:
    async def send(transfer: Transfer) -> None:
        transfer.begin(memoryview(bytes(1000)))

    async def received() -> bytes:
        async with listening(transfer_app(1001, send, [])) as runner:
            return await asyncio.to_thread(_read_to_the_fin, runner.addresses[0][:2])

    assert len(head_and_body(asyncio.run(received()))[1]) == 1000


def _read_to_the_fin(address: tuple[str, int]) -> bytes:
    """Read to the end; raise ConnectionResetError where that is a reset."""
    with socket.create_connection(address, WITHIN_S) as connection:
        connection.sendall(get("/"))
        received = b""
        while block := connection.recv(1 << 16):
            received += block
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        return received
