"""Cuts connections whose clients no longer accept data.

Clients that accept too little are cut by `web/limits/slow_downloads.py`, while slots are scarce.

The kernel's own time-out, TCP_USER_TIMEOUT, restarts only when a whole buffer of up to 64 KiB is
acknowledged.  So it cuts clients with a tiny window that read all the time.  Here every
acknowledged byte is progress.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from archive_service.transfer.tcp_info import TcpProgress, progress_of

_LOOKS_PER_TIMEOUT = 8
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, for no time


class StallWatchdog:
    """Cuts a connection whose client has accepted nothing for the time-out; stops at `end`."""

    def __init__(
        self, transport: asyncio.Transport, connection: socket.socket, *, timeout_s: float
    ) -> None:
        self.has_cut = False
        """Whether the watchdog has cut the connection."""
        self._transport = transport
        self._connection = connection
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._before: TcpProgress | None = None
        self._moved_at_s = self._loop.time()
        self._next_look = self._look_later()

    @classmethod
    def over(cls, transport: asyncio.Transport, *, timeout_s: float) -> StallWatchdog | None:
        """Watch a transport's peer; return None where the system does not report its progress."""
        connection: socket.socket = transport.get_extra_info("socket")
        if progress_of(connection) is None:
            return None
        return cls(transport, connection, timeout_s=timeout_s)

    def end(self) -> None:
        """Stop watching."""
        self._next_look.cancel()

    def _look_later(self) -> asyncio.TimerHandle:
        return self._loop.call_later(self._timeout_s / _LOOKS_PER_TIMEOUT, self._look)

    def _look(self) -> None:
        if self._transport.is_closing():
            return
        now = progress_of(self._connection)
        if now is None or now != self._before or not now.is_pending:
            self._before = now
            self._moved_at_s = self._loop.time()
        elif self._loop.time() - self._moved_at_s >= self._timeout_s:
            self._cut()
            return
        self._next_look = self._look_later()

    def _cut(self) -> None:
        self.has_cut = True
        reset(self._transport)


def reset(transport: asyncio.Transport) -> None:
    """Close a connection, and drop the data that its client has not taken.

    The kernel would otherwise keep that data for minutes.
    """
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
