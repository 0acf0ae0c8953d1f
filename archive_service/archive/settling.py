"""Decides when an album is settled: nothing in it has changed for a while, so no upload runs.

An album whose newest change is old enough by the wall clock is settled at once.  Three kinds of
albums must stay unchanged for SETTLE_TIME by our own monotonic clock:

- The newest change lies in the future, because the clock of the store is ahead.
- The newest change was not long ago and the store has a clock of its own, which may be behind: an
  album that is being uploaded looks settled then.
- A file is empty.  An upload that replaces a file truncates the old one first.  While the kernel
  does that, a second for gigabytes, `stat` shows size 0 with the old times.

Some uploads pause for longer than SETTLE_TIME.  Their signs are a young empty file, a temporary
name, a file that is open for writing, and one with zeros at both ends or with holes; see
`UploadSign`.  Each sign counts for a limited time, because a program that broke off may have left
it behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from archive_service.archive.errors import AlbumInMotion
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.archive.lru import WeightedLRU
from archive_service.archive.units import NS_PER_S

_SHORTEST_PAUSE_S = 0.1
_KEPT_ALBUMS = 10_000
YOUNG_S = 60.0
"""How long a file that is empty, has zeros at both ends, or holes, counts as an upload."""
OPEN_S = 300.0
"""How long an unchanged file that is open for writing holds its album: some servers never close the
file of an upload that broke off."""
LOOKED_AT_S = 2 * OPEN_S
"""How long after its last change a file is checked for such signs."""
BEHIND_S = 600.0
"""How far the clock of another machine, which dates the changes, may be behind."""


@dataclass(frozen=True, slots=True)
class SettlePolicy:
    """How long an album must be unchanged, and how long a request waits for that; seconds."""

    settle_time_s: float
    settle_wait_s: float


NO_SETTLING = SettlePolicy(settle_time_s=0.0, settle_wait_s=0.0)
"""The policy that sends albums as they are."""


class UploadSign(Enum):
    """What shows that a file is incomplete although it has not changed lately."""

    OPEN = "open for writing"
    ZEROS = "zeros"
    HOLES = "holes"
    CHANGED = "changed"
    """It is no longer what was listed."""


class UploadLook(Protocol):
    """Checks files for signs of an upload, in a thread of the album."""

    def sign(self, archive: ArchiveId, listing: Listing, *, now_ns: int) -> UploadSign | None:
        """Return a sign that a recently changed file is incomplete, or None."""


class NoUploadLook:
    """Checks no file; see `UploadLook`."""

    def sign(self, archive: ArchiveId, listing: Listing, *, now_ns: int) -> None:
        """Return None."""


NO_UPLOAD_LOOK = NoUploadLook()


def may_be_uploaded(listing: Listing, *, now_ns: int) -> bool:
    """Return whether a settled album may have incomplete files, so that an `UploadLook` pays.

    An open file delays the album for OPEN_S.  Files are checked for twice as long, so that the log
    reports one that stays open.
    """
    changed_for_ns = now_ns - newest_change_ns(listing, now_ns)
    return not listing.is_of_objects and changed_for_ns < LOOKED_AT_S * NS_PER_S


def is_written(archive: ArchiveId, listing: Listing, uploads: UploadLook, *, now_ns: int) -> bool:
    """Return whether a recently changed file is open for writing.

    No checksum of it must be kept: a program may write on through a mapping without moving a time.
    """
    if not may_be_uploaded(listing, now_ns=now_ns):
        return False
    return uploads.sign(archive, listing, now_ns=now_ns) is UploadSign.OPEN


class FirstSeen:
    """Records since when each album is unchanged, in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._first: WeightedLRU[ArchiveId, tuple[bytes, float]] = WeightedLRU(_KEPT_ALBUMS)

    def unchanged_since_s(self, archive: ArchiveId, fingerprint: bytes, *, clock_s: float) -> float:
        """Record the fingerprint of an album; return since when it has been the same."""
        sighting = self._first.get(archive)
        if sighting is None or sighting[0] != fingerprint:
            sighting = fingerprint, clock_s
            self._first.put(archive, sighting, weight=1)
        return sighting[1]


class SettlingWatch:
    """One request's wait for an album to settle; `clock_s` is the time of a monotonic clock."""

    def __init__(
        self, archive: ArchiveId, policy: SettlePolicy, first_seen: FirstSeen, *, clock_s: float
    ) -> None:
        self._archive = archive
        self._policy = policy
        self._first_seen = first_seen
        self._give_up_s = clock_s + policy.settle_wait_s

    def pause_s(
        self,
        listing: Listing,
        fingerprint: bytes,
        *,
        now_ns: int,
        clock_s: float,
        behind_s: float = 0.0,
    ) -> float:
        """Return how long to wait before the album is listed again; 0 if it is settled.

        `now_ns` is the Unix time; the store's clock may be `behind_s` seconds behind it.
        Raise AlbumInMotion where no time is left to wait.
        """
        settle_time_s = self._policy.settle_time_s
        still_for_s = (now_ns - newest_change_ns(listing, now_ns)) / NS_PER_S - behind_s
        empty_ns = None if listing.is_of_objects else listing.newest_empty_ns
        young_s = 0.0
        if empty_ns is not None or still_for_s < settle_time_s:
            since_s = self._first_seen.unchanged_since_s(
                self._archive, fingerprint, clock_s=clock_s
            )
            seen_for_s = clock_s - since_s
            still_for_s = max(still_for_s, seen_for_s) if empty_ns is None else seen_for_s
            if empty_ns is not None and settle_time_s:
                young_s = YOUNG_S - max((now_ns - empty_ns) / NS_PER_S, seen_for_s)
        # A young empty file is checked again and again: the upload may complete it soon.
        pause_s = max(settle_time_s - still_for_s, min(young_s, settle_time_s))
        return self._bounded_s(pause_s, clock_s)

    def needs_look(self, listing: Listing, *, now_ns: int) -> bool:
        """Return whether the files of a settled album are to be checked."""
        return bool(self._policy.settle_time_s) and may_be_uploaded(listing, now_ns=now_ns)

    def look_again_s(self, *, clock_s: float) -> float:
        """Return how long to wait if the album changed while it was listed."""
        return self._bounded_s(self._policy.settle_time_s or _SHORTEST_PAUSE_S, clock_s)

    def _bounded_s(self, pause_s: float, clock_s: float) -> float:
        left_s = self._give_up_s - clock_s
        if pause_s > 0 and left_s <= 0:
            raise AlbumInMotion
        return max(0.0, min(pause_s, left_s))


def newest_change_ns(listing: Listing, now_ns: int) -> int:
    """Return when the album changed last.

    An mtime in the future is ignored: its owner has set it.  Other mtimes count, because some file
    systems have no ctime, or report the time of creation as ctime.
    """
    newest_ns = max(listing.newest_change_ns, listing.newest_upload_ns)
    if listing.newest_mtime_ns > now_ns:
        return newest_ns
    return max(newest_ns, listing.newest_mtime_ns)
