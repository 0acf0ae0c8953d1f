"""The transfer: chunks of an archive put on the wire, at the client's pace.

Buffers are written through aiohttp; spans of files go from the page cache to the socket by
`loop.sendfile`, behind aiohttp's back, which drains earlier writes first.

What has to be known of the parts underneath:

- `loop.sendfile` returns short, without an error, where the file has shrunk.  So bytes are counted.
- After a cancellation or error inside `loop.sendfile` the transport may never work again.  So any
  end but the good one aborts the connection, which is also how a client learns of it: the body is
  short of its Content-Length.
- While `sendfile` runs, reading is paused: a client that has left shows as an error of sending.
- Nothing in asyncio times out a client that accepts no bytes.  The kernel does where it knows
  TCP_USER_TIMEOUT, counting from the last of its buffers, of up to 64 KiB, that was taken whole:
  a client that takes as much within the time-out is slow, but not stalled.  Elsewhere each piece
  has to be taken within it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from functools import partial

from aiohttp import web

from archive_service.content import Chunk, FileSpan
from archive_service.errors import SourceChanged, SourceUnreadable

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:
    from async_timeout import timeout

_SLOWEST_PIECE_BYTES, _FASTEST_PIECE_BYTES = 64 * 1024, 4 * 1024 * 1024
_LEAST_SPAN_BYTES = 256 * 1024
_QUICK_S, _SLOW_S = 0.1, 0.5
DEBUG_PIECE_BYTES = 256 * 1024
UNSENT_BYTES = 128 * 1024
"""The most that the kernel takes of a download beyond what is on its way."""
_KERNEL_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)
_KERNEL_UNSENT_LIMIT = getattr(socket, "TCP_NOTSENT_LOWAT", None)


class AdaptivePace:
    """Pieces that grow while the client takes them quickly, and shrink when it does not.

    A slow client then costs little memory, a fast one few system calls.
    """

    def __init__(self) -> None:
        self._piece_bytes = _SLOWEST_PIECE_BYTES

    def buffer_bytes(self) -> int:
        """Return the size of the next piece; see `PieceSizes.buffer_bytes`."""
        return self._piece_bytes

    def span_bytes(self) -> int:
        """Return the size of the next piece; see `PieceSizes.span_bytes`."""
        return max(self._piece_bytes, _LEAST_SPAN_BYTES)

    async def sent(self, count: int, duration_s: float) -> None:
        """Take note of a piece: its bytes and how long the client took."""
        if duration_s > _SLOW_S:
            self._piece_bytes = max(self._piece_bytes // 2, _SLOWEST_PIECE_BYTES)
        elif duration_s < _QUICK_S and count >= self._piece_bytes // 2:
            self._piece_bytes = min(self._piece_bytes * 2, _FASTEST_PIECE_BYTES)


class DelayedPace:
    """Pieces of one size with a pause after each, so that a person can watch."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._room = DEBUG_PIECE_BYTES

    def buffer_bytes(self) -> int:
        """Return how many bytes are left of the piece; see `PieceSizes.buffer_bytes`."""
        return self._room

    def span_bytes(self) -> int:
        """Return how many bytes are left of the piece; see `PieceSizes.span_bytes`."""
        return self._room

    async def sent(self, count: int, duration_s: float) -> None:
        """Pause where a piece is full."""
        self._room -= count
        while self._room <= 0:
            self._room += DEBUG_PIECE_BYTES
            await asyncio.sleep(self._delay_s)


Pace = AdaptivePace | DelayedPace


class Transfer:
    """Sends the body of one prepared response."""

    def __init__(
        self, request: web.Request, response: web.StreamResponse, *, stall_timeout_s: float
    ) -> None:
        self._request = request
        self._response = response
        self._stall_timeout_s = stall_timeout_s
        # Two: a connection that is cut seems to have taken the piece that it stalled in.
        self._last_two_s = (0.0, 0.0)
        self._kernel_watches = _watch_for_stalls(request.transport, stall_timeout_s)
        _limit_unsent(request.transport)

    async def send(self, chunk: bytes | Chunk) -> int:
        """Put a chunk on the wire; return its bytes once the connection has taken them.

        Raise OSError or TimeoutError for the connection, SourceChanged for the file.
        """
        began_s = time.monotonic()
        try:
            async with self._time_limit():
                if not isinstance(chunk, FileSpan):
                    await self._response.write(chunk)
                    return len(chunk)
                if self._connection().get_extra_info("sslcontext"):
                    return await self._copy_span(chunk)
                return await self._send_span(chunk)
        finally:
            self._last_two_s = (self._last_two_s[1], time.monotonic() - began_s)

    def abort(self) -> None:
        """Cut the connection, so that the client can't take a part for the whole."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def is_cut(self) -> bool:
        """Tell whether the connection is no more."""
        return self._request.transport is None or self._request.transport.is_closing()

    def has_stalled(self) -> bool:
        """Tell whether the client has made no progress for as long as it may."""
        return sum(self._last_two_s) >= self._stall_timeout_s

    def _connection(self) -> asyncio.Transport:
        if self._request.transport is None or self._request.transport.is_closing():
            raise ConnectionResetError
        return self._request.transport

    async def _send_span(self, span: FileSpan) -> int:
        loop = asyncio.get_running_loop()
        count = self._send_at_once(span)
        if count == span.count:
            return count
        try:
            count += await loop.sendfile(
                self._connection(),
                span.file,
                span.offset + count,
                span.count - count,
                fallback=False,
            )
        except asyncio.SendfileNotAvailableError:
            # Raised for any error of the first system call: a client that has left, a disk that
            # fails, a file system without sendfile.  The copy tells which.
            rest = FileSpan(span.file, span.offset + count, span.count - count)
            return count + await self._copy_span(rest)
        if count < span.count:
            raise SourceChanged("resized")
        return count

    def _send_at_once(self, span: FileSpan) -> int:
        """Send as much as the connection takes without waiting; return the bytes.

        Most of a little album fits the socket's buffer, and `loop.sendfile` costs five turns of
        the event loop.  Errors are left to it.
        """
        connection = self._connection()
        if connection.get_write_buffer_size():
            return 0
        descriptor = connection.get_extra_info("socket").fileno()
        try:
            return os.sendfile(descriptor, span.file.fileno(), span.offset, span.count)
        except OSError:
            return 0

    async def _copy_span(self, span: FileSpan) -> int:
        # TLS is not the kernel's here, so the bytes have to pass through the process.
        read = partial(os.pread, span.file.fileno(), span.count, span.offset)
        try:
            data = await asyncio.get_running_loop().run_in_executor(None, read)
        except OSError as error:
            raise SourceUnreadable.of(error) from None
        if len(data) < span.count:
            raise SourceChanged("resized")
        await self._response.write(data)
        self._connection()  # a write to a connection that is cut raises nothing at once
        return span.count

    def _time_limit(self) -> AbstractAsyncContextManager[object]:
        return nullcontext() if self._kernel_watches else timeout(self._stall_timeout_s)


def _limit_unsent(transport: asyncio.Transport | None) -> None:
    """Have the kernel keep little for a client beyond what is on its way to it.

    Thousands of slow clients would fill the memory that the system has for TCP, a few hundred
    kilobytes each, and then everybody waits.  What is on its way is not limited, so a quick client
    is as quick as before.
    """
    if _KERNEL_UNSENT_LIMIT is None or transport is None:
        return
    with suppress(OSError):
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, _KERNEL_UNSENT_LIMIT, UNSENT_BYTES)


def _watch_for_stalls(transport: asyncio.Transport | None, timeout_s: float) -> bool:
    """Have the kernel cut a connection whose peer accepts nothing; tell whether it does."""
    if _KERNEL_TIMEOUT is None or transport is None:
        return False
    connection: socket.socket = transport.get_extra_info("socket")
    try:
        connection.setsockopt(socket.IPPROTO_TCP, _KERNEL_TIMEOUT, round(timeout_s * 1000))
    except OSError:
        return False
    return True
