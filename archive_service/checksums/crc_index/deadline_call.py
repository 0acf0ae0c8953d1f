"""Calls a store with a deadline.

The libraries' own time-outs don't bound a whole answer: they restart with each piece of it,
leave out the name server, or are at least two seconds for a connection.  So a thread calls the
store, and the caller stops waiting for a call that takes too long.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from archive_service.checksums.crc_index.block_store import Store, StoreFailed
from archive_service.storage.lane_limits import ONE_THREAD
from archive_service.storage.thread_lanes import Lane, Lanes

_Answer = TypeVar("_Answer")


class DeadlineCall:
    """Calls a store in one thread; no other code may use the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = _thread()
        self._last: Future[Any] | None = None

    def ask(self, question: Callable[[Store], _Answer], *, within_s: float) -> _Answer:
        """Run a question in the thread and return its answer.

        Raise what the question raises, and StoreFailed after the deadline or while the question
        before it still runs.
        """
        if self._last is not None and not self._last.done():
            self._store.cut()  # it may have tried again, in vain
            raise _no_answer()
        answer: Future[_Answer] = self._thread.submit(question, self._store)
        self._last = answer
        if not wait([answer], within_s).done:
            self._store.cut()
            raise _no_answer()
        return answer.result()

    def close(self, *, within_s: float) -> None:
        """Close the store and leave the thread, which ends when idle; raise like `ask`.

        A later question starts another thread.
        """
        try:
            self.ask(lambda store: store.close(), within_s=within_s)
        finally:
            self._thread = _thread()


def _thread() -> Lane:
    """Return a thread that the end of the process does not wait for: a name server may hang."""
    return Lanes("index store", ONE_THREAD).of("store")


def _no_answer() -> StoreFailed:
    return StoreFailed("no answer in time")
