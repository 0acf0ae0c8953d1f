"""Reports disks that do not answer, by the threads that hang on them.

`storage/lanes.py` finds these threads and puts others in their place.
"""

from __future__ import annotations

from collections import Counter
from threading import Lock

from archive_service.observe.events import Observe
from archive_service.observe.storage_events import DiskAnswering, DiskHanging, HangingThreadsChanged


class HangingDisks:
    """Reports each mount once when it begins to hang, and when it answers; for any thread."""

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self._lock = Lock()
        self._threads: Counter[str] = Counter()

    def change(self, mount: str, by: int) -> None:
        """Record that more threads, or fewer if `by` is negative, wait for a mount."""
        with self._lock:
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
