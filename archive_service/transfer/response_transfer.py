"""The transfer: an answer's header fields, then its body, put on the wire at the client's pace.

Once the header fields are sent, a client takes everything that follows as the body.  So from then
on the connection is in one state, "so many bytes are left", and leaves it in two ways: no byte is
left, or the connection is closed.  A chunk that is longer than the rest is not sent.

After a failure of ours the connection is closed by a FIN behind what was sent, not by a reset:
clients then keep all they have received, and no front server mistakes a FIN for the end of the
body.  After a reset, proxies made with Node append the text of an error to the body; docs/http.md
has the whole comparison.  Only a client that is cut because it takes too little gets a reset: a FIN
would wait behind all that it does not take.

Both kinds of chunks go straight to the socket, past aiohttp and its transport: buffers by `send`,
spans of files from the page cache by `sendfile`.  The transport would copy the data that the socket
does not take at once, and would take several turns of the event loop for each `sendfile`.
Everything goes through the transport only while it still holds bytes: at most those of the header
fields and of what came right behind.

Facts about the parts underneath:

- asyncio refuses `add_writer` on a socket that a transport owns: `SocketWriter` uses a duplicate.
- `sendfile` returns short, without an error, where the file has shrunk.  So bytes are counted.
- After a cancellation or error the transport may never work again.  So every failure closes the
  connection.  The client notices it, too: the body is shorter than its Content-Length.
- asyncio has no time-out for a client that accepts no bytes.  A `StallWatchdog` cuts it, if the
  system reports how far a client has come.  Otherwise each piece has to be taken in time.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable
from contextlib import suppress
from functools import partial
from types import TracebackType

from aiohttp import web

from archive_service.archive.errors import LengthMismatch, SourceChanged, SourceUnreadable
from archive_service.transfer.file_span import Chunk, FileSpan
from archive_service.transfer.loop_turns import AT_ONCE, Turns
from archive_service.transfer.socket_writer import FileNotSent, SocketWriter
from archive_service.transfer.stall_watchdog import StallWatchdog, reset
from archive_service.transfer.tcp_info import progress_of

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:
    from async_timeout import timeout


class Transfer:
    """Sends one answer whose Content-Length is set, in an `async with` block.

    Entering the block sends the header fields.  Leaving it closes the connection, unless the whole
    body was sent and nothing was raised.
    """

    def __init__(
        self, request: web.Request, response: web.StreamResponse, *, stall_timeout_s: float
    ) -> None:
        self._request = request
        self._announced_bytes = self._left_bytes = response.content_length or 0
        self._pending_bytes = 0
        """Bytes of the last chunk that `finish` has to send."""
        self._response = response
        self._stall_timeout_s = stall_timeout_s
        self._has_timed_out = False
        self._is_too_slow = False
        self._writer: SocketWriter | None = None
        self._watch: StallWatchdog | None = None
        self._unsent: Chunk | None = None
        """What the transport still has to send."""

    async def __aenter__(self) -> Transfer:
        await self._response.prepare(self._request)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._watch:
            self._watch.end()
        if error is not None or self._left_bytes:
            self.abort()
        if self._writer:
            self._writer.close()

    def begin(self, chunk: Chunk) -> int:
        """Send as much of a chunk as fits; return how many bytes are left for `finish`.

        Raise OSError for the connection, SourceChanged for the file, LengthMismatch for a chunk
        that is longer than the rest of the body.
        """
        count = len(chunk)
        if count > self._left_bytes:
            raise LengthMismatch
        transport = self._transport()
        self._unsent, self._pending_bytes = None, count
        writer = self._opened_writer(transport)
        if writer is None or transport.get_write_buffer_size():
            self._unsent = chunk
            return count
        try:
            writer.begin(chunk)
        except FileNotSent as error:
            self._unsent = error.unsent
        finally:  # before part of a file that has changed is sent
            self._note_pending(writer.left_bytes)
        return self._pending_bytes

    def offer(self, buffer: memoryview) -> int:
        """Send what fits of a buffer; return how many bytes were sent.  Raise like `begin`."""
        if len(buffer) > self._left_bytes:
            raise LengthMismatch
        transport = self._transport()
        if transport.get_write_buffer_size():
            return 0
        try:
            sent_bytes = os.write(transport.get_extra_info("socket").fileno(), buffer)
        except BlockingIOError:
            return 0
        self._left_bytes -= sent_bytes
        return sent_bytes

    async def room(self) -> None:
        """Wait until the connection takes more, if that is known; raise like `finish`."""
        transport = self._transport()
        if writer := self._opened_writer(transport):
            await self._in_time(transport, writer.finish())

    async def finish(self, turns: Turns = AT_ONCE) -> None:
        """Send the rest as the client takes it, in steps; raise like `begin`, or TimeoutError."""
        transport = self._transport()
        if self._writer and self._unsent is None:
            try:
                await self._in_time(transport, self._writer.finish(turns))
            except FileNotSent as error:
                self._unsent = error.unsent
            finally:  # a client that leaves has taken a part
                self._note_pending(self._writer.left_bytes)
        if self._unsent is not None:
            # While the transport holds bytes, wait until it holds none.
            transport.set_write_buffer_limits(high=0)
            await self._in_time(transport, self._send_by_transport(self._unsent))
            self._note_pending(0)

    def _opened_writer(self, transport: asyncio.Transport) -> SocketWriter | None:
        """Return the writer, opened when it is first needed.

        Return None if no descriptor is free: the answer has begun, so the transport sends it.
        """
        if self._writer is None:
            with suppress(OSError):
                self._writer = SocketWriter(transport.get_extra_info("socket"))
        return self._writer

    def _note_pending(self, left_bytes: int) -> None:
        self._left_bytes -= self._pending_bytes - left_bytes
        self._pending_bytes = left_bytes

    @property
    def sent_bytes(self) -> int:
        """How many bytes of the body the connection has taken."""
        return self._announced_bytes - self._left_bytes

    def require_complete(self) -> None:
        """Raise LengthMismatch where the body lacks bytes."""
        if self._left_bytes:
            raise LengthMismatch

    def abort(self) -> None:
        """Close the connection, so that the client sees that the archive isn't complete."""
        close_now(self._request.protocol)

    def is_cut(self) -> bool:
        """Return whether the connection is closed or closing."""
        return self._request.transport is None or self._request.transport.is_closing()

    def acknowledged_bytes(self) -> int | None:
        """Return the bytes that the client has acknowledged on its connection so far.

        None if no data waits for the client, or the system does not report it.
        """
        transport = self._request.transport
        if transport is None or transport.is_closing():
            return None
        progress = progress_of(transport.get_extra_info("socket"))
        return progress.acknowledged_bytes if progress and progress.is_pending else None

    def cut_slow(self) -> None:
        """Cut the connection because its client takes too little; drop what it has not taken."""
        transport = self._request.transport
        if transport is not None and not transport.is_closing():
            self._is_too_slow = True
            reset(transport)

    def is_too_slow(self) -> bool:
        """Return whether the connection was cut by `cut_slow`."""
        return self._is_too_slow

    def has_stalled(self) -> bool:
        """Return whether the client has made no progress for the stall time-out."""
        return self._watch.has_cut if self._watch else self._has_timed_out

    def _transport(self) -> asyncio.Transport:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        return transport

    async def _in_time(self, transport: asyncio.Transport, sending: Awaitable[None]) -> None:
        """Wait for the client, with a limit on the time in which it takes nothing."""
        if self._watch is None:
            self._watch = StallWatchdog.over(transport, timeout_s=self._stall_timeout_s)
        if self._watch:
            await sending
            return
        try:
            async with timeout(self._stall_timeout_s):
                await sending
        except asyncio.TimeoutError:
            self._has_timed_out = True
            raise

    async def _send_by_transport(self, chunk: Chunk) -> None:
        if not isinstance(chunk, FileSpan):
            await self._response.write(chunk)
            return
        read = partial(os.pread, chunk.file.fileno(), chunk.count, chunk.offset)
        try:
            data = await asyncio.get_running_loop().run_in_executor(None, read)
        except OSError as error:
            raise SourceUnreadable.of(error) from None
        if len(data) < chunk.count:
            raise SourceChanged("resized")
        if chunk.head:
            await self._response.write(chunk.head)
        await self._response.write(data)
        if self.is_cut():  # a write to a connection that is cut raises nothing at once
            raise ConnectionResetError


def close_now(protocol: web.RequestHandler) -> None:
    """Close a connection behind what the kernel has; nothing more is read, sent or answered."""
    if protocol.transport is not None:
        # What the transport itself holds would be waited for; the client need not take it.
        protocol.transport.abort()
    protocol.force_close()
