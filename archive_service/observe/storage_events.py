"""What happens to the places where albums and lists lie, as values; see `events`."""

from __future__ import annotations

from dataclasses import dataclass

from archive_service.archive.id import ArchiveId
from archive_service.observe.events import Event


@dataclass(frozen=True, slots=True)
class OpenFileIgnored(Event):
    """A file is open for writing and has not changed for 5 minutes; its album is sent nevertheless.

    Logged once for each album.

    To do: if this is frequent, find the program that does not close broken uploads: `lsof +D`.
    """

    archive: ArchiveId


@dataclass(frozen=True, slots=True)
class LinkSkipped(Event):
    """A symbolic link is left out of its album; logged once for each link.

    The reason is `outside`, `broken`, `loop`, `excluded`, `nested`, `no file` or `never`.

    To do: `find PHOTOS_DIR -inum INODE` shows the link.
    """

    archive: ArchiveId
    inode: int
    reason: str


@dataclass(frozen=True, slots=True)
class ObjectSkipped(Event):
    """Objects of an album are left out; logged once for each album.

    Their keys are `not UTF-8`, and no client can ask for them.

    To do: upload them under other keys.
    """

    archive: ArchiveId
    reason: str


@dataclass(frozen=True, slots=True)
class ListRejected(Event):
    """404: a list can't be used; logged once for each list, reason and entry.

    The reason is `broken`, `outside`, `missing` (a file), `too large` (`LIST_SIZE`) or `no file`;
    `entry` counts the entries of `files` from 0.

    To do: `archive-service list show HASH` says what is wrong.
    """

    archive: ArchiveId
    reason: str
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class ListShadowed(Event):
    """A list has the name of an album, and the album is sent.

    To do: give the list, or the directory, another name.
    """

    archive: ArchiveId


@dataclass(frozen=True, slots=True)
class ListsLost(Event):
    """At the start `LISTS_DIR` can't be read; links to lists are 503 until it can.

    To do: make it, mount it, or permit it to this user; for a store see the reasons below.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class AlbumsLost(Event):
    """`PHOTOS_DIR` can't be read, or is `empty` though albums are indexed; `/readyz` is a 503.

    The service tries again every 5 seconds.

    To do: mount it; for an empty one see the reasons below.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class AlbumsFound(Event):
    """`PHOTOS_DIR` can be read again, or for the first time."""


@dataclass(frozen=True, slots=True)
class DiskHanging(Event):
    """A disk makes no progress for 10 seconds; logged once until it answers.

    Downloads from it wait, others continue.  If it has `CACHE_DIR`, no download waits, but
    checksums learned meanwhile are lost at a restart.

    To do: look at the mount, and at the server or program behind it.
    """

    mount: str


@dataclass(frozen=True, slots=True)
class DiskAnswering(Event):
    """A disk that made no progress answers again."""

    mount: str


@dataclass(frozen=True, slots=True)
class HangingThreadsChanged(Event):
    """More threads, or fewer where `by` is negative, wait for a disk that does not answer."""

    by: int
