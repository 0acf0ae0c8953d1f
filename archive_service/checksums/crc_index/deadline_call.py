"""A store at the end of a line, and of whose answers none is waited for longer than a time.

The libraries have limits of their own, but none of a whole answer: they wait for each piece of it
anew, for a name server, or at least two seconds for a connection.  So the store is asked in a
thread, which is left alone with a question that takes too long.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from archive_service.checksums.crc_index.store import Store, StoreFailed

_Answer = TypeVar("_Answer")


class DeadlineCall:
    """Asks a store, which is used by nobody else."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "index store")
        self._last: Future[Any] | None = None

    def ask(self, question: Callable[[Store], _Answer], *, within_s: float) -> _Answer:
        """Ask one question after another; raise what it raises, StoreFailed where it takes long."""
        if self._last is not None and not self._last.done():
            raise _no_answer()
        answer: Future[_Answer] = self._thread.submit(question, self._store)
        self._last = answer
        if not wait([answer], within_s).done:
            self._store.cut()
            raise _no_answer()
        return answer.result()

    def close(self, *, within_s: float) -> None:
        """Let go of the store, and end the thread once that is done; raise as `ask`.

        A later question begins another.
        """
        try:
            self.ask(lambda store: store.close(), within_s=within_s)
        finally:
            self._thread.shutdown(wait=False)
            self._thread = ThreadPoolExecutor(1, "index store")


def _no_answer() -> StoreFailed:
    return StoreFailed("no answer in time")
