"""What an album lies on, and where work on it runs: in place or in a thread, decided here alone.

Theory of operation.  A piece of work is one function.  Whoever has one hands it over with what it
takes.  It runs in place, on the event loop mostly, if nothing of it can wait: then it takes less
time than handing it to a thread.  Any other work gets a thread of the album's lane.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, nullcontext
from enum import Enum, auto
from typing import NamedTuple, Protocol, TypeVar

from archive_service.storage.disk_demand import DiskDemand

FEW_FILES = 64
"""In place, so many files and directories delay other visitors by a fraction of a millisecond."""
_Result = TypeVar("_Result")


class Load(Enum):
    """What a piece of work takes."""

    MEMORY = auto()
    """A moment of the processor alone."""
    FEW_FILES = auto()
    """A few files are looked at, opened, or read from memory."""
    MUCH = auto()
    """Data of the disk, many files, or much of the processor."""

    @classmethod
    def of_files(cls, count: int) -> Load:
        """Return what it takes to look at so many files and directories."""
        return cls.FEW_FILES if count <= FEW_FILES else cls.MUCH


class OpenFile(Protocol):
    """An open file, or a piece of one."""

    @property
    def is_prompt(self) -> bool:
        """Whether checking or reading it returns at once; never waits."""


class AlbumDisk(NamedTuple):
    """What an album lies on."""

    threads: Executor
    """The threads that may wait for it."""
    demand: DiskDemand
    is_prompt: Callable[[], bool] = lambda: True
    """Returns whether it is a local disk."""
    is_at_hand: Callable[[], bool] = lambda: False
    """Returns whether files open without waiting."""
    is_led_on: Callable[[], bool] = lambda: False
    """Returns whether a store leads a listing from page to page."""
    packing: AbstractContextManager[object] = nullcontext()
    """Within it a thread packs headers: one at a time, of all albums."""

    def begin(self, work: Callable[[], _Result], takes: Load | OpenFile) -> Future[_Result]:
        """Do work in place, or have a thread do it; what it raises is raised by the future."""
        if self._may_wait(takes):
            return self.threads.submit(work)
        done: Future[_Result] = Future()
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
            done.set_exception(error)
        return done

    async def done(self, work: Callable[[], _Result], takes: Load | OpenFile) -> _Result:
        """Do work in place or in a thread; return its result."""
        return await self.in_thread(work) if self._may_wait(takes) else work()

    def at_once(self, work: Callable[[], _Result], takes: Load | OpenFile) -> _Result | None:
        """Do work in place or, if it may wait, not at all."""
        return None if self._may_wait(takes) else work()

    async def in_thread(
        self, work: Callable[[], _Result], free: Callable[[], object] | None = None
    ) -> _Result:
        """Do work that waits for the disk, in a thread; call `free` once the thread has ended it.

        The caller may have gone by then.
        """
        import asyncio  # noqa: PLC0415 - a command without a server does without

        with self.demand.busy():
            working = self.threads.submit(work)
            if free:
                working.add_done_callback(lambda _working: free())
            return await asyncio.wrap_future(working)

    def close(self, descriptor: int) -> None:
        """Close a descriptor, in a thread."""
        self.threads.submit(os.close, descriptor)

    def _may_wait(self, takes: Load | OpenFile) -> bool:
        if not isinstance(takes, Load):
            return not takes.is_prompt
        return takes is Load.MUCH or (takes is Load.FEW_FILES and not self.is_at_hand())
