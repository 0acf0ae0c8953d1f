"""Connections that this side has closed, until their clients close them, too.

A network that ends with the process, as a container's does, takes along what the kernel has not
delivered yet, and so does the engine's proxy in front of it (docker-proxy), which holds megabytes.
An acknowledgement proves nothing, because it is the proxy's.  That the client has read everything
shows only when it closes its side behind our FIN (RFC 9112 section 9.6).
"""

from __future__ import annotations

import asyncio
import socket
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

_READ_BYTES = 65_536
_MOST_READ_BYTES = 1 << 20
"""A client that sends more than this is no longer heard: it has seen our FIN, or never will."""


@dataclass(slots=True)
class _Rest:
    """What is left to do for a connection."""

    on_end: Callable[[], None]
    deadline: asyncio.TimerHandle
    read_bytes: int = 0


class HalfClosed:
    """The half-closed connections of a process; each waits for its client for `close_s`."""

    def __init__(self, close_s: float) -> None:
        self._close_s = close_s
        self._rests: dict[socket.socket, _Rest] = {}
        """The longest wait first."""
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self._has_ended = False

    def take_over(self, connection: TransportSocket, on_end: Callable[[], None]) -> None:
        """Close this side of a connection; call `on_end` when the other side is closed.

        The caller closes its own handle on the connection afterwards.
        """
        handle = None if self._has_ended else _half_closed(connection)
        if handle is None:
            on_end()
            return
        loop = asyncio.get_running_loop()
        self._rests[handle] = _Rest(on_end, loop.call_later(self._close_s, self._end_one, handle))
        self._is_empty.clear()
        loop.add_reader(handle, self._read, handle)

    def close_first(self) -> bool:
        """Close the connection that has waited longest; return whether there was one."""
        if not self._rests:
            return False
        self._end_one(next(iter(self._rests)))
        return True

    async def wait(self) -> None:
        """Wait until all clients have closed, or until `end`."""
        await asyncio.sleep(0)  # those that the server has just closed are handed over in this turn
        await self._is_empty.wait()

    def end(self) -> None:
        """Close all connections, and each that is handed over from now on."""
        self._has_ended = True
        while self.close_first():
            pass

    def _read(self, handle: socket.socket) -> None:
        """Discard what the client still sends; it gets no answer."""
        try:
            count = len(handle.recv(_READ_BYTES))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            count = 0
        rest = self._rests[handle]
        rest.read_bytes += count
        if not count or rest.read_bytes > _MOST_READ_BYTES:
            self._end_one(handle)

    def _end_one(self, handle: socket.socket) -> None:
        rest = self._rests.pop(handle)
        rest.deadline.cancel()
        asyncio.get_running_loop().remove_reader(handle)
        with suppress(OSError):
            handle.close()
        rest.on_end()
        if not self._rests:
            self._is_empty.set()


def _half_closed(connection: TransportSocket) -> socket.socket | None:
    """Close this side; return a handle on the connection, or None if there is none to be had."""
    try:
        handle = connection.dup()
    except OSError:  # no descriptor is left
        return None
    try:
        handle.shutdown(socket.SHUT_WR)
    except OSError:  # the client has reset the connection
        handle.close()
        return None
    return handle
