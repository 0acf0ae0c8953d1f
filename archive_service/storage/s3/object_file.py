"""One object as a file, read from the store or from memory."""

from __future__ import annotations

import asyncio
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence

from archive_service.storage.base import RemoteFile
from archive_service.storage.s3.answer_checks import Part
from archive_service.storage.s3.byte_queue import END
from archive_service.storage.s3.fetch_ahead import CHUNK_BYTES, Fetch
from archive_service.storage.s3.memory_budget import MemoryBudget
from archive_service.storage.s3.store_context import StoreContext

_BEGUN_AHEAD_BYTES = 2 * CHUNK_BYTES
"""Bytes fetched before the first read: those of a fast download's next file."""
_MOST_AHEAD_BYTES = 4 * 1024 * 1024
_HASHED_BYTES = 1024 * 1024
"""Chunk size for hashing, where no client waits for the first bytes."""


class ObjectFile(RemoteFile, ABC):
    """Closes the file at the end of a `with` block; see `RemoteFile`."""

    def __enter__(self) -> RemoteFile:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def readinto(self, buffer: memoryview) -> int:
        """Read the next bytes; see `RemoteFile.readinto`."""
        taken = self._next(len(buffer))
        buffer[: len(taken)] = taken
        return len(taken)

    @abstractmethod
    def _next(self, limit: int) -> memoryview:
        """Return the next bytes, up to `limit`; wait for them."""


class FetchedFile(ObjectFile):
    """An object that is fetched; see `RemoteFile`."""

    def __init__(self, context: StoreContext, whole: Part) -> None:
        self._context = context
        self._whole = whole
        self._fetch: Fetch | None = None
        self._cancel: Callable[[], object] = lambda: None

    def begin(self, start: int, stop: int) -> None:
        """Start to fetch the bytes from `start` up to `stop`; see `RemoteFile.begin`."""
        self._begin(start, stop, self._context.ahead, window=_BEGUN_AHEAD_BYTES)

    async def chunk(self, limit: int) -> memoryview:
        """Return the next bytes; see `RemoteFile.chunk`."""
        fetch = self._begun()
        fetch.window = min(max(2 * limit, CHUNK_BYTES), _MOST_AHEAD_BYTES)
        while (taken := fetch.queue.take(limit)) is None:
            await asyncio.wrap_future(fetch.queue.news())
        return taken

    def close(self) -> None:
        """Stop fetching; see `RemoteFile.close`."""
        if self._fetch:
            self._fetch.close()
        self._cancel()

    def _next(self, limit: int) -> memoryview:
        fetch = self._begun()
        while (taken := fetch.queue.take(limit)) is None:
            fetch.queue.news().result()
        return taken

    def _begun(self) -> Fetch:
        """Return the fetch that was begun; without one, begin to fetch the whole object."""
        return self._fetch or self._begin(
            0, self._whole.size, self._context.ahead, window=_MOST_AHEAD_BYTES
        )

    def _begin(
        self,
        start: int,
        stop: int,
        room: MemoryBudget,
        *,
        window: int,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> Fetch:
        context, part = self._context, self._whole._replace(start=start, stop=stop)
        fetch = Fetch(context.objects, part, room, context.loop.call, chunk_bytes=chunk_bytes)
        fetch.window = window
        self._fetch = fetch
        self._cancel = context.loop.start(fetch.run())
        return fetch


class KeepingFile(FetchedFile):
    """An object that is fetched to be hashed, and kept in memory to be sent later.

    The caller has taken the room for it.
    """

    def __init__(self, context: StoreContext, whole: Part) -> None:
        super().__init__(context, whole)
        self._chunks: list[memoryview] = []
        self._left = whole.size

    def close(self) -> None:
        """Keep the object if all of it was read; see `RemoteFile.close`."""
        super().close()
        if self._left:
            self._context.kept.release(self._whole.size)
        else:
            self._context.kept.keep(self._whole, self._chunks)

    def _next(self, limit: int) -> memoryview:
        taken = super()._next(limit)
        self._chunks.append(taken)
        self._left -= len(taken)
        return taken

    def _begun(self) -> Fetch:
        size, prepaid = self._whole.size, MemoryBudget(sys.maxsize)
        return self._fetch or self._begin(
            0, size, prepaid, window=size + _HASHED_BYTES, chunk_bytes=_HASHED_BYTES
        )


class KeptFile(ObjectFile):
    """An object in memory; see `RemoteFile`."""

    def __init__(self, context: StoreContext, whole: Part, chunks: Sequence[memoryview]) -> None:
        self._context = context
        self._whole = whole
        self._chunks = deque(chunks)
        self._is_open = True
        self._to_skip, self._left = 0, whole.size

    def begin(self, start: int, stop: int) -> None:
        """Read from `start` up to `stop`; see `RemoteFile.begin`."""
        self._to_skip, self._left = start, stop - start

    async def chunk(self, limit: int) -> memoryview:
        """Return the next bytes; see `RemoteFile.chunk`."""
        return self._next(limit)

    def close(self) -> None:
        """Free the memory; see `RemoteFile.close`."""
        if self._is_open:
            self._is_open = False
            self._chunks.clear()
            self._context.kept.release(self._whole.size)

    def _next(self, limit: int) -> memoryview:
        limit = min(limit, self._left)
        if not limit:
            return END
        while self._to_skip >= len(self._chunks[0]):
            self._to_skip -= len(self._chunks.popleft())
        chunk = self._chunks.popleft()[self._to_skip :]
        self._to_skip = 0
        if len(chunk) > limit:
            self._chunks.appendleft(chunk[limit:])
        taken = chunk[:limit]
        self._left -= len(taken)
        return taken
