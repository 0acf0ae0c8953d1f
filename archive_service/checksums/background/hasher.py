"""Learning CRC-32 values that nobody has asked for yet.

Downloads that run meanwhile share the values, but never wait for these threads: what they need
first they hash themselves.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.checksums.album import Checksums
from archive_service.checksums.background.album_reader import Reading, groups
from archive_service.checksums.background.throttle import Throttle
from archive_service.checksums.disk_demand import DiskDemand
from archive_service.storage.base import Storage

_THREADS = 2
_Result = TypeVar("_Result")


class Seen(NamedTuple):
    """An album as it was at one look."""

    listing: Listing
    fingerprint: bytes


class BackgroundHasher:
    """Looks at albums and learns what of them is unknown; for calls from one event loop."""

    def __init__(self, storage: Storage, checksums: Checksums, demand: DiskDemand) -> None:
        self._storage = storage
        self._checksums = checksums
        self._demand = demand
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(_THREADS, "ahead")

    async def albums(self) -> Sequence[str]:
        """Name what may be an album; raise StorageUnavailable."""
        return await self.in_thread(self._storage.albums)

    async def look(self, archive: ArchiveId) -> Seen:
        """List an album; raise ArchiveNotFound, AlbumInMotion or StorageUnavailable."""
        return await self.in_thread(lambda: self._look(archive))

    async def learn(self, archive: ArchiveId, seen: Seen) -> int:
        """Hash what is unknown of an album and can be read; return of how many files that was.

        Raise SourceChanged where it is no longer as seen.
        """
        album = self._checksums.peek(archive, seen.listing, seen.fingerprint)
        await album.load()
        reading = Reading(seen.listing, album, Throttle(self._demand, self._stopping))

        def read(sources: Sequence[int]) -> None:
            with self._storage.files(archive, seen.listing) as files:
                reading.read(files, sources)

        try:
            for sources in groups(seen.listing, album):
                await self.in_thread(partial(read, sources))
                album.store_learned(is_end=False)
        finally:
            album.store_learned()
        return reading.files

    def in_thread(self, work: Callable[[], _Result]) -> asyncio.Future[_Result]:
        """Run what blocks and is not urgent."""
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def close(self) -> None:
        """End the threads; each does so within one block."""
        self._stopping.set()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    def _look(self, archive: ArchiveId) -> Seen:
        listing = self._storage.list(archive)
        return Seen(listing, listing.fingerprint())
