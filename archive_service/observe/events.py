"""What happens to requests and downloads, as values.

The code that notices an event calls `observe(event)`; the log, the metrics and the traces each act
on the classes they know.  An event holds an archive's id only as `ArchiveId`, which prints its
first characters.  It never holds a file name; the only paths are those of mounts.  What happens to
storages, checksums and processes is in `storage_events`, `index_events` and `process_events`.

The reference of log lines in docs/operations.md is made of the docstrings here: what has happened,
and after "To do:" what an operator does about it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archive_service.archive.id import ArchiveId


class Event:
    """One thing that has happened."""

    __slots__ = ()


Observe = Callable[[Event], None]
"""Records an event, in any thread, and returns soon; see `to_each` for errors that it raises."""


def ignore(event: Event) -> None:
    """Record nothing."""


@dataclass(frozen=True, slots=True)
class DownloadStarted(Event):
    """The header fields of an answer with bytes of an archive were sent; it starts at byte 0."""

    archive: ArchiveId
    status: int
    first_pos: int
    content_length: int
    complete_length: int
    entries: int


@dataclass(frozen=True, slots=True)
class DownloadResumed(DownloadStarted):
    """The header fields of an answer were sent; it starts at the later byte `first_pos`."""


@dataclass(frozen=True, slots=True)
class FirstByteSent(Event):
    """The connection has taken the first bytes of a download, `first_byte_s` after its start."""

    first_byte_s: float


@dataclass(frozen=True, slots=True)
class PieceSent(Event):
    """The connection has taken `count` more bytes, `sent_bytes` in all."""

    archive: ArchiveId
    count: int
    sent_bytes: int
    content_length: int


@dataclass(frozen=True, slots=True)
class DownloadFinished(Event):
    """The connection has taken the last byte."""

    archive: ArchiveId
    sent_bytes: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class DownloadInterrupted(Event):
    """A download was cut; the level is info where the client is the cause, and warning otherwise.

    To do: see the reasons below.
    """

    archive: ArchiveId
    reason: str
    sent_bytes: int
    content_length: int
    duration_s: float

    @property
    def is_by_client(self) -> bool:
        """Whether the client ended it, which needs no attention."""
        return self.reason in {"client left", "stalled", "too slow"}


@dataclass(frozen=True, slots=True)
class LinkRefused(Event):
    """403 or 410: a link is `not signed` with a key of `SIGNING_KEYS`, or has `expired`.

    To do: if it is one of yours, the keys of site and service differ, or their clocks do.
    """

    archive: ArchiveId | None
    reason: str


@dataclass(frozen=True, slots=True)
class ArchiveMissing(Event):
    """404: a link leads to no album; `malformed` stands for a text that no album can have as name.

    To do: nothing; if there are many from unknown clients, they guess hashes: see `MISS_LIMIT`.
    """

    archive: ArchiveId | None


@dataclass(frozen=True, slots=True)
class ArchiveInMotion(Event):
    """503: the album kept changing for `SETTLE_WAIT` seconds.

    To do: nothing during an upload; if it never ends, a program keeps changing the album.
    """

    archive: ArchiveId | None


@dataclass(frozen=True, slots=True)
class ArchiveAwaited(Event):
    """A request waits for an album that changed a moment ago."""

    archive: ArchiveId


@dataclass(frozen=True, slots=True)
class UploadAwaited(Event):
    """A request waits for an album that no longer changes, but has a file that looks incomplete.

    The reason is `open for writing`, `zeros`, `holes` or `changed`.
    """

    archive: ArchiveId
    reason: str


@dataclass(frozen=True, slots=True)
class ArchiveDescribed(Event):
    """An album was listed and laid out; the time includes the wait for it to stop changing."""

    archive: ArchiveId
    entries: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class RequestRefused(Event):
    """429 or 503: a limit is reached; the first is logged at once, then the count once a minute.

    The reason is `busy` (`MAX_DOWNLOADS`), `client busy` (`MAX_DOWNLOADS_PER_CLIENT`) or
    `guessing` (`MISS_LIMIT`).

    To do: raise the limit if they are visitors.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class AnswerSlowed(Event):
    """A 404 or 412 is delayed because its client gets many; logged like `request.refused`.

    To do: nothing; if `TRUSTED_PROXIES` is not set, set it, so that the service can distinguish the
    guesser from other visitors.
    """


@dataclass(frozen=True, slots=True)
class AnswerFailed(Event):
    """500 or 503: a request could not be answered, through no fault of the client.

    The reason is the name of an error or a short phrase; the first of an album and reason is logged
    at once, then the count once a minute.

    To do: see the reasons below.
    """

    archive: ArchiveId | None
    reason: str
