"""Threads for work that may wait for a disk, shared out so that no album waits for another.

Theory of operation.  Each album has a lane: a queue of its own, and the right to a few threads at
once; so has other work, such as the check of the root.  The lanes that have work stand in a ring.
A free thread takes one piece of work from the lane in front, which then goes to the end.  Threads
are made on demand and end when idle.  `transfer/service.py` says how many there are, and for parts
of the work `storage/concurrency.py` and `checksums/hash_queue.py`.

The usual number of threads is for work that is done in a moment.  On slow storage a piece of work
may take minutes, and a few albums there would hold all threads.  So a thread whose work takes long
no longer counts: work that waits gets another, up to a limit.  The fewer of these are left, the
fewer a lane may have, so a hundred albums on a mount that hangs leave some to others.

A system call that waits for a dead mount can't be interrupted, so its thread is lost until the
mount answers.  Work that makes no progress for some seconds is reported as hanging.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar
from weakref import WeakValueDictionary

from archive_service.storage.lane_limits import LaneLimits
from archive_service.storage.newcomers import NO_NEWCOMERS, Newcomers
from archive_service.storage.thread_progress import Progress, run_noted

HANGS_AFTER_S = 10.0
"""After this time without progress, work counts as hanging."""
_LONG_S = 0.05
"""After this time, work no longer delays others: they get a thread beside it."""
_LOOK_EVERY_S = 1.0
_IDLE_S = 10.0
"""How long a thread waits for more work before it ends."""
_END_WITHIN_S = 2.0
"""How long `close` waits for work that is running."""
_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


@dataclass(slots=True, eq=False)
class _Run(Progress):
    """One piece of work, begun by a thread."""

    lane: Lane = field(kw_only=True)
    hanging: Hashable | None = None
    """The key under which it was reported as hanging; None if it was not."""


class Lane(Executor):
    """The queue of one key, usually an album; get it from `Lanes.of`."""

    def __init__(self, lanes: Lanes, key: Hashable) -> None:
        self.key = key
        self.queue: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self.running = 0
        self.is_in_ring = False
        self._lanes = lanes

    def submit(
        self,
        fn: Callable[_Parameters, _Result],
        /,
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> Future[_Result]:
        """Have a thread call the function; a future that is cancelled in time is not begun."""
        return self._lanes.submit(self, partial(fn, *args, **kwargs))


class Lanes:
    """The lanes and their threads; for calls from any thread.

    `on_hanging` is called with a lane's key and 1 when work of it begins to hang, and -1 when that
    goes on, from a thread of the lanes.  Heavy work gives way to `newcomers`.
    """

    def __init__(
        self,
        name: str,
        limits: LaneLimits,
        *,
        on_hanging: Callable[[Hashable, int], None] = lambda _key, _by: None,
        hangs_after_s: float = HANGS_AFTER_S,
        newcomers: Newcomers = NO_NEWCOMERS,
    ) -> None:
        self._name = name
        self._limits = limits
        self._on_hanging = on_hanging
        self._hangs_after_s = hangs_after_s
        self._newcomers = newcomers
        self._look_every_s = min(_LOOK_EVERY_S, hangs_after_s)
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._end = threading.Condition(self._lock)
        self._closing = threading.Event()
        self._is_short = threading.Event()
        self._lanes: WeakValueDictionary[Hashable, Lane] = WeakValueDictionary()
        self._ring: deque[Lane] = deque()
        self._held_back: set[Lane] = set()
        """Lanes with more work, which already have their share of the threads."""
        self._runs: set[_Run] = set()
        self._threads = self._idle = self._hanging = 0
        self._is_watched = False

    @property
    def threads(self) -> int:
        """The number of threads now, without the one that watches them."""
        return self._threads

    @property
    def hanging(self) -> int:
        """The number of threads whose work hangs."""
        return self._hanging

    def of(self, key: Hashable) -> Lane:
        """Return the lane of a key; it stays the same while anything refers to it."""
        with self._lock:
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = Lane(self, key)
            return lane

    def is_led_on(self, key: Hashable) -> bool:
        """Return whether a store leads work of a lane from page to page: it does not hang."""
        with self._lock:
            return any(r.pages and r.hanging is None for r in self._runs if r.lane.key == key)

    def submit(self, lane: Lane, call: Callable[[], _Result]) -> Future[_Result]:
        """Put work at the end of a lane's queue; it is cancelled once the lanes are closed."""
        future: Future[_Result] = Future()
        with self._lock:
            if self._closing.is_set():
                future.cancel()
                return future
            lane.queue.append((future, call))
            self._enter_ring(lane)
            self._find_thread()
        return future

    def close(self) -> None:
        """Cancel what waits and end the threads; those that hang are left alone."""
        with self._lock:
            self._closing.set()
            self._is_short.set()
            for lane in (*self._ring, *self._held_back):
                _cancel_all(lane)
            self._ring.clear()
            self._held_back.clear()
            self._work.notify_all()
            self._end.wait_for(lambda: self._hanging >= len(self._runs), _END_WITHIN_S)

    def _enter_ring(self, lane: Lane) -> None:
        self._held_back.discard(lane)
        if not lane.queue or lane.is_in_ring or lane.running >= self._limits.per_lane:
            return
        if lane.running < self._limits.share(len(self._runs)):
            lane.is_in_ring = True
            self._ring.append(lane)
        else:
            self._held_back.add(lane)

    def _find_thread(self) -> None:
        """Wake a thread for the ring, or make one if there may be more."""
        if not self._ring:
            return
        if self._idle:
            self._work.notify()
        elif self._threads < self._limits.most and self._coming() < self._takeable():
            if self._are_enough(self._threads):
                self._is_short.set()
                return
            self._threads += 1
            threading.Thread(target=self._run_all, name=self._name, daemon=True).start()

    def _coming(self) -> int:
        """Return how many threads are about to take work."""
        return self._threads - self._idle - len(self._runs)

    def _takeable(self) -> int:
        """Return how much work in the ring may be begun."""
        share = self._limits.share(len(self._runs))
        return sum(max(1, min(len(a.queue), share - a.running)) for a in self._ring)

    def _are_enough(self, threads: int) -> bool:
        usual = self._limits.usual
        return threads >= usual and threads - self._long() >= usual

    def _long(self) -> int:
        """Return how many threads have work that takes long, or hangs."""
        latest_s = time.monotonic() - _LONG_S
        return sum(run.began_s < latest_s for run in self._runs)

    def _run_all(self) -> None:
        while taken := self._taken():
            run_noted(*taken)
            # Drop it: what it holds may be large, and the next work may be long in coming.
            run = taken[0]
            del taken
            self._finish(run)

    def _taken(self) -> tuple[_Run, Future[Any], Callable[[], Any]] | None:
        """Take work, or end the thread where there is none for a while."""
        with self._lock:
            while not self._ring:
                if not self._stays() and not self._ring:
                    self._threads -= 1
                    return None
            lane = self._ring.popleft()
            lane.is_in_ring = False
            future, call = lane.queue.popleft()
            lane.running += 1
            now_s = time.monotonic()
            run = _Run(lane.key, now_s, now_s, self._newcomers, time.thread_time(), lane=lane)
            self._runs.add(run)
            self._enter_ring(lane)
            self._find_thread()
            self._watch()
            return run, future, call

    def _stays(self) -> bool:
        if self._closing.is_set() or self._are_enough(self._threads - 1):
            return False
        self._idle += 1
        is_notified = self._work.wait(_IDLE_S)
        self._idle -= 1
        return is_notified

    def _finish(self, run: _Run) -> None:
        with self._lock:
            self._runs.remove(run)
            self._hanging -= run.hanging is not None
            run.lane.running -= 1
            if self._closing.is_set():
                _cancel_all(run.lane)
                self._end.notify_all()
            for lane in (run.lane, *self._held_back):
                self._enter_ring(lane)
        if run.hanging is not None:
            self._on_hanging(run.hanging, -1)

    def _watch(self) -> None:
        if not self._is_watched:
            self._is_watched = True
            name = f"{self._name} watch"
            threading.Thread(target=self._watch_runs, name=name, daemon=True).start()

    def _watch_runs(self) -> None:
        busy_s = time.monotonic()
        while time.monotonic() - busy_s < _IDLE_S and not self._closing.is_set():
            if self._is_short.wait(self._look_every_s):
                self._is_short.clear()
                self._closing.wait(_LONG_S)
            if self._runs:
                busy_s = time.monotonic()
            for run in self._begin_to_hang():
                self._on_hanging(run.hanging, 1)
            self._find_threads()
        with self._lock:
            self._is_watched = False
            if self._runs and not self._closing.is_set():
                self._watch()

    def _begin_to_hang(self) -> list[_Run]:
        latest_s = time.monotonic() - self._hangs_after_s
        with self._lock:
            found = [r for r in self._runs if r.hanging is None and r.noted_s < latest_s]
            for run in found:
                run.hanging = run.key
                self._hanging += 1
            return found

    def _find_threads(self) -> None:
        """Find threads for all that waits; note if they are short."""
        with self._lock:
            threads = -1
            while threads < self._threads:
                threads = self._threads
                self._find_thread()


def _cancel_all(lane: Lane) -> None:
    while lane.queue:
        lane.queue.popleft()[0].cancel()
