"""A queue of bytes from the loop that fetches them to a reader in any thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from threading import Lock

from archive_service.archive.errors import DownloadFailed

END = memoryview(b"")
"""Returned after the last byte."""


class ByteQueue:
    """A queue with one reader.

    `on_taken` is called in the reader's thread with the number of bytes that the reader has
    finished with: those it took before.
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
        """The bytes in the queue."""

    @property
    def is_awaited(self) -> bool:
        """Whether the reader is waiting."""
        return self._waiter is not None

    def put(self, chunk: bytes) -> bool:
        """Add bytes; return False if the queue is closed."""
        with self._lock:
            if self._is_closed:
                return False
            self._chunks.append(memoryview(chunk))
            self.size += len(chunk)
            waiter, self._waiter = self._waiter, None
        _wake(waiter)
        return True

    def end(self, failure: DownloadFailed | None = None) -> None:
        """End the queue; `failure` is given if bytes are missing."""
        with self._lock:
            self._has_ended, self._failure = True, failure
            waiter, self._waiter = self._waiter, None
        _wake(waiter)

    def take(self, limit: int) -> memoryview | None:
        """Take up to `limit` bytes, or END after the last; return None if none have come yet.

        Raise DownloadFailed if the rest will not come.
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
        """Return a future that is done once `take` has something to return."""
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
        """Drop all bytes, those of the reader included; return how many there were."""
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
