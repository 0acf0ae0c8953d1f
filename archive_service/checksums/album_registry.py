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
"""How long a description that is in use is not compared with the index: `index verify` may have
found another content, of which no time of the file tells."""


class AlbumRegistry:
    """Finds or makes the checksums of a listing; for calls from any thread."""

    def __init__(self, storage: Storage, threads: HashThreads) -> None:
        self.storage = storage
        self._threads = threads
        self._lock = Lock()
        self._albums: WeakValueDictionary[tuple[str, bytes], AlbumChecksums] = WeakValueDictionary()

    def peek(self, archive: ArchiveId, listing: Listing, fingerprint: bytes) -> AlbumChecksums:
        """Return the checksums of a listing, whose fingerprint is given; the index may be unread.

        Those that may not be kept are made anew.
        """
        with self._lock:
            album = self._albums.get((archive.value, fingerprint))
            if album is None or not album.may_be_kept:
                album = self._made(archive, listing, fingerprint)
            return album

    def loaded(self, archive: ArchiveId, listing: Listing, fingerprint: bytes) -> AlbumChecksums:
        """Return the same with what the index says, as far as it answers; blocks."""
        album = self.peek(archive, listing, fingerprint)
        album.wait_loaded()
        return album

    def is_current(self, archive: ArchiveId, album: AlbumChecksums, fingerprint: bytes) -> bool:
        """Return whether what was described may be used again; compare it with the index if due.

        Blocks.
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
        """Return whether what was described has to be compared with the index."""
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
