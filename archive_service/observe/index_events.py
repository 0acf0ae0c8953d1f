"""What happens to the index of checksums, as values; see `events`."""

from __future__ import annotations

from dataclasses import dataclass

from archive_service.archive.id import ArchiveId
from archive_service.observe.events import Event


@dataclass(frozen=True, slots=True)
class IndexAheadWatching(Event):
    """The kernel reports changes in the directories of all albums."""


@dataclass(frozen=True, slots=True)
class IndexAheadScanning(Event):
    """All albums are scanned in turn; a warning with `reason` if they can't be watched.

    To do: see the reasons below.
    """

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class IndexAheadWaiting(Event):
    """`PHOTOS_DIR` can't be read; the service tries again every 5 seconds.

    To do: mount it.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class IndexAheadOverflown(Event):
    """The kernel's queue was full and changes were lost; all albums are scanned.

    To do: nothing; if this is frequent, raise `fs.inotify.max_queued_events`.
    """


@dataclass(frozen=True, slots=True)
class IndexAheadBacklog(Event):
    """The number of albums that wait to be indexed ahead."""

    albums: int


@dataclass(frozen=True, slots=True)
class AlbumIndexed(Event):
    """The index knows all files of an album that can be read; `files` were hashed for that."""

    archive: ArchiveId
    files: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class IndexAheadFailed(Event):
    """A bug in the service: indexing ahead restarts after a minute, downloads continue.

    To do: please report it with the line.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class AlbumNotIndexed(Event):
    """A bug in the service: one album can't be indexed ahead, the others are; logged once for each.

    To do: please report it with the line.
    """

    archive: ArchiveId
    reason: str


@dataclass(frozen=True, slots=True)
class TidyingFailed(Event):
    """A bug in the service: the index could not be tidied; the service tries again every hour.

    To do: please report it with the line.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class IndexImpaired(Event):
    """The index of checksums can't be used; downloads continue without it.

    To do: make `CACHE_DIR` writable, or free its disk; a corrupt file is replaced automatically;
    for a shared index see the reasons below.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class IndexRestored(Event):
    """The shared index can be used again and has the checksums that were learned meanwhile."""


@dataclass(frozen=True, slots=True)
class HashingBacklogChanged(Event):
    """More files, or fewer where `by` is negative, wait to be hashed."""

    by: int
