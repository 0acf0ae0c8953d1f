"""Calls a store with a deadline.

The libraries' own time-outs don't bound a whole answer: they restart with each piece of it,
leave out the name server, or are at least two seconds for a connection.  So a thread calls the
store, and the caller stops waiting for a call that takes too long.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from archive_service.checksums.crc_index.store import Store, StoreFailed

_Answer = TypeVar("_Answer")


class DeadlineCall:
    """Calls a store in one thread; no other code may use the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "index store")
        self._last: Future[Any] | None = None

    def ask(self, question: Callable[[Store], _Answer], *, within_s: float) -> _Answer:
        """Run a question in the thread and return its answer.

        Raise what the question raises, and StoreFailed after the deadline or while the question
        before it still runs.
        """
        if self._last is not None and not self._last.done():
            raise _no_answer()
        answer: Future[_Answer] = self._thread.submit(question, self._store)
        self._last = answer
        if not wait([answer], within_s).done:
            self._store.cut()
            raise _no_answer()
        return answer.result()

    def close(self, *, within_s: float) -> None:
        """Close the store, then end the thread; raise like `ask`.

        A later question starts another thread.
        """
        try:
            self.ask(lambda store: store.close(), within_s=within_s)
        finally:
            self._thread.shutdown(wait=False)
            self._thread = ThreadPoolExecutor(1, "index store")


def _no_answer() -> StoreFailed:
    return StoreFailed("no answer in time")
