"""How a server ends while it sends."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from harness.albums import HASH
from harness.http import Connection, connected
from harness.server import Server

HOLDING_BYTES = 24 * 1024 * 1024
"""More than the system takes on behalf of a client that takes nothing."""


@contextmanager
def held(server: Server) -> Iterator[tuple[Connection, int]]:
    """Begin a download of HOLDING_BYTES or more, which can't end before more of it is taken."""
    with connected(server.port, small_window=True) as connection:
        connection.send("GET", f"/archive/{HASH}/")
        status, fields = connection.receive_head()
        assert status == 200
        assert connection.reader.peek(1)
        yield connection, int(dict(fields)["content-length"])


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
