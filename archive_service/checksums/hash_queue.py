"""Hashing threads shared fairly.

Theory of operation.  A task is an iterator: each step hashes a block.  A thread runs a task for one
turn; if others wait by then, the task goes to the end of the queue.  Small tasks come first, but
every fourth turn goes to a large one.  One album has a bounded share of the threads, so a disk
that does not answer holds up its own albums only.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Generator
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass, field
from threading import Lock

from archive_service.archive.id import ArchiveId
from archive_service.storage.thread_progress import note_step

SMALL_BYTES = 16 * 1024 * 1024
"""Up to here a task is small: it ends within a turn on most disks."""
TURN_S = 0.1
THREADS_PER_ALBUM = 4
"""Half of the usual hashing threads of `transfer/service.py`."""
_SMALL_IN_A_ROW = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    archive: ArchiveId
    steps: Generator[None, None, None]
    done: Future[None] = field(default_factory=Future)


class HashQueue:
    """Runs tasks in the threads of an executor; for calls from any thread."""

    def __init__(self, threads: Executor, *, turn_s: float = TURN_S) -> None:
        self._threads = threads
        self._turn_s = turn_s
        self._lock = Lock()
        self._small: deque[_Task] = deque()
        self._large: deque[_Task] = deque()
        self._small_in_a_row = 0
        self._running: Counter[str] = Counter()

    def submit(
        self, archive: ArchiveId, steps: Generator[None, None, None], *, size_bytes: int
    ) -> Future[None]:
        """Have a task run to its end; the result has the exception that it raised."""
        task = _Task(archive, steps)
        task.done.set_running_or_notify_cancel()  # a task that began can't be cancelled
        with self._lock:
            (self._small if size_bytes <= SMALL_BYTES else self._large).append(task)
        self._have_a_turn()
        return task.done

    def _have_a_turn(self) -> None:
        try:
            self._threads.submit(self._turn)
        except RuntimeError:  # the threads were shut down
            with self._lock:
                waiting = [*self._small, *self._large]
                self._small.clear()
                self._large.clear()
            for task in waiting:
                task.done.set_exception(CancelledError())

    def _turn(self) -> None:
        with self._lock:
            task = self._next()
            if task is None:  # an album has its share: the end of its turns brings another
                return
            self._running[task.archive.value] += 1
        try:
            is_done = self._run(task)
        except BaseException as error:  # noqa: BLE001 - it is the task's result
            task.done.set_exception(error)
            is_done = True
        with self._lock:
            self._running[task.archive.value] -= 1
            if not self._running[task.archive.value]:
                del self._running[task.archive.value]
            if not is_done:
                self._large.append(task)
            is_waited_for = bool(self._small or self._large)
        if is_waited_for:
            self._have_a_turn()

    def _run(self, task: _Task) -> bool:
        """Run a task until it ends or has to make way; return whether it ended."""
        note_step(task.archive)
        began_s = time.monotonic()
        for _ in task.steps:
            # Read without the lock: a task that makes way a block later does no harm.
            if (self._small or self._large) and time.monotonic() - began_s >= self._turn_s:
                return False
            note_step(task.archive)
        task.done.set_result(None)
        return True

    def _next(self) -> _Task | None:
        queues = [self._small, self._large]
        if self._small_in_a_row >= _SMALL_IN_A_ROW:
            queues.reverse()
        for queue in queues:
            for task in queue:
                if self._running[task.archive.value] < THREADS_PER_ALBUM:
                    queue.remove(task)
                    self._small_in_a_row = self._small_in_a_row + 1 if queue is self._small else 0
                    return task
        return None
