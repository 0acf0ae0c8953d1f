"""Two visitors behind a proxy that is trusted, downloads that are held, and how long work takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from harness.albums import HASH
from harness.http import Connection, connected

PROXY = ("--trusted-proxies", "127.0.0.1")
ANN, BOB = "X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 198.51.100.2"


@contextmanager
def holding(port: int, count: int, *field_lines: str) -> Iterator[list[Connection]]:
    """Begin downloads of HOLDING_BYTES or more, which can't end before more of them is taken."""
    with ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = stack.enter_context(connected(port, small_window=True))
            connection.send("GET", f"/archive/{HASH}/", *field_lines)
            assert connection.receive_head()[0] == 200
            connections.append(connection)
        yield connections


def duration_s(work: Callable[[], object]) -> float:
    started_s = time.monotonic()
    work()
    return time.monotonic() - started_s
