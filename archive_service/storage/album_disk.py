"""What an album lies on: the threads that may wait for it, and how quick it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from typing import NamedTuple, TypeVar

from archive_service.storage.disk_demand import DiskDemand

_Result = TypeVar("_Result")


class AlbumDisk(NamedTuple):
    """What an album lies on."""

    threads: Executor
    """The threads that may wait for it."""
    demand: DiskDemand
    is_prompt: Callable[[], bool]
    """Returns whether it is a local disk."""
    is_at_hand: Callable[[], bool]
    """Returns whether files open without waiting."""
    packing: AbstractContextManager[object]
    """Within it a thread packs headers: one at a time, of all albums."""

    async def in_thread(
        self, work: Callable[[], _Result], free: Callable[[], object] | None = None
    ) -> _Result:
        """Do work that waits for the disk, in a thread; call `free` once the thread has ended it.

        The caller may have gone by then.
        """
        with self.demand.busy():
            working = self.threads.submit(work)
            if free:
                working.add_done_callback(lambda _working: free())
            return await asyncio.wrap_future(working)
