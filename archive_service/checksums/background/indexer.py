"""Indexing one album: looked at, waited for, hashed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

from archive_service.archive.errors import (
    AlbumInMotion,
    ArchiveNotFound,
    SourceChanged,
    StorageUnavailable,
)
from archive_service.archive.id import ArchiveId, InvalidArchiveId
from archive_service.archive.settling import newest_change_ns
from archive_service.checksums.background.album_queue import AlbumQueue
from archive_service.checksums.background.hasher import BackgroundHasher, Seen
from archive_service.observe.events import AlbumIndexed, Observe

_NS_PER_S = 1_000_000_000


class Indexer:
    """Indexes albums; remembers of which nothing is left to do."""

    def __init__(
        self,
        learner: BackgroundHasher,
        backlog: AlbumQueue,
        observe: Observe,
        *,
        settle_time_s: float,
    ) -> None:
        self._learner = learner
        self._backlog = backlog
        self._observe = observe
        self._settle_time_s = settle_time_s
        self._done: dict[str, bytes] = {}  # fingerprints

    async def add_old(self, album: str) -> None:
        """Have an album indexed when there is time for it, where that is not done."""
        if seen := await self._undone(album):
            self._backlog.found(album, changed_ns=seen.listing.newest_change_ns)

    async def add_changed(self, album: str) -> None:
        """Have an album indexed once it is still, where that is not done."""
        if await self._undone(album):
            self._backlog.changed(album, clock_s=time.monotonic())

    async def index(self, album: str, *, tries: int) -> None:
        """Index an album, or put it back; `tries` tells how often that was done."""
        try:
            pause_s = await self._index(ArchiveId.parse(album))
        except (AlbumInMotion, SourceChanged):
            pause_s = self._settle_time_s
        except (ArchiveNotFound, StorageUnavailable, InvalidArchiveId):
            return  # who asks for it is told
        if pause_s:
            self._backlog.unsettled(album, pause_s=pause_s, tries=tries, clock_s=time.monotonic())

    def forget(self) -> None:
        """Be sure of no album any more."""
        self._done.clear()

    def forget_all_but(self, albums: Iterable[str]) -> None:
        """Forget albums that are gone."""
        for gone in self._done.keys() - set(albums):
            del self._done[gone]

    async def _undone(self, album: str) -> Seen | None:
        with suppress(ArchiveNotFound, StorageUnavailable, InvalidArchiveId):
            seen = await self._learner.look(ArchiveId.parse(album))
            if self._done.get(album) != seen.fingerprint:
                return seen
        return None

    async def _index(self, archive: ArchiveId) -> float:
        """Index an album; return how long it has to be still before that, 0 where it was."""
        seen = await self._learner.look(archive)
        if pause_s := self._pause_s(seen, now_ns=time.time_ns()):
            return pause_s
        if self._done.get(archive.value) != seen.fingerprint:
            started_s = time.monotonic()
            files = await self._learner.learn(archive, seen)
            self._done[archive.value] = seen.fingerprint
            self._observe(
                AlbumIndexed(archive, files=files, duration_s=time.monotonic() - started_s)
            )
        return 0.0

    def _pause_s(self, seen: Seen, *, now_ns: int) -> float:
        # As long as the clock may not have ticked since, no value would be remembered.
        still_s = max(self._settle_time_s, 2 * seen.listing.clock_tick_ns() / _NS_PER_S)
        age_s = (now_ns - newest_change_ns(seen.listing, now_ns)) / _NS_PER_S
        return max(0.0, still_s - age_s)
