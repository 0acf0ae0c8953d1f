"""Keeps unfinished hashes of large files."""

from __future__ import annotations

from threading import Lock

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.archive.lru import WeightedLRU
from archive_service.checksums.hash_blocks import HashState, begin_hash

_KEPT = 10_000
"""States kept, a few hundred bytes each."""
_Key = tuple[str, bytes, bytes]


class BegunHashes:
    """States by album, path and version, so that a new attempt continues the last one.

    Call it from any thread.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._states: WeightedLRU[_Key, HashState] = WeightedLRU(_KEPT)

    def state(self, archive: ArchiveId, listing: Listing, source: SourceIndex) -> HashState:
        """Return the state to continue from; without a kept one, that of a new hash."""
        with self._lock:
            return self._states.get(_key(archive, listing, source)) or begin_hash()

    def keep(
        self, archive: ArchiveId, listing: Listing, source: SourceIndex, *, state: HashState
    ) -> None:
        """Keep a state, unless a later one of the same file is there."""
        key = _key(archive, listing, source)
        with self._lock:
            known = self._states.get(key)
            if known is None or known.offset < state.offset:
                self._states.put(key, state, weight=1)

    def forget(self, archive: ArchiveId, listing: Listing, source: SourceIndex) -> None:
        """Drop the state of a file, so that its next hash begins anew."""
        with self._lock:
            self._states.drop(_key(archive, listing, source))


def _key(archive: ArchiveId, listing: Listing, source: SourceIndex) -> _Key:
    album, path = listing.origin(archive, source)
    return album.value, path, listing.versions([source])
