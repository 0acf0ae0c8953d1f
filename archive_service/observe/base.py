"""What is worth knowing of a running service, as calls that an observer may act on.

No observer is told a whole archive id, a file name or a path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from archive_service.archive.id import ArchiveId

FAULTS_OF_CLIENTS = ("client left", "stalled")
"""Reasons for which a download is interrupted that need nobody's attention."""


@dataclass(slots=True)
class Download:
    """One answer that carries bytes of an archive, as far as it has come."""

    archive: ArchiveId
    status: int
    first_pos: int
    """Where in the archive the answer starts, bytes."""
    content_length: int
    complete_length: int
    entries: int
    sent_bytes: int = 0
    first_byte_s: float = 0.0
    """From the start until the connection had taken the first bytes."""
    duration_s: float = 0.0

    @property
    def is_resumed(self) -> bool:
        """Whether the answer starts behind the archive's first byte."""
        return self.first_pos > 0


class Observer(Protocol):
    """Is told what happens, when it happens, on the event loop's thread."""

    def archive_described(self, archive: ArchiveId, *, entries: int, duration_s: float) -> None:
        """An album was listed and laid out."""

    def archive_missing(self, archive: ArchiveId | None) -> None:
        """Nothing exists under a link; None where its id can't even be one."""

    def archive_awaited(self, archive: ArchiveId) -> None:
        """An album has changed a moment ago; a request waits for it to be still."""

    def archive_in_motion(self, archive: ArchiveId | None) -> None:
        """An album went on changing for longer than it was waited for."""

    def link_refused(self, archive: ArchiveId | None, *, reason: str) -> None:
        """A link was not signed or has expired; `reason` is a short fixed phrase."""

    def download_started(self, download: Download) -> None:
        """The header fields of an answer were made."""

    def piece_sent(self, download: Download, *, count: int) -> None:
        """So many more bytes were taken by the connection."""

    def download_finished(self, download: Download) -> None:
        """The last byte was taken by the connection."""

    def download_interrupted(self, download: Download, *, reason: str) -> None:
        """The connection was or had to be cut; `reason` is a short fixed word."""

    def request_refused(self, *, reason: str) -> None:
        """A request was one too many for now; `reason` is a short fixed word."""

    def answer_slowed(self) -> None:
        """A client has to wait for being told that a link of many leads to nothing."""

    def answer_failed(self, archive: ArchiveId | None, *, reason: str) -> None:
        """A request could not be answered through no fault of the client's."""

    def link_skipped(self, archive: ArchiveId, inode: int, reason: str) -> None:
        """A symbolic link of an album is left out; called once for each, from any thread."""

    def object_skipped(self, archive: ArchiveId, reason: str) -> None:
        """Objects of an album are left out; called once for an album and reason, from any thread.

        The reason is a short fixed phrase.
        """

    def hashing_changed(self, by: int) -> None:
        """More files, or below zero fewer, wait to be hashed."""

    def index_ahead_changed(self, state: str, *, reason: str) -> None:
        """Albums are now indexed ahead in another way.

        The state is "watching", "scanning" or "waiting", for the root is not there; the reason, a
        short fixed phrase or the name of an errno, is empty where the state is as it was asked for.
        """

    def index_ahead_overflown(self) -> None:
        """The kernel could not tell of all changes; every album is looked at."""

    def index_ahead_backlog(self, albums: int) -> None:
        """So many albums wait to be indexed ahead, once they are still."""

    def album_indexed(self, archive: ArchiveId, *, files: int, duration_s: float) -> None:
        """All of an album is known to the index; for that so many files were hashed ahead."""

    def index_impaired(self, text: str) -> None:
        """The CRC index can't be used as it should."""

    def index_restored(self) -> None:
        """The CRC index can be used again, and what was learned meanwhile is in it."""

    def albums_lost(self, *, reason: str) -> None:
        """PHOTOS_DIR can't be read, or is empty; `reason` as that of StorageUnavailable."""

    def albums_found(self) -> None:
        """PHOTOS_DIR can be read again, or for the first time."""

    def hanging_changed(self, place: str, by: int) -> None:
        """More threads, or below zero fewer, wait for a disk that does not answer.

        The place is a mount, without a whole id.  Called from any thread.
        """
