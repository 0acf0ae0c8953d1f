"""Bounds the memory for bytes that wait for their readers; for calls from any thread."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Protocol

from archive_service.storage.s3.answer_checks import Part

KEPT_OBJECT_BYTES = 16 * 1024 * 1024
"""The largest object that is kept in memory after hashing, to be sent."""
_WAITED_FOR_BYTES = 256 * 1024
"""One waiter is woken for this much room: more would find too little and wait again."""
_IDLE_S = 60.0
"""After this time a kept object may be evicted: its download may have ended."""


class Room(Protocol):
    """An account of bytes held."""

    def try_take(self, count: int) -> bool:
        """Take room if there is enough; return whether it was taken."""

    def take(self, count: int) -> None:
        """Take room even beyond the size: a reader waits without any bytes."""

    def release(self, count: int) -> None:
        """Give room back."""

    def wait(self, wake: Callable[[], None]) -> None:
        """Call `wake` once, after room was given back."""


class MemoryBudget:
    """A fixed number of bytes; see `Room`."""

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        self._lock = Lock()
        self._waiting: dict[Callable[[], None], None] = {}

    def try_take(self, count: int) -> bool:
        """Take room if there is enough; see `Room.try_take`."""
        with self._lock:
            if count > self._free:
                return False
            self._free -= count
            return True

    def take(self, count: int) -> None:
        """Take room; see `Room.take`."""
        with self._lock:
            self._free -= count

    def release(self, count: int) -> None:
        """Give room back; see `Room.release`."""
        woken: list[Callable[[], None]] = []
        with self._lock:
            self._free += count
            while self._waiting and len(woken) * _WAITED_FOR_BYTES < self._free:
                woken.append(next(iter(self._waiting)))
                del self._waiting[woken[-1]]
        for wake in woken:
            wake()

    def wait(self, wake: Callable[[], None]) -> None:
        """Call `wake` once; see `Room.wait`."""
        with self._lock:
            self._waiting[wake] = None

    @property
    def used(self) -> int:
        """The bytes that are taken."""
        return self._size - self._free


class Prepaid:
    """Room for bytes that another budget has already taken; see `Room`."""

    def try_take(self, count: int) -> bool:
        """See `Room.try_take`."""
        return True

    def take(self, count: int) -> None:
        """See `Room.take`."""

    def release(self, count: int) -> None:
        """See `Room.release`."""

    def wait(self, wake: Callable[[], None]) -> None:
        """See `Room.wait`."""


class Kept:
    """Whole objects that were just hashed and will be sent from memory.

    Only idle objects are evicted for new ones.  Otherwise, with too little memory for all, each
    would be evicted before its turn.
    """

    def __init__(self, size: int) -> None:
        self._budget = MemoryBudget(size)
        self._lock = Lock()
        self._objects: OrderedDict[Part, tuple[Sequence[memoryview], float]] = OrderedDict()

    def hold(self, size: int) -> bool:
        """Take room for an object; return False without room, and the object is read twice."""
        if size > KEPT_OBJECT_BYTES:
            return False
        while not self._budget.try_take(size):
            if not self._drop_idle():
                return False
        return True

    def release(self, size: int) -> None:
        """Give room back."""
        self._budget.release(size)

    def keep(self, whole: Part, chunks: Sequence[memoryview]) -> None:
        """Keep an object whose room `hold` has taken."""
        with self._lock:
            is_new = whole not in self._objects
            if is_new:
                self._objects[whole] = (chunks, time.monotonic())
        if not is_new:
            self.release(whole.size)

    def taken(self, whole: Part) -> Sequence[memoryview] | None:
        """Remove and return a kept object; the caller releases its room."""
        with self._lock:
            found = self._objects.pop(whole, None)
        return found[0] if found else None

    @property
    def used(self) -> int:
        """The bytes kept or reserved."""
        return self._budget.used

    def _drop_idle(self) -> bool:
        with self._lock:
            oldest = next(iter(self._objects), None)
            if oldest is None or time.monotonic() - self._objects[oldest][1] < _IDLE_S:
                return False
            del self._objects[oldest]
        self.release(oldest.size)
        return True
