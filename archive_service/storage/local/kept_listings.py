"""The last listings of archives, kept in a bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import NamedTuple

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.archive.lru import WeightedLRU
from archive_service.storage.local.kept_album import KEPT_ENTRIES, KeptAlbum
from archive_service.storage.wanted_tree import WantedTree

_ENTRIES_PER_ALBUM = 30
"""What an album takes of the room for KEPT_ENTRIES, besides its entries."""
Wanted = Mapping[ArchiveId, WantedTree]
"""What an archive wants of each album."""


class FoundAlbum(NamedTuple):
    """What was found of an album."""

    listing: Listing
    is_prompt: bool
    """Whether all of it lies on file systems that answer at once."""
    kept: KeptAlbum | None = None
    """What shows that the listing still holds; None where the next request lists the album."""


Found = Mapping[ArchiveId, "FoundAlbum | None"]
"""What was found of each album; None for a missing album."""


class KeptListings:
    """What was last found of the albums of each archive; for calls from any thread.

    An archive is kept with all of its albums or not at all: otherwise a list that is larger than
    all the room would evict every other archive, and itself before its next request.
    """

    def __init__(self, room: int = KEPT_ENTRIES) -> None:
        self._lock = Lock()
        self._archives: WeightedLRU[ArchiveId, tuple[Wanted | None, Found]] = WeightedLRU(room)

    def of(self, archive: ArchiveId, wanted: Wanted | None) -> Found:
        """Return what was found before, if the very same `wanted` was given then.

        None stands for the album of the archive's own name.
        """
        with self._lock:
            known = self._archives.get(archive)
        return known[1] if known and known[0] is wanted else {}

    def keep(self, archive: ArchiveId, wanted: Wanted | None, found: Found) -> None:
        """Keep what was found of those albums that can show later that they are the same.

        The others take of the room, too, because what is wanted of them is kept.
        """
        kept = {album: each for album, each in found.items() if each and each.kept}
        with self._lock:
            if kept:
                self._archives.put(archive, (wanted, kept), weight=_weight(found.values()))
            else:
                self._archives.drop(archive)


def _weight(found: Iterable[FoundAlbum | None]) -> int:
    return sum(len(each.listing) + _ENTRIES_PER_ALBUM for each in found if each)
