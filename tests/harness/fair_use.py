"""Two visitors behind a proxy that is trusted, downloads that are held, and how long work takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from harness.albums import HASH
from harness.http import Connection, begun

PROXY = ("--trusted-proxies", "127.0.0.1")
ANN, BOB = "X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 198.51.100.2"


@contextmanager
def holding(port: int, count: int, *field_lines: str) -> Iterator[list[Connection]]:
    """Begin downloads of HOLDING_BYTES or more, which can't end before more of them is taken."""
    with ExitStack() as stack:
        downloads = [begun(port, f"/archive/{HASH}/", *field_lines) for _ in range(count)]
        yield [stack.enter_context(download)[0] for download in downloads]


def duration_s(work: Callable[[], object]) -> float:
    started_s = time.monotonic()
    work()
    return time.monotonic() - started_s
