"""Clients that do not read for a while."""

from __future__ import annotations

import array
import fcntl
import socket
import termios
import time
from collections.abc import Collection, Iterator, Mapping
from io import DEFAULT_BUFFER_SIZE
from pathlib import Path

from harness.conditions import eventually
from harness.http import Connection

from archive_service.transfer.referenced_files import KEPT_BACK_BYTES

_LACKING_BYTES = KEPT_BACK_BYTES + DEFAULT_BUFFER_SIZE
"""What the server keeps back, and what the client has read ahead."""
_ESTABLISHED = 1  # TCP_ESTABLISHED, of the states in linux/tcp_states.h


def fill_buffers(connection: Connection, *, left_bytes: int, at_rest_s: float = 1.0) -> None:
    """Wait until nothing more comes to a client that does not read, for a time.

    By then the server has bytes that it can't send, or the client all that are left, or all that
    came before a cut: a busy server may only be late.
    """
    seen_bytes, since_s = (-1, -1), 0.0

    def is_at_rest() -> bool:
        nonlocal seen_bytes, since_s
        held_bytes = (_unsent_bytes(connection), _waiting_bytes(connection))
        if held_bytes != seen_bytes:
            seen_bytes, since_s = held_bytes, time.monotonic()
        is_full = held_bytes[0] > 0 or held_bytes[1] >= left_bytes - _LACKING_BYTES
        comes_no_more = is_full or not _is_established(connection)
        return comes_no_more and time.monotonic() - since_s > at_rest_s

    eventually(is_at_rest)


def fill_buffers_between(ports: Collection[int], *, at_rest_s: float = 1.0) -> None:
    """Wait until no byte has moved for a time in the connections from and to ports."""
    seen: Mapping[tuple[int, int], str] = {}
    since_s = 0.0

    def are_at_rest() -> bool:
        nonlocal seen, since_s
        queues = {ends: waiting for ends, waiting in _queues() if not set(ports).isdisjoint(ends)}
        if queues != seen:
            seen, since_s = queues, time.monotonic()
        return bool(seen) and time.monotonic() - since_s > at_rest_s

    eventually(are_at_rest)


def _waiting_bytes(connection: Connection) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(connection.socket.fileno(), termios.FIONREAD, count)
    return count[0]


def _is_established(connection: Connection) -> bool:
    """Return whether neither side has closed the connection."""
    state = connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state == _ESTABLISHED


def _unsent_bytes(connection: Connection) -> int:
    """Return what waits in the socket of the server, which is on this machine."""
    ends = connection.socket.getpeername()[1], connection.socket.getsockname()[1]
    unsent, _, _ = dict(_queues()).get(ends, "0").partition(":")
    return int(unsent, 16)


def _queues() -> Iterator[tuple[tuple[int, int], str]]:
    """Yield the ports of each socket on this machine, its own first, and the bytes in it."""
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, *addresses, _, queues = line.split()[:5]
        own, other = (int(address.rpartition(":")[2], 16) for address in addresses)
        yield (own, other), queues
