"""The way of a body's bytes to the socket, past the transport that it belongs to."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from archive_service.archive.errors import SourceChanged
from archive_service.storage.base import DiskFile
from archive_service.transfer.batches import NOTHING
from archive_service.transfer.file_span import Chunk, FileSpan

_MORE_FOLLOWS = getattr(socket, "MSG_MORE", 0)


class FileNotSent(Exception):
    """The kernel did not send a file, for whatever reason; to copy it tells which."""

    def __init__(self, unsent: FileSpan) -> None:
        super().__init__()
        self.unsent = unsent


class SocketWriter:
    """A duplicate of a connection's socket, by which one chunk after the other is sent.

    The event loop lets nobody wait for a socket that has a transport, but for a duplicate; that has
    to be closed for the connection to be.

    asyncio's `sock_sendall` and `sock_sendfile` would do the same, but have the selector told
    twice for each wait.  Here it is told at the first, and when there is room and nothing to send.
    """

    def __init__(self, connection: socket.socket) -> None:
        """Raise OSError where there is no descriptor left."""
        self._loop = asyncio.get_running_loop()
        self._socket = connection.dup()
        # The selector makes a message of what it is told of first, and a socket's text takes long.
        self._descriptor = self._socket.fileno()
        self._is_watched = False
        self._buffer = NOTHING
        self._file: DiskFile | None = None
        self._offset = self._count = 0
        self._sent: asyncio.Future[None] | None = None

    def close(self) -> None:
        """Let the socket go."""
        if self._is_watched:
            self._loop.remove_writer(self._descriptor)
        self._socket.close()

    def begin(self, chunk: Chunk) -> int:
        """Send what there is room for; return how many bytes are left.

        Raise OSError for the connection, FileNotSent, or SourceChanged for a file that is shorter.
        """
        if isinstance(chunk, FileSpan):
            self._buffer, self._file = chunk.head, chunk.file
            self._offset, self._count = chunk.offset, chunk.count
        else:
            self._buffer, self._file, self._count = chunk, None, 0
        return self._go_on()

    async def finish(self) -> None:
        """Send the rest of the chunk when there is room for it; raise as `begin` does."""
        self._sent = self._loop.create_future()
        if not self._is_watched:
            self._loop.add_writer(self._descriptor, self._on_room)
            self._is_watched = True
        try:
            await self._sent
        finally:
            self._sent = None

    def _on_room(self) -> None:
        if self._sent is None or self._sent.done():
            self._loop.remove_writer(self._descriptor)
            self._is_watched = False
            return
        try:
            if not self._go_on():
                self._sent.set_result(None)
        except Exception as error:  # noqa: BLE001 - it is for who waits
            self._sent.set_exception(error)

    def _go_on(self) -> int:
        """Send what there is room for; return how many bytes are left."""
        with suppress(BlockingIOError):
            if self._buffer:
                # In one segment with what follows, where the system can.
                sent = self._socket.send(self._buffer, _MORE_FOLLOWS if self._file else 0)
                # What is sent is let go at once, for a pace may hold the next chunk back.
                self._buffer = self._buffer[sent:] or NOTHING
            if self._file and not self._buffer:
                self._send_file(self._file)
        return len(self._buffer) + self._count

    def _send_file(self, file: DiskFile) -> None:
        try:
            sent = os.sendfile(self._descriptor, file.fileno(), self._offset, self._count)
        except BlockingIOError:
            raise
        except OSError:
            raise FileNotSent(FileSpan(file, self._offset, self._count)) from None
        if not sent:
            raise SourceChanged("resized")
        self._offset += sent
        self._count -= sent
