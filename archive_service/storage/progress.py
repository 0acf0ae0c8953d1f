"""How the work of each thread goes on, noted by the work itself.

Work that waits for the loop of a store is noted there: a context goes with each call to a loop.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Progress:
    """How far a piece of work has come; times are of a monotonic clock."""

    key: Hashable
    """The album that it is done for."""
    began_s: float
    """When its step began."""
    noted_s: float
    """When it went on last."""


current: ContextVar[Progress | None] = ContextVar("current", default=None)
"""The work of this thread, if it has any."""


def note_progress() -> None:
    """Note that the work of this thread goes on: it may take long, but does not hang."""
    if work := current.get():
        work.noted_s = time.monotonic()


def note_step(key: Hashable) -> None:
    """Note that this thread begins another step of its work, for the album of a key.

    For a lane of several albums, whose work gives way after a step where others wait.
    """
    if work := current.get():
        work.began_s = work.noted_s = time.monotonic()
        work.key = key
