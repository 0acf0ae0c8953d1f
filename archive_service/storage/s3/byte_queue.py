"""Bytes on their way from the loop that fetches them to whoever takes them, in any thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from threading import Lock

from archive_service.archive.errors import DownloadFailed

END = memoryview(b"")
"""Taken behind the last byte."""


class ByteQueue:
    """A queue with one reader.

    `on_taken` is told, in the reader's thread, how many bytes the reader is done with: those that
    it took before.
    """

    def __init__(self, on_taken: Callable[[int], None]) -> None:
        self._on_taken = on_taken
        self._lock = Lock()
        self._chunks: deque[memoryview] = deque()
        self._has_ended = self._is_closed = False
        self._failure: DownloadFailed | None = None
        self._waiter: Future[None] | None = None
        self._in_hand = 0
        self.size = 0
        """Bytes that are there to be taken."""

    @property
    def is_awaited(self) -> bool:
        """Whether the reader waits."""
        return self._waiter is not None

    def put(self, chunk: bytes) -> bool:
        """Add bytes; return whether anybody will take them."""
        with self._lock:
            if self._is_closed:
                return False
            self._chunks.append(memoryview(chunk))
            self.size += len(chunk)
            waiter, self._waiter = self._waiter, None
        _wake(waiter)
        return True

    def end(self, failure: DownloadFailed | None = None) -> None:
        """Say that nothing more comes, and why where it is too early for that."""
        with self._lock:
            self._has_ended, self._failure = True, failure
            waiter, self._waiter = self._waiter, None
        _wake(waiter)

    def take(self, limit: int) -> memoryview | None:
        """Take up to so many bytes, END behind the last; None where none are there yet.

        Raise DownloadFailed where no more will come.
        """
        with self._lock:
            if not self._chunks:
                if self._failure:
                    raise self._failure
                return END if self._has_ended else None
            chunk = self._chunks[0]
            if len(chunk) > limit:
                self._chunks[0] = chunk[limit:]
                chunk = chunk[:limit]
            else:
                self._chunks.popleft()
            self.size -= len(chunk)
            done_with, self._in_hand = self._in_hand, len(chunk)
        self._on_taken(done_with)
        return chunk

    def news(self) -> Future[None]:
        """Return what is done as soon as there is something to take."""
        future: Future[None] = Future()
        with self._lock:
            if self._chunks or self._has_ended:
                future.set_result(None)
            else:
                self._waiter = future
        if not future.done():
            self._on_taken(0)
        return future

    def close(self) -> int:
        """Drop all, for nobody will take it; return how many bytes it was."""
        with self._lock:
            self._is_closed = True
            self._chunks.clear()
            dropped = self.size + self._in_hand
            self.size = self._in_hand = 0
        return dropped


def _wake(waiter: Future[None] | None) -> None:
    if waiter is not None:
        with suppress(InvalidStateError):  # the reader has been cancelled
            waiter.set_result(None)
