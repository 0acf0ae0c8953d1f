"""Writes a body's bytes to a connection's socket, past its transport."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from functools import partial

from archive_service.archive.errors import SourceChanged, SourceUnreadable
from archive_service.checksums.hash_blocks import thread_block
from archive_service.storage.base import DiskFile
from archive_service.transfer.batches import NOTHING
from archive_service.transfer.file_span import Chunk, CopiedSpan, FileSpan
from archive_service.transfer.loop_turns import AT_ONCE, Turns

_COPIED_BYTES = 256 * 1024
"""Bytes that are copied at once."""
_COPIED_FOR_ROOM_BYTES = 64 * 1024
"""Bytes copied at once after waiting for the client: what it does not take is read again."""
_MORE_FOLLOWS = getattr(socket, "MSG_MORE", 0)


class FileNotSent(Exception):
    """The kernel refused to send a file; copying the data shows the reason."""

    def __init__(self, unsent: FileSpan) -> None:
        super().__init__()
        self.unsent = unsent


class SocketWriter:
    """Sends chunks over a duplicate of a connection's socket.

    asyncio refuses `add_writer` on a socket that a transport owns, so we use a duplicate.  The
    connection closes only when the duplicate is closed, too.
    """

    def __init__(self, connection: socket.socket) -> None:
        """Raise OSError where there is no descriptor left."""
        self._loop = asyncio.get_running_loop()
        # Sending does not depend on the family; the system would have to be asked for it.
        descriptor = os.dup(connection.fileno())
        self._socket = socket.socket(
            socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, descriptor
        )
        # Selectors are given the descriptor: they format an object for an error first, which is
        # slow for a socket.
        self._descriptor = self._socket.fileno()
        self._buffer = NOTHING
        self._file: DiskFile | None = None
        self._is_copied = False
        self._offset = self._count = 0

    @property
    def left_bytes(self) -> int:
        """How many bytes of the chunk the socket has not taken yet."""
        return len(self._buffer) + self._count

    def close(self) -> None:
        """Close the duplicate."""
        self._socket.close()

    def begin(self, chunk: Chunk) -> int:
        """Send as much of a chunk as the socket takes; return how many bytes are left.

        Raise OSError for the connection, FileNotSent, or SourceChanged for a file that is shorter.
        """
        self._is_copied = isinstance(chunk, CopiedSpan)
        if isinstance(chunk, FileSpan):
            self._buffer, self._file = chunk.head, chunk.file
            self._offset, self._count = chunk.offset, chunk.count
        else:
            self._buffer, self._file, self._count = chunk, None, 0
        return self._go_on(_COPIED_BYTES)

    async def finish(self, turns: Turns = AT_ONCE) -> None:
        """Send the rest of the chunk as the socket takes it, in steps; raise like `begin`."""
        sent = self._loop.create_future()
        self._await_room(sent, turns)
        try:
            await sent
        finally:
            self._loop.remove_writer(self._descriptor)
        turns.note_wait()

    def _await_room(self, sent: asyncio.Future[None], turns: Turns) -> None:
        self._loop.add_writer(self._descriptor, self._on_room, sent, turns)

    def _on_room(self, sent: asyncio.Future[None], turns: Turns) -> None:
        if sent.done():  # as `finish` has not run yet
            return
        turns.note_wait()
        if turns.take():
            self._make_step(sent)
            return
        # Otherwise the event loop would report the room in each turn of the others.
        self._loop.remove_writer(self._descriptor)
        turns.put_off(partial(self._make_due_step, sent, turns))

    def _make_due_step(self, sent: asyncio.Future[None], turns: Turns) -> None:
        if sent.done():  # `finish` was given up
            return
        self._make_step(sent)
        if not sent.done():
            self._await_room(sent, turns)

    def _make_step(self, sent: asyncio.Future[None]) -> None:
        try:
            if not self._go_on(_COPIED_FOR_ROOM_BYTES):
                sent.set_result(None)
        except Exception as error:  # noqa: BLE001 - `finish` raises it
            sent.set_exception(error)

    def _go_on(self, copied_bytes: int) -> int:
        """Send as much as the socket takes; return how many bytes are left."""
        with suppress(BlockingIOError):
            if self._is_copied:
                self._copy(thread_block()[:copied_bytes])
                return self.left_bytes
            if self._buffer:
                # In one segment with the file's data, where the system can do that.
                sent = self._socket.send(self._buffer, _MORE_FOLLOWS if self._file else 0)
                # Free what is sent at once: a pace may delay the next chunk.
                self._buffer = self._buffer[sent:] or NOTHING
            if self._file and not self._buffer:
                self._refer_to(self._file)
        return self.left_bytes

    def _refer_to(self, file: DiskFile) -> None:
        try:
            sent = os.sendfile(self._descriptor, file.fileno(), self._offset, self._count)
        except BlockingIOError:
            raise
        except OSError:
            raise FileNotSent(FileSpan(file, self._offset, self._count)) from None
        if not sent:
            raise SourceChanged("resized")
        self._note_sent(sent)

    def _copy(self, block: memoryview) -> None:
        """Send the head and the data together, as much as fits into a block at a time.

        The block is the thread's: a download that waits for its client takes no memory.
        """
        offered = sent = 0
        while sent == offered and self.left_bytes:  # else the socket is full
            head = self._buffer[: len(block)]
            block[: len(head)] = head
            offered = len(head) + self._read_into(block[len(head) :][: self._count])
            sent = self._socket.send(block[:offered])
            self._buffer = self._buffer[sent:] or NOTHING
            self._note_sent(max(sent - len(head), 0))

    def _read_into(self, buffer: memoryview) -> int:
        if self._file is None or not buffer:
            return 0
        try:
            count = os.preadv(self._file.fileno(), (buffer,), self._offset)
        except OSError as error:
            raise SourceUnreadable.of(error) from None
        if not count:
            raise SourceChanged("resized")
        return count

    def _note_sent(self, count: int) -> None:
        self._offset += count
        self._count -= count
