"""When an album is still: nothing in it has changed for a while, so it is no upload half-way.

Two clocks tell.  The newest change of an album and the wall clock say at once that it is old.
Where that change lies in the future, for the store's clock is ahead, only time tells: the album
has to stay what it is, by a clock of our own.  So it is where a file is empty.  Who uploads a file
anew has the old one cut to nothing first, and while the kernel does that, for a second where the
file has gigabytes, it shows the new size beside the old times.

Some uploads pause for longer than an album has to be still, and show it: by a file that is young
and empty, by a temporary name, or by a file that is open for writing, or full of zeros, see
`UploadSign`.  Each sign is bounded, for it may also be what a program has left behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from archive_service.archive.errors import AlbumInMotion
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.archive.lru import WeightedLRU

_NS_PER_S = 1_000_000_000
_SHORTEST_PAUSE_S = 0.1
_KEPT_ALBUMS = 10_000
YOUNG_S = 60.0
"""For so long a file that is empty, or has zeros at both ends, may be that of an upload."""
OPEN_S = 300.0
"""For so long a file that is open for writing holds its album, without a change: some servers never
close the file of an upload that broke off."""
LOOKED_AT_S = 2 * OPEN_S
"""For so long after its last change a file is looked at."""


@dataclass(frozen=True, slots=True)
class SettlePolicy:
    """How long an album must have been still, and how long that is waited for; seconds."""

    settle_time_s: float
    settle_wait_s: float


NO_SETTLING = SettlePolicy(settle_time_s=0.0, settle_wait_s=0.0)
"""That of who takes albums as they are."""


class UploadSign(Enum):
    """What shows that a file is not whole, though it has been still."""

    OPEN = "open for writing"
    ZEROS = "zeros"
    CHANGED = "changed"
    """It is not what was listed any more."""


class UploadLook(Protocol):
    """Looks at files for signs of an upload, in a thread of the album."""

    def sign(self, archive: ArchiveId, listing: Listing, *, now_ns: int) -> UploadSign | None:
        """Return a sign that a file which changed a short while ago is not whole."""


class NoUploadLook:
    """Look at no file; see `UploadLook`."""

    def sign(self, archive: ArchiveId, listing: Listing, *, now_ns: int) -> None:
        """See none."""


NO_UPLOAD_LOOK = NoUploadLook()


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
        settle_time_s = self._patience.settle_time_s
        still_for_s = (now_ns - newest_change_ns(listing, now_ns)) / _NS_PER_S
        empty_ns = None if listing.is_of_objects else listing.newest_empty_ns
        young_s = 0.0
        if empty_ns is not None or still_for_s < settle_time_s:
            since_s = self._sightings.unchanged_since_s(self._archive, fingerprint, clock_s=clock_s)
            seen_for_s = clock_s - since_s
            still_for_s = max(still_for_s, seen_for_s) if empty_ns is None else seen_for_s
            if empty_ns is not None and settle_time_s:
                young_s = YOUNG_S - max((now_ns - empty_ns) / _NS_PER_S, seen_for_s)
        # What is young is looked at again and again: it may be whole soon.
        pause_s = max(settle_time_s - still_for_s, min(young_s, settle_time_s))
        return self._bounded_s(pause_s, clock_s)

    def needs_look(self, listing: Listing, *, now_ns: int) -> bool:
        """Tell whether an album that is still may have files that are not whole.

        They are looked at for twice as long as they hold the album: a file that is left open then
        is worth a line in the log.
        """
        newest_ns = newest_change_ns(listing, now_ns)
        may_be_young = now_ns - newest_ns < LOOKED_AT_S * _NS_PER_S
        return bool(self._patience.settle_time_s) and not listing.is_of_objects and may_be_young

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
    newest_ns = max(listing.newest_change_ns, listing.newest_upload_ns)
    if listing.newest_mtime_ns > now_ns:
        return newest_ns
    return max(newest_ns, listing.newest_mtime_ns)
