"""How many operations on an album's storage are in flight at once.

Theory of operation.  A caller has many items: names to `stat`, files to read.  It works on a slice
of them in place and measures the time for one.  While items are quick it continues in place, with
larger slices: handing an item to a thread would take longer than the item.  Once items are slow,
threads of the album's lane take slices, too.  On local disks an item counts as slow only if the
disk was read: others have waited for a processor, or for the interpreter's lock, and helping
threads would have to wait for these as well.

When a slice is due that no thread has begun, the caller does it itself; it waits only for slices
that are begun.  So a thread that works for one call can make another, and a lane without a free
thread causes no delay.
"""

from __future__ import annotations

import math
import resource
import time
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable, Sequence
from concurrent.futures import Executor, Future
from itertools import islice
from threading import Lock
from typing import ParamSpec, TypeVar

from archive_service.archive.lru import WeightedLRU
from archive_service.storage.lane_limits import LaneLimits
from archive_service.storage.thread_lanes import Lanes
from archive_service.storage.thread_progress import note_progress

MOST_AT_ONCE = 32
"""Operations of one album; a server that answers more at once is rare."""
_LIMITS = LaneLimits(per_lane=MOST_AT_ONCE - 1, usual=128, most=1024)
_SLOW_ITEM_S = 300e-6
"""An item that takes this long is worth a thread."""
_HAND_OVER_S = 50e-6
"""The time to hand an item to a thread; it limits how many are worth handing over."""
_COPIED_BYTES_PER_S = 500e6
"""How fast cached data is read: a large item may be slow without waiting."""
_FIRST_ITEMS, _GROWTH, _MOST_ITEMS = 4, 8, 128
"""Items of a slice that is done in place."""
_HANDED_ITEMS = 8
"""The most items of a slice that is handed to a thread."""
_SLOW_SLICES = 2
"""Slow slices in a row until items count as slow; waiting for a processor makes one slow slice."""
HALVED_FILES = 4_000
"""From this many known files on `in_halves` pays: to look at them takes 4 ms."""
_AT_HAND_S = 1.0
"""How long a listing shows where an album lies: later another file system may be mounted there."""
_KEPT_ALBUMS = 1000
_OF_THREAD = getattr(resource, "RUSAGE_THREAD", None)
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Given = ParamSpec("_Given")


class InFlight:
    """The operations of one album, for calls from any thread.

    `threads` help with slices.  Measurements are kept for the next call.  Two threads that record
    one at the same time may lose one of them; the next slice measures again.
    """

    def __init__(self, threads: Executor, clock_s: Callable[[], float] = time.perf_counter) -> None:
        self._threads = threads
        self._clock_s = clock_s
        self._in_place = _FIRST_ITEMS
        self._slow_in_a_row = 0
        self._item_s = 0.0
        self.is_slow = False
        """Whether the storage was slow when it was last used."""
        self.is_prompt = False
        """Whether the last listing found prompt file systems alone."""
        self._at_hand_until_s = -math.inf

    @property
    def is_at_hand(self) -> bool:
        """Whether a moment ago a listing found prompt file systems alone, and was quick."""
        is_recent = self._clock_s() < self._at_hand_until_s
        return self.is_prompt and is_recent and not self.is_slow

    def note_listing(self, *, is_prompt: bool) -> None:
        """Note whether all that was listed lies on file systems that answer at once."""
        self.is_prompt = is_prompt
        self._at_hand_until_s = self._clock_s() + _AT_HAND_S

    def measured(self, work: Callable[[], _Result]) -> _Result:
        """Do one item."""
        result, item_s = self._timed(work)
        self._note(item_s)
        return result

    def in_halves(
        self, work: Callable[[Sequence[_Item]], list[_Result]], items: Sequence[_Item]
    ) -> list[_Result]:
        """Do many quick items in place and in one thread that helps; return the results in order.

        It pays if nearly all of the time is spent in the kernel, without the interpreter's lock.
        """
        half = len(items) // 2
        helping = self._threads.submit(work, items[half:])
        try:
            first = work(items[:half])
        finally:  # the thread may use what the caller closes next
            second = work(items[half:]) if helping.cancel() else helping.result()
        return [*first, *second]

    def in_slices(
        self, work: Callable[[int, int], _Result], count: int, *, item_bytes: int = 0
    ) -> list[_Result]:
        """Call `work` for slices, from one item up to another; return the results in order.

        `item_bytes` is what is read for an item.  Raise what the first failing slice raises.
        """
        copying_s = item_bytes / _COPIED_BYTES_PER_S

        def timed(start: int, stop: int) -> tuple[_Result, float]:
            result, duration_s = self._timed(work, start, stop)
            return result, duration_s / (stop - start) - copying_s

        results: list[_Result] = []
        done = 0
        while done < count and not self.is_slow:
            stop = min(done + self._in_place, count)
            result, item_s = timed(done, stop)
            self._note(item_s)
            results.append(result)
            note_progress()
            done = stop
        if done < count:
            results += self._handed_out(timed, done, count)
        return results

    def in_order(
        self,
        work: Callable[[_Item], _Result],
        items: Iterable[_Item],
        *,
        at_once: int = MOST_AT_ONCE,
        discard: Callable[[_Result], object] = lambda _result: None,
    ) -> Generator[_Result, None, None]:
        """Yield what `work` returns for each item; ahead of the caller where storage is slow.

        An exception is raised in its turn.  A caller that may leave before the end closes the
        iterator: `discard` gets what was made for nothing.
        """
        remaining = iter(items)
        begun: deque[tuple[_Item, Future[_Result]]] = deque()
        try:
            while True:
                room = max(min(at_once, self._worth_at_once()) - len(begun), 0)
                for item in islice(remaining, room):
                    begun.append((item, self._threads.submit(work, item)))
                if begun:
                    item, future = begun.popleft()
                    yield work(item) if future.cancel() else future.result()
                else:
                    try:
                        item = next(remaining)
                    except StopIteration:
                        return
                    yield work(item)
                note_progress()
        finally:
            # Wait for slices that were begun: they may use what the caller closes next.
            for future in [future for _, future in begun if not future.cancel()]:
                if future.exception() is None:
                    discard(future.result())

    def _handed_out(
        self, timed: Callable[[int, int], tuple[_Result, float]], start: int, stop: int
    ) -> list[_Result]:
        """Do the same as `in_slices` with helping threads."""
        items = max(1, min(_HANDED_ITEMS, (stop - start) // MOST_AT_ONCE))
        slices = [(first, min(first + items, stop)) for first in range(start, stop, items)]
        done = list(self.in_order(lambda one: timed(*one), slices))
        # Of the quickest quarter: where threads wait for each other they measure that as well.
        self._item_s = sorted(item_s for _, item_s in done)[len(done) // 4]
        if self._item_s < _SLOW_ITEM_S:
            self._slow_in_a_row = 0
            self.is_slow = False
        return [result for result, _ in done]

    def _timed(
        self, work: Callable[_Given, _Result], *given: _Given.args, **named: _Given.kwargs
    ) -> tuple[_Result, float]:
        """Do work; return how many seconds it has taken, 0 if it has not waited for a disk."""
        blocks, began_s = _blocks_read(), self._clock_s()
        result = work(*given, **named)
        duration_s = self._clock_s() - began_s
        if duration_s >= _SLOW_ITEM_S and self.is_prompt and blocks is not None:
            return result, duration_s if _blocks_read() != blocks else 0.0
        return result, duration_s

    def _note(self, item_s: float) -> None:
        """Note what an item took in place; the time in a helping thread says little."""
        if self.is_slow:
            return
        if item_s < _SLOW_ITEM_S:
            self._slow_in_a_row = 0
            self._in_place = min(self._in_place * _GROWTH, _MOST_ITEMS)
            return
        self._slow_in_a_row += 1
        self._in_place = _FIRST_ITEMS
        self._item_s = item_s
        self.is_slow = self._slow_in_a_row >= _SLOW_SLICES

    def _worth_at_once(self) -> int:
        """Return how many items are worth having in flight, 0 where they are quick."""
        return min(MOST_AT_ONCE, int(self._item_s / _HAND_OVER_S)) if self.is_slow else 0


def _blocks_read() -> int | None:
    """Return how much the disks of this machine have read for this thread; None if unknown."""
    return None if _OF_THREAD is None else resource.getrusage(_OF_THREAD).ru_inblock


class InFlights:
    """The `InFlight` of each album, and the threads that help; threads are made on demand."""

    def __init__(self) -> None:
        self._lanes = Lanes("help", _LIMITS)
        self._lock = Lock()
        self._albums: WeightedLRU[Hashable, InFlight] = WeightedLRU(_KEPT_ALBUMS)

    @property
    def threads(self) -> int:
        """The number of threads now."""
        return self._lanes.threads

    def of(self, key: Hashable) -> InFlight:
        """Return that of an album."""
        with self._lock:
            album = self._albums.get(key)
            if album is None:
                album = InFlight(self._lanes.of(key))
                self._albums.put(key, album, weight=1)
            return album

    def close(self) -> None:
        """End the threads."""
        self._lanes.close()
