"""The progress of the work of each thread, noted by the work itself.

Work that waits for the loop of a store is noted there: a context goes with each call to a loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from archive_service.storage.newcomers import HEAVY_S, NO_NEWCOMERS, STEP_S, Newcomers

_Result = TypeVar("_Result")


@dataclass(slots=True, eq=False)
class Progress:
    """How far a piece of work has come; times are of a monotonic clock."""

    key: Hashable
    """The album that it is done for."""
    began_s: float
    """When its step began."""
    noted_s: float
    """When it last noted progress."""
    newcomers: Newcomers = NO_NEWCOMERS
    """The requests that it gives way to."""
    rested_s: float = 0.0
    """The thread's processor time when it began or rested last."""
    is_heavy: bool = False
    """Whether it has rested."""
    pages: int = 0
    """Pages of a store's listing that have come, and that others follow."""

    def give_way(self) -> None:
        """Rest if there are newcomers and the work is heavy, for no longer than it has computed."""
        if not self.newcomers.are_there:
            return
        computed_s = time.thread_time() - self.rested_s
        if computed_s >= (STEP_S if self.is_heavy else HEAVY_S):
            self.newcomers.rest(computed_s)
            self.is_heavy = True
            self.rested_s = time.thread_time()


current: ContextVar[Progress | None] = ContextVar("current", default=None)
"""The work of this thread, if it has any."""


def run_noted(work: Progress, future: Future[_Result], call: Callable[[], _Result]) -> None:
    """Call a function whose progress is noted; its result is the future's."""
    if not future.set_running_or_notify_cancel():
        return
    current.set(work)
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
        future.set_exception(error)
    else:
        future.set_result(result)
    finally:
        current.set(None)
        del future  # an exception holds this frame


def note_progress() -> None:
    """Note progress of this thread's work: it may take long, but does not hang.

    Heavy work gives way here: between two steps, when it holds no lock.
    """
    if work := current.get():
        work.give_way()
        work.noted_s = time.monotonic()


def note_page() -> None:
    """Note that a page of a store's listing has come, and that another follows."""
    if work := current.get():
        work.pages += 1


def note_step(key: Hashable) -> None:
    """Note that this thread begins another step of its work, for the album of a key.

    For a lane of several albums, whose work gives way after a step where others wait.
    """
    if work := current.get():
        work.began_s = work.noted_s = time.monotonic()
        work.key = key
