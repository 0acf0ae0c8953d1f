"""The transfer: chunks of an archive put on the wire, at the client's pace.

Both kinds of chunks go straight to the socket, behind the backs of aiohttp and of its transport:
buffers by `send`, spans of files from the page cache by `sendfile`.  The transport would copy what
the socket does not take at once, and costs several turns of the event loop for each `sendfile`.
Only while it still holds bytes, at most those of the header fields and of what came right behind,
or where it speaks TLS, does everything go through it.

What has to be known of the parts underneath:

- The event loop lets nobody wait for a socket that has a transport.  So the transfer has a
  duplicate of it, which has to be closed for the connection to be.  There is none for TLS.
- `sendfile` returns short, without an error, where the file has shrunk.  So bytes are counted.
- After a cancellation or error the transport may never work again.  So any end but the good one
  aborts the connection, which is also how a client learns of it: the body is short of its
  Content-Length.
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
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from functools import partial
from types import TracebackType

from aiohttp import web

from archive_service.content import Chunk, FileSpan
from archive_service.errors import SourceChanged, SourceUnreadable
from archive_service.fairness.rate import RateShare

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

    async def may_send(self, count: int) -> None:
        """Go on."""

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

    async def may_send(self, count: int) -> None:
        """Go on."""

    async def sent(self, count: int, duration_s: float) -> None:
        """Pause where a piece is full."""
        self._room -= count
        while self._room <= 0:
            self._room += DEBUG_PIECE_BYTES
            await asyncio.sleep(self._delay_s)


class LimitedPace:
    """Another pace, but no faster than the shares it has of rates that others share."""

    def __init__(self, pace: AdaptivePace | DelayedPace, shares: Sequence[RateShare]) -> None:
        self._pace = pace
        self._shares = shares

    def buffer_bytes(self) -> int:
        """Return the size of the next piece; see `PieceSizes.buffer_bytes`."""
        return min(self._pace.buffer_bytes(), self._limit_bytes())

    def span_bytes(self) -> int:
        """Return the size of the next piece; see `PieceSizes.span_bytes`."""
        return min(self._pace.span_bytes(), self._limit_bytes())

    async def may_send(self, count: int) -> None:
        """Wait for the bytes of a piece, before it is sent: who leaves has taken no more."""
        for share in self._shares:
            await share.take(count)

    async def sent(self, count: int, duration_s: float) -> None:
        """Take note of a piece, and pause where the other pace does."""
        await self._pace.sent(count, duration_s)

    def _limit_bytes(self) -> int:
        return min(share.piece_bytes() for share in self._shares)


Pace = AdaptivePace | DelayedPace | LimitedPace


class Transfer:
    """Sends the body of one prepared response, in a `with` block."""

    def __init__(
        self, request: web.Request, response: web.StreamResponse, *, stall_timeout_s: float
    ) -> None:
        self._request = request
        self._response = response
        self._stall_timeout_s = stall_timeout_s
        # Two: a connection that is cut seems to have taken the piece that it stalled in.
        self._last_two_s = (0.0, 0.0)
        self._socket: socket.socket | None = None
        self._kernel_watches = False
        if request.transport is not None and not request.transport.is_closing():
            connection: socket.socket = request.transport.get_extra_info("socket")
            self._kernel_watches = _watch_for_stalls(connection, stall_timeout_s)
            _limit_unsent(connection)
            if not _is_encrypted(request.transport):
                # Once it holds bytes it is waited for until it holds none.
                request.transport.set_write_buffer_limits(high=0)
                # Without a descriptor left the transport does it all: the answer has begun.
                with suppress(OSError):
                    self._socket = connection.dup()

    def __enter__(self) -> Transfer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._socket:
            self._socket.close()

    async def send(self, chunk: Chunk) -> int:
        """Put a chunk on the wire; return its bytes once the connection has taken them.

        Raise OSError or TimeoutError for the connection, SourceChanged for the file.
        """
        began_s = time.monotonic()
        try:
            async with self._time_limit():
                if isinstance(chunk, FileSpan):
                    return await self._send_span(chunk)
                await self._send_buffer(chunk)
                return len(chunk)
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

    def _direct(self) -> socket.socket | None:
        """Return the socket where nothing has to go through the transport.

        Raise ConnectionResetError where there is no connection any more.
        """
        if self.is_cut():
            raise ConnectionResetError
        transport = self._request.transport
        if transport is None or transport.get_write_buffer_size():
            return None
        return self._socket

    async def _send_buffer(self, buffer: memoryview) -> None:
        direct = self._direct()
        if direct is None:
            await self._response.write(buffer)
        else:
            await asyncio.get_running_loop().sock_sendall(direct, buffer)

    async def _send_span(self, span: FileSpan) -> int:
        direct = self._direct()
        if direct is None:
            return await self._copy_span(span)
        count = _send_at_once(direct, span)
        if count == span.count:
            return count
        try:
            count += await asyncio.get_running_loop().sock_sendfile(
                direct, span.file, span.offset + count, span.count - count, fallback=False
            )
        except asyncio.SendfileNotAvailableError:
            # Raised for any error of the first system call: a client that has left, a disk that
            # fails, a file system without sendfile.  The copy tells which.
            rest = FileSpan(span.file, span.offset + count, span.count - count)
            return count + await self._copy_span(rest)
        if count < span.count:
            raise SourceChanged("resized")
        return count

    async def _copy_span(self, span: FileSpan) -> int:
        read = partial(os.pread, span.file.fileno(), span.count, span.offset)
        try:
            data = await asyncio.get_running_loop().run_in_executor(None, read)
        except OSError as error:
            raise SourceUnreadable.of(error) from None
        if len(data) < span.count:
            raise SourceChanged("resized")
        await self._send_buffer(memoryview(data))
        self._direct()  # a write to a connection that is cut raises nothing at once
        return span.count

    def _time_limit(self) -> AbstractAsyncContextManager[object]:
        return nullcontext() if self._kernel_watches else timeout(self._stall_timeout_s)


def _is_encrypted(transport: asyncio.Transport) -> bool:
    return transport.get_extra_info("sslcontext") is not None


def _send_at_once(connection: socket.socket, span: FileSpan) -> int:
    """Send as much as the connection takes without waiting; return the bytes.

    Most of a little album fits the socket's buffer, and to wait for it costs turns of the event
    loop.  Errors are left to whoever waits.
    """
    try:
        return os.sendfile(connection.fileno(), span.file.fileno(), span.offset, span.count)
    except OSError:
        return 0


def _limit_unsent(connection: socket.socket) -> None:
    """Have the kernel keep little for a client beyond what is on its way to it.

    Thousands of slow clients would fill the memory that the system has for TCP, a few hundred
    kilobytes each, and then everybody waits.  What is on its way is not limited, so a quick client
    is as quick as before.
    """
    if _KERNEL_UNSENT_LIMIT is not None:
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, _KERNEL_UNSENT_LIMIT, UNSENT_BYTES)


def _watch_for_stalls(connection: socket.socket, timeout_s: float) -> bool:
    """Have the kernel cut a connection whose peer accepts nothing; tell whether it does."""
    if _KERNEL_TIMEOUT is None:
        return False
    try:
        connection.setsockopt(socket.IPPROTO_TCP, _KERNEL_TIMEOUT, round(timeout_s * 1000))
    except OSError:
        return False
    return True
