"""Reports disks that do not answer, by the threads that hang on them.

`storage/thread_lanes.py` finds these threads and puts others in their place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from threading import Lock

from archive_service.observe.events import Observe
from archive_service.observe.storage_events import DiskAnswering, DiskHanging, HangingThreadsChanged


class HangingDisks:
    """Reports each mount once when it begins to hang, and when it answers; for any thread."""

    def __init__(self, observe: Observe, place: Callable[[Hashable], str]) -> None:
        """`place` names the mount that the work of a lane waits for, by the lane's key."""
        self._observe = observe
        self._place = place
        self._lock = Lock()
        self._threads: Counter[str] = Counter()
        self._waiting: Counter[Hashable] = Counter()
        self._mounts: dict[Hashable, str] = {}
        """Of each key with threads that wait, as it was when the first began to hang.

        A mount may be detached meanwhile, and then its path is one of the disk below it.
        """

    def change(self, key: Hashable, by: int) -> None:
        """Record that more threads, or fewer if `by` is negative, wait for the mount of a key."""
        with self._lock:
            mount = self._mounts.setdefault(key, self._place(key))
            self._waiting[key] += by
            if not self._waiting[key]:
                del self._waiting[key], self._mounts[key]
            before = self._threads[mount]
            self._threads[mount] += by
            after = self._threads[mount]
            if not after:
                del self._threads[mount]
        self._observe(HangingThreadsChanged(by))
        if not before:
            self._observe(DiskHanging(mount))
        elif not after:
            self._observe(DiskAnswering(mount))
