"""Clients that do not read for a while."""

from __future__ import annotations

import array
import fcntl
import termios
import time

from harness.conditions import eventually
from harness.http import Connection


def fill_buffers(connection: Connection, *, at_rest_s: float = 0.3) -> None:
    """Wait until nothing more comes to a client that does not read, for a time."""
    seen_bytes, since_s = -1, 0.0

    def is_at_rest() -> bool:
        nonlocal seen_bytes, since_s
        if (waiting_bytes := _waiting_bytes(connection)) != seen_bytes:
            seen_bytes, since_s = waiting_bytes, time.monotonic()
        return time.monotonic() - since_s > at_rest_s

    eventually(is_at_rest)


def _waiting_bytes(connection: Connection) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(connection.socket.fileno(), termios.FIONREAD, count)
    return count[0]
