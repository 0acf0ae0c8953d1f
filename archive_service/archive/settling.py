"""When an album is still: nothing in it has changed for a while, so it is no upload half-way.

Two clocks tell.  The newest change of an album and the wall clock say at once that it is old.
Where that change lies in the future, for the store's clock is ahead, only time tells: the album
has to stay what it is, by a clock of our own.  So it is where a file is empty.  Who uploads a file
anew has the old one cut to nothing first, and while the kernel does that, for a second where the
file has gigabytes, it shows the new size beside the old times.
"""

from __future__ import annotations

from dataclasses import dataclass

from archive_service.archive.errors import AlbumInMotion
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.archive.lru import WeightedLRU

_NS_PER_S = 1_000_000_000
_SHORTEST_PAUSE_S = 0.1
_KEPT_ALBUMS = 10_000


@dataclass(frozen=True, slots=True)
class SettlePolicy:
    """How long an album must have been still, and how long that is waited for; seconds."""

    settle_time_s: float
    settle_wait_s: float


NO_SETTLING = SettlePolicy(settle_time_s=0.0, settle_wait_s=0.0)
"""That of who takes albums as they are."""


class FirstSeen:
    """Since when albums have been what they are, by a monotonic clock; seconds."""

    def __init__(self) -> None:
        self._first: WeightedLRU[ArchiveId, tuple[bytes, float]] = WeightedLRU(_KEPT_ALBUMS)

    def unchanged_since_s(self, archive: ArchiveId, fingerprint: bytes, *, clock_s: float) -> float:
        """Note what an album is; return when it was that first, without another look between."""
        sighting = self._first.get(archive)
        if sighting is None or sighting[0] != fingerprint:
            sighting = fingerprint, clock_s
            self._first.put(archive, sighting, weight=1)
        return sighting[1]


class SettlingWatch:
    """One request's look-out for an album to be still; `clock_s` is a monotonic clock's time."""

    def __init__(
        self, archive: ArchiveId, patience: SettlePolicy, sightings: FirstSeen, *, clock_s: float
    ) -> None:
        self._archive = archive
        self._patience = patience
        self._sightings = sightings
        self._give_up_s = clock_s + patience.settle_wait_s

    def pause_s(
        self, listing: Listing, fingerprint: bytes, *, now_ns: int, clock_s: float
    ) -> float:
        """Return how long to wait before the album is looked at again; 0 where it is still.

        `now_ns` is the Unix time.  Raise AlbumInMotion where no time is left to wait.
        """
        still_for_s = (now_ns - newest_change_ns(listing, now_ns)) / _NS_PER_S
        may_be_cut = not listing.is_of_objects and listing.has_empty_file()
        if may_be_cut or still_for_s < self._patience.settle_time_s:
            since_s = self._sightings.unchanged_since_s(self._archive, fingerprint, clock_s=clock_s)
            seen_for_s = clock_s - since_s
            still_for_s = seen_for_s if may_be_cut else max(still_for_s, seen_for_s)
        return self._bounded_s(self._patience.settle_time_s - still_for_s, clock_s)

    def look_again_s(self, *, clock_s: float) -> float:
        """Return how long to wait where the album changed while it was listed."""
        return self._bounded_s(self._patience.settle_time_s or _SHORTEST_PAUSE_S, clock_s)

    def _bounded_s(self, pause_s: float, clock_s: float) -> float:
        left_s = self._give_up_s - clock_s
        if pause_s > 0 >= left_s:
            raise AlbumInMotion
        return max(0.0, min(pause_s, left_s))


def newest_change_ns(listing: Listing, now_ns: int) -> int:
    """Return when the album changed last.

    An owner may set an mtime, also into the future, where it says nothing.  It counts where a
    file system has no ctime, or one that is the time of the file's creation.
    """
    if listing.newest_mtime_ns > now_ns:
        return listing.newest_change_ns
    return max(listing.newest_change_ns, listing.newest_mtime_ns)
