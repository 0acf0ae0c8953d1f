"""How a server ends while it sends."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.albums import HASH
from harness.conditions import eventually
from harness.http import Connection, begun
from harness.server import Server, open_files

HOLDING_BYTES = 24 * 1024 * 1024
"""More than the system takes on behalf of a client that takes nothing."""
WORKERS = 2
MOST_CONNECTIONS = 16


@contextmanager
def held(server: Server) -> Iterator[tuple[Connection, int]]:
    """Begin a download of HOLDING_BYTES or more, which can't end before more of it is taken."""
    with begun(server.port, f"/archive/{HASH}/") as (connection, length):
        assert connection.reader.peek(1)
        yield connection, length


def senders(server: Server, album: Path) -> list[int]:
    """Return which workers are sending."""
    return [
        pid
        for pid in server.workers()
        if any(path.startswith(f"{album}/") for path in open_files(pid))
    ]


@contextmanager
def held_by_all(server: Server, album: Path) -> Iterator[list[tuple[Connection, int]]]:
    """Begin downloads until each worker has at least one."""
    with ExitStack() as stack:
        downloads = []
        while len(senders(server, album)) < WORKERS:
            assert len(downloads) < MOST_CONNECTIONS
            downloads.append(stack.enter_context(held(server)))
            eventually(lambda: senders(server, album))
        yield downloads


def stopping(server: Server, number: signal.Signals) -> None:
    server.process.send_signal(number)
    server.wait_for("event=server.stopping")


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it stood in the queue while the listener was closed
        return False
    return False


def assert_quiet(server: Server) -> None:
    """No line of the log is of an error or is no event."""
    for line in server.lines:
        assert line.startswith("timestamp="), line
        assert "level=error" not in line
