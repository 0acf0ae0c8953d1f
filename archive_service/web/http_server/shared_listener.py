"""Accepts connections from a listening socket that one process has, or several share.

The kernel wakes every process that waits for the socket, and the first to call accept gets the
connection.  A process that is sending is awake already, so it would get most connections: of 480
pairs of downloads on two workers and two cores, the second begun 0 to 0.3 s after the first, 224
pairs shared one worker while the other was idle.  So a process with more connections than another
waits a moment before it accepts.  Then 5 of 480 pairs shared a worker.  It does accept after that
moment, because the other process may hang or may have ended.

A process accepts one connection at a time; asyncio would accept the whole backlog.  SO_REUSEPORT
was rejected: it distributes connections by a hash of their addresses, without regard to load.

A process without spare descriptors accepts no connection: new ones stay in the backlog.  For each
that waits, the connection that has waited longest for a whole header is closed, so clients who hold
connections and ask for nothing delay nobody by more than a moment.  asyncio's own server would
retry a thousand times in a row and log each time, and downloads under way would find no descriptor
for their files.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import Callable
from typing import cast

from aiohttp import web

from archive_service.archive.errors import errno_name
from archive_service.observe.events import Observe
from archive_service.observe.process_events import ConnectionNotTaken
from archive_service.web.http_server.connection_counts import ConnectionCount
from archive_service.web.http_server.runner import Runner

_MOMENT_S = 0.02
"""Enough for an idle process to wake up while all cores are busy."""
_RETRY_S = 0.25
"""Pause before the next try, if there are too few descriptors or too little memory."""
_NO_ROOM = "reserve"
_PER_DOWNLOAD = 3
"""Descriptors: the connection, its duplicate (`SocketWriter`) and the file that is sent."""
_MOST_RESERVED = 256
_RESERVED_PART = 4
"""At most a quarter is reserved for listings, hashing, reading ahead and the index."""


class SharedListener(web.BaseSite):
    """Accepts connections while there are descriptors for their downloads."""

    def __init__(
        self,
        runner: Runner,
        *,
        listener: socket.socket,
        connections: ConnectionCount,
        observe: Observe,
    ) -> None:
        super().__init__(runner)
        self._make_connection = cast("Callable[[], asyncio.Protocol]", runner.server)
        self._close_longest_silent = runner.close_longest_silent
        self._newcomers = runner.newcomers
        self._listener = listener
        self._connections = connections
        self._observe = observe
        self._taking: asyncio.Task[None] | None = None
        # Selectors are given the descriptor: they format an object for an error first.
        self._descriptor = listener.fileno()
        self._last_taken = 0
        """The descriptor of the last connection: the lowest that was free."""
        self._is_stopped = False

    @property
    def name(self) -> str:
        """The address."""
        return str(self._listener.getsockname())

    async def start(self) -> None:
        """Begin to accept connections."""
        await super().start()
        self._listener.settimeout(0)
        self._wait()

    async def stop(self) -> None:
        """Stop after the connection that is being accepted."""
        self._is_stopped = True
        asyncio.get_running_loop().remove_reader(self._descriptor)
        if self._taking:
            await asyncio.wait({self._taking})
        self._listener.close()
        await super().stop()

    def _wait(self) -> None:
        if not self._is_stopped:
            asyncio.get_running_loop().add_reader(self._descriptor, self._wake)

    def _wake(self) -> None:
        if self._taking:  # a moment ago: its connection is not counted yet
            return
        self._newcomers.note_connection()
        self._taking = asyncio.get_running_loop().create_task(self._take())
        self._taking.add_done_callback(self._end_taking)

    def _end_taking(self, _taking: asyncio.Task[None]) -> None:
        self._taking = None

    async def _take(self) -> None:
        if self._connections.is_above_least():
            await self._pause(_MOMENT_S)
        if not self._has_room():
            self._observe(ConnectionNotTaken(_NO_ROOM))
            await self._pause(self._close_longest_silent())
            return
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process was faster, or the client has left
        except OSError as error:
            self._observe(ConnectionNotTaken(errno_name(error)))
            await self._pause(_RETRY_S)
            return
        self._last_taken = connection.fileno()
        connection.settimeout(0)
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(self._make_connection, connection)
        except OSError:  # the client has left; macOS reports it when options are set
            connection.close()

    async def _pause(self, pause_s: float) -> None:
        """Wait; meanwhile connections that wait do not keep the event loop awake."""
        asyncio.get_running_loop().remove_reader(self._descriptor)
        try:
            await asyncio.sleep(pause_s)
        finally:
            self._wait()

    def _has_room(self) -> bool:
        """Return whether the process has descriptors for one more connection."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit == resource.RLIM_INFINITY:
            return True
        usable = limit - min(_MOST_RESERVED, limit // _RESERVED_PART)
        if (self._connections.own() + 1) * _PER_DOWNLOAD > usable:
            return False
        # If that is no longer true, the next connection is taken from the reserve, and shows it.
        are_many_free = self._last_taken < usable // 2
        return are_many_free or _lowest_free() < usable


def _lowest_free() -> int:
    """Return the lowest free descriptor: at least as many are in use."""
    try:
        descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # none is free
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    os.close(descriptor)
    return descriptor
