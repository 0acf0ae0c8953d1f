"""A hashing job and the downloads that wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from archive_service.archive.listing import SourceIndex


class HashJob:
    """Files to hash while a download waits for them."""

    def __init__(self, sources: Sequence[SourceIndex]) -> None:
        self.sources = sources
        self.abandoned = threading.Event()
        self.done: asyncio.Future[None] | None = None
        self._waiters = 0

    def is_under_way(self) -> bool:
        """Return whether a download can join the job."""
        return self.done is None or not self.done.done()

    def join(self) -> None:
        """Add a waiter; match each call by one of `leave`.

        A job that was just abandoned goes on, or ends without its values and is asked for again.
        """
        self._waiters += 1
        self.abandoned.clear()

    def leave(self) -> None:
        """Remove a waiter; the last to leave stops the work."""
        self._waiters -= 1
        if not self._waiters:
            self.abandoned.set()

    async def finished(self) -> None:
        """Wait until the values are known; raise DownloadFailed where a file can't be hashed."""
        if self.done is not None:
            await asyncio.shield(self.done)
