"""Indexes one album: lists it, waits until it is settled and whole, hashes its files."""

from __future__ import annotations

import time
from collections.abc import Iterable

from archive_service.archive.errors import (
    AlbumInMotion,
    ArchiveNotFound,
    SourceChanged,
    StorageUnavailable,
)
from archive_service.archive.id import ArchiveId, InvalidArchiveId
from archive_service.archive.settling import FirstSeen, newest_change_ns
from archive_service.archive.units import NS_PER_S
from archive_service.checksums.background.album_queue import AlbumQueue
from archive_service.checksums.background.hasher import BackgroundHasher, Seen
from archive_service.observe.events import Observe
from archive_service.observe.index_events import AlbumIndexed, AlbumNotIndexed
from archive_service.observe.recurrence import once

_NO_ALBUM = (ArchiveNotFound, StorageUnavailable, InvalidArchiveId)
"""Reported when a visitor asks for the album."""


class Indexer:
    """Indexes albums and remembers which are complete.

    An exception of one album is reported once and never raised, so the other albums go on.
    """

    def __init__(
        self,
        hasher: BackgroundHasher,
        queue: AlbumQueue,
        observe: Observe,
        *,
        settle_time_s: float,
    ) -> None:
        self._hasher = hasher
        self._queue = queue
        self._observe = observe
        self._settle_time_s = settle_time_s
        self._done: dict[str, bytes] = {}  # fingerprints
        self._first_seen = FirstSeen()
        self._observe_once = once(observe)

    async def add_old(self, album: str) -> None:
        """Queue an album for an idle moment, unless the index has all of it."""
        if seen := await self._incomplete(album):
            self._queue.found(album, changed_ns=seen.listing.newest_change_ns)

    async def add_changed(self, album: str) -> None:
        """Queue an album for when it has been still, unless it is complete."""
        if await self._incomplete(album):
            self._queue.changed(album, clock_s=time.monotonic())

    async def index(self, album: str, *, tries: int, turns: int) -> None:
        """Index an album for one turn, or put it back.

        `tries` times it was still changing, and it has had `turns` turns.
        """
        try:
            pause_s = await self._index(ArchiveId.parse(album), turns=turns)
        except (AlbumInMotion, SourceChanged):
            pause_s = self._settle_time_s
        except _NO_ALBUM:
            return
        except Exception as error:  # noqa: BLE001 - of this album; the others go on
            self.report(album, error)
            return
        if pause_s:
            self._queue.unsettled(album, pause_s=pause_s, tries=tries, clock_s=time.monotonic())

    def report(self, album: str, error: Exception) -> None:
        """Report an unexpected error of one album, once."""
        self._observe_once(AlbumNotIndexed(ArchiveId.parse(album), type(error).__name__))

    def forget(self) -> None:
        """Look at every album again."""
        self._done.clear()

    def forget_all_but(self, albums: Iterable[str]) -> None:
        """Forget albums that are gone."""
        for gone in self._done.keys() - set(albums):
            del self._done[gone]

    async def _incomplete(self, album: str) -> Seen | None:
        try:
            seen = await self._hasher.look(ArchiveId.parse(album))
        except _NO_ALBUM:
            return None
        except Exception as error:  # noqa: BLE001 - of this album; the others go on
            self.report(album, error)
            return None
        return seen if self._done.get(album) != seen.fingerprint else None

    async def _index(self, archive: ArchiveId, *, turns: int) -> float:
        """Index an album; return the pause before it may be tried again, 0 for none."""
        seen = await self._hasher.look(archive)
        if pause_s := self._pause_s(archive, seen, now_ns=time.time_ns()):
            return pause_s
        if self._done.get(archive.value) == seen.fingerprint:
            return 0.0
        if await self._hasher.is_written(archive, seen):
            return self._settle_time_s
        started_s = time.monotonic()
        learned = await self._hasher.learn(archive, seen)
        if learned.is_taken_over:
            return self._settle_time_s
        if not learned.is_complete:
            changed_ns = seen.listing.newest_change_ns
            self._queue.found(archive.value, changed_ns=changed_ns, turns=turns + 1)
            return 0.0
        self._done[archive.value] = seen.fingerprint
        duration_s = time.monotonic() - started_s
        self._observe(AlbumIndexed(archive, files=learned.files, duration_s=duration_s))
        return 0.0

    def _pause_s(self, archive: ArchiveId, seen: Seen, *, now_ns: int) -> float:
        # As long as the clock may not have ticked since, no value would be remembered.
        still_s = max(self._settle_time_s, 2 * seen.listing.clock_tick_ns() / NS_PER_S)
        age_s = (now_ns - newest_change_ns(seen.listing, now_ns)) / NS_PER_S
        if seen.listing.has_litter:  # it may be what moves the times
            clock_s = time.monotonic()
            since_s = self._first_seen.unchanged_since_s(archive, seen.fingerprint, clock_s=clock_s)
            age_s = max(age_s, clock_s - since_s)
        return max(0.0, still_s - age_s)
