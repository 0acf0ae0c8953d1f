"""What a server has in use, so that a test can check that everything was freed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.conditions import eventually
from harness.server import Server, open_files

WITHIN_S = 120.0
THREADS_AT_MOST = 64
"""All threads that the service's pools may come to have; they stay, once begun."""


@dataclass(frozen=True)
class Levels:
    """Counts of one process."""

    descriptors: int
    threads: int
    memory_bytes: int


def levels(server: Server) -> Levels:
    process = Path(f"/proc/{server.pid}")
    found = re.search(r"VmRSS:\s+(\d+) kB", (process / "status").read_text())
    assert found
    return Levels(
        descriptors=len(open_files(server.pid)),
        threads=len(list((process / "task").iterdir())),
        memory_bytes=int(found[1]) * 1024,
    )


def assert_given_back(server: Server, before: Levels) -> None:
    """Wait until the server has no more descriptors open than before, nor too many threads."""
    eventually(lambda: levels(server).descriptors <= before.descriptors, within_s=WITHIN_S)
    assert levels(server).threads <= THREADS_AT_MOST


def assert_memory_is_level(server: Server, before: Levels, *, may_grow_bytes: int) -> None:
    eventually(
        lambda: levels(server).memory_bytes <= before.memory_bytes + may_grow_bytes,
        within_s=WITHIN_S,
    )
