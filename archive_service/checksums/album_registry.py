"""The `AlbumChecksums` of all albums: one for all downloads of the same listing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from threading import Lock
from weakref import WeakValueDictionary

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.checksums.album import AlbumChecksums
from archive_service.checksums.hash_threads import HashThreads
from archive_service.storage.base import Storage

LOOK_AGAIN_S = 60.0
"""How often a description in use is compared with the index.  `index verify` may have found content
that has changed without any time of its file."""


class AlbumRegistry:
    """Finds or makes the checksums of a listing; for calls from any thread."""

    def __init__(self, storage: Storage, threads: HashThreads) -> None:
        self.storage = storage
        self._threads = threads
        self._lock = Lock()
        self._albums: WeakValueDictionary[tuple[str, bytes], AlbumChecksums] = WeakValueDictionary()

    def peek(self, archive: ArchiveId, listing: Listing, fingerprint: bytes) -> AlbumChecksums:
        """Return the checksums of a listing, given its fingerprint; do not wait for the index.

        Checksums that may not be kept are replaced by new ones.
        """
        with self._lock:
            album = self._albums.get((archive.value, fingerprint))
            if album is None or not album.may_be_kept:
                album = self._made(archive, listing, fingerprint)
            return album

    def loaded(self, archive: ArchiveId, listing: Listing, fingerprint: bytes) -> AlbumChecksums:
        """Return the same, with the values of the index if it answers; blocks."""
        album = self.peek(archive, listing, fingerprint)
        album.wait_loaded()
        return album

    def is_current(self, archive: ArchiveId, album: AlbumChecksums, fingerprint: bytes) -> bool:
        """Return whether a description may be used again.

        Compare it with the index if that is due; blocks.
        """
        if not album.may_be_kept:
            return False
        if not self.is_due(album):
            return True
        album.flush()
        later = AlbumChecksums(archive, album.listing, self.storage, self._threads)
        with self._lock:
            later.earlier = self._of(archive)
        later.wait_loaded()
        if later.may_be_kept and not album.agrees_with(later):
            with self._lock:
                self._albums[archive.value, fingerprint] = later
            return False
        album.looked_at_s = time.monotonic()
        return True

    def is_due(self, album: AlbumChecksums) -> bool:
        """Return whether a description is due to be compared with the index."""
        age_s = time.monotonic() - album.looked_at_s
        return not album.listing.is_of_objects and age_s >= LOOK_AGAIN_S

    async def tidy(self, archives: Sequence[str]) -> None:
        """Make room in the index, such as that of archives that no longer exist."""
        if archives:  # none at all: more likely a disk that is not mounted
            tidying = self._threads.in_index_thread(lambda: self._threads.index.tidy(archives))
            await asyncio.wrap_future(tidying)

    def _made(self, archive: ArchiveId, listing: Listing, fingerprint: bytes) -> AlbumChecksums:
        # What was learned of the album as it was is still true of most of its files.
        earlier = self._of(archive)
        for other in earlier:
            other.flush()
        album = AlbumChecksums(archive, listing, self.storage, self._threads)
        album.earlier = earlier
        self._albums[archive.value, fingerprint] = album
        return album

    def _of(self, archive: ArchiveId) -> list[AlbumChecksums]:
        return [album for (name, _), album in list(self._albums.items()) if name == archive.value]
