"""Two thousand clients in one event loop, half of whom do not behave.

All of them are connected before the first well-behaved one asks.  Those obey `Retry-After`, and
check each byte as it comes; the others continue until the last of them is done.  Some of the others
are bad neighbours: they want an album whose disk hangs or an unknown large file, ask for files and
leave, or never end what they send.
Each client has an address of its own out of 127.0.0.0/8.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

TIMEOUT_S = 400.0
CONNECTING_AT_ONCE = 200
SLOW_EVERY_S = 0.5
SMALL_WINDOW_BYTES = 4096
RANGES = 1000
LEAVE_AFTER_S = 0.05
BODY_BYTES = 10**15
BLOCK_BYTES = 256 * 1024
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Wanted:
    """What the well-behaved ask for, and what they must get."""

    port: int
    target: str
    archive: bytes
    hanging_target: str
    """An album whose disk does not answer."""
    unknown_target: str
    """An album of a large file that was never read."""


class Crowd:
    """The clients; `counts` has their outcomes."""

    def __init__(self, wanted: Wanted, size: int) -> None:
        self.counts: Counter[str] = Counter()
        self._wanted = wanted
        self._size = size
        self._connecting = asyncio.Semaphore(CONNECTING_AT_ONCE)
        self._connected = 0
        self._all_are_there = asyncio.Event()

    async def run(self) -> None:
        """Let all of them come; return when the well-behaved are done.

        Raise AssertionError where one of them gets what is wrong, TimeoutError where it takes too
        long.
        """
        kinds = (
            self._slow_headers,
            self._slow_reader,
            self._no_reader,
            self._many_ranges,
            self._hanging_album,
            self._unknown_file,
            self._leaving,
            self._endless_body,
            self._silent,
        )
        others = [
            asyncio.ensure_future(self._misbehaving(kinds[n % len(kinds)], n))
            for n in range(self._size // 2)
        ]
        good = [self._well_behaved(n) for n in range(self._size // 2, self._size)]
        try:
            await asyncio.wait_for(asyncio.gather(*good), TIMEOUT_S)
        finally:
            for other in others:
                other.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    async def _connect(self, number: int, *, receive_bytes: int | None = None) -> Stream:
        connection = socket.socket()
        connection.setblocking(False)
        if receive_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.bind((f"127.1.{number // 250}.{number % 250 + 1}", 0))
        async with self._connecting:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, ("127.0.0.1", self._wanted.port))
        return await asyncio.open_connection(sock=connection, limit=BLOCK_BYTES)

    async def _arrive(self) -> None:
        self._connected += 1
        if self._connected == self._size:
            self._all_are_there.set()
        await self._all_are_there.wait()

    # Who behaves.

    async def _well_behaved(self, number: int) -> None:
        stream = await self._connect(number)
        await self._arrive()
        start = 0 if number % 2 else len(self._wanted.archive) // 2
        while (retry_after_s := await self._download(stream, start)) is not None:
            self.counts["told to come later"] += 1
            stream[1].close()
            await asyncio.sleep(retry_after_s)
            stream = await self._connect(number)
        stream[1].close()
        self.counts["completed"] += 1

    async def _download(self, stream: Stream, start: int) -> int | None:
        """Download the archive from an offset; return when to come again where refused."""
        reader, writer = stream
        writer.write(self._request(f"Range: bytes={start}-" if start else "Accept: */*"))
        status, fields = await head_of(reader)
        if status in (429, 503):
            return int(fields["retry-after"])
        assert status == (206 if start else 200), status
        expected = memoryview(self._wanted.archive)[start:]
        assert int(fields["content-length"]) == len(expected)
        while expected:
            block = await reader.read(BLOCK_BYTES)
            assert block, "cut off"
            assert block == expected[: len(block)], "wrong bytes"
            expected = expected[len(block) :]
        return None

    # Who does not.

    async def _misbehaving(self, behave: Callable[[Stream], Awaitable[None]], number: int) -> None:
        small = None if behave == self._slow_headers else SMALL_WINDOW_BYTES
        stream = await self._connect(number, receive_bytes=small)
        arriving = asyncio.ensure_future(self._arrive())
        try:
            while True:
                with suppress(ConnectionError, asyncio.IncompleteReadError):
                    await behave(stream)
                self.counts[f"ended: {behave.__name__.strip('_')}"] += 1
                stream[1].close()
                await asyncio.sleep(SLOW_EVERY_S)
                stream = await self._connect(number, receive_bytes=small)
        finally:
            arriving.cancel()
            stream[1].transport.abort()

    async def _slow_headers(self, stream: Stream) -> None:
        _, writer = stream
        for byte in self._request("Accept: */*") * 100:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(SLOW_EVERY_S)

    async def _slow_reader(self, stream: Stream) -> None:
        _, writer = stream
        writer.write(self._request("Accept: */*"))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        connection = writer.get_extra_info("socket")
        while True:
            await asyncio.sleep(SLOW_EVERY_S)
            with suppress(BlockingIOError):
                if not peeked_byte(connection):
                    return

    async def _no_reader(self, stream: Stream) -> None:
        _, writer = stream
        writer.write(self._request("Accept: */*"))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async def _many_ranges(self, stream: Stream) -> None:
        reader, writer = stream
        ranges = ",".join(f"{n * 7 % 1000}-{n * 7 % 1000}" for n in range(RANGES))
        while True:
            writer.write(self._request(f"Range: bytes={ranges}"))
            status, fields = await head_of(reader)
            self.counts[f"many ranges: {status}"] += 1
            await reader.readexactly(min(int(fields.get("content-length", 0)), BLOCK_BYTES))
            await asyncio.sleep(SLOW_EVERY_S)

    async def _hanging_album(self, stream: Stream) -> None:
        reader, writer = stream
        writer.write(self._request("Accept: */*", self._wanted.hanging_target))
        status, fields = await head_of(reader)
        self.counts[f"hanging album: {status}"] += 1
        await reader.readexactly(int(fields.get("content-length", 0)))
        await asyncio.sleep(SLOW_EVERY_S)

    async def _unknown_file(self, stream: Stream) -> None:
        _, writer = stream
        writer.write(self._request("Accept: */*", self._wanted.unknown_target))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async def _leaving(self, stream: Stream) -> None:
        _, writer = stream
        name = f"x{self.counts['ended: leaving']}"
        writer.write(self._request("Accept: */*", f"{self._wanted.target}?file={name}"))
        await asyncio.sleep(LEAVE_AFTER_S)

    async def _endless_body(self, stream: Stream) -> None:
        _, writer = stream
        writer.write(self._request(f"Content-Length: {BODY_BYTES}"))
        while True:
            writer.write(bytes(BLOCK_BYTES))
            await writer.drain()
            await asyncio.sleep(LEAVE_AFTER_S)

    async def _silent(self, stream: Stream) -> None:
        await stream[0].read(1)

    def _request(self, field_line: str, target: str | None = None) -> bytes:
        request_line = f"GET {target or self._wanted.target} HTTP/1.1"
        return "\r\n".join([request_line, "Host: localhost", field_line, "", ""]).encode()


async def head_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Read status and fields of an answer."""
    status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
    fields = (line.partition(":") for line in lines if line)
    return int(status_line.split()[1]), {name.lower(): value.strip() for name, _, value in fields}


def peeked_byte(connection: socket.socket) -> bytes:
    """Take one byte of what has come; none at the end."""
    duplicate = socket.socket(fileno=connection.fileno())
    try:
        return duplicate.recv(1)
    finally:
        duplicate.detach()
