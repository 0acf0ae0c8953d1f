"""Several observers as one."""

from __future__ import annotations

from collections.abc import Sequence

from archive_service.archive.id import ArchiveId
from archive_service.observe.base import Download, Observer


class SeveralObservers:
    """Tells each of several observers everything; see `Observer`."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def archive_described(self, archive: ArchiveId, *, entries: int, duration_s: float) -> None:
        """See `Observer.archive_described`."""
        for observer in self._observers:
            observer.archive_described(archive, entries=entries, duration_s=duration_s)

    def archive_missing(self, archive: ArchiveId | None) -> None:
        """See `Observer.archive_missing`."""
        for observer in self._observers:
            observer.archive_missing(archive)

    def archive_awaited(self, archive: ArchiveId) -> None:
        """See `Observer.archive_awaited`."""
        for observer in self._observers:
            observer.archive_awaited(archive)

    def request_refused(self, *, reason: str) -> None:
        """See `Observer.request_refused`."""
        for observer in self._observers:
            observer.request_refused(reason=reason)

    def answer_slowed(self) -> None:
        """See `Observer.answer_slowed`."""
        for observer in self._observers:
            observer.answer_slowed()

    def archive_in_motion(self, archive: ArchiveId | None) -> None:
        """See `Observer.archive_in_motion`."""
        for observer in self._observers:
            observer.archive_in_motion(archive)

    def link_refused(self, archive: ArchiveId | None, *, reason: str) -> None:
        """See `Observer.link_refused`."""
        for observer in self._observers:
            observer.link_refused(archive, reason=reason)

    def download_started(self, download: Download) -> None:
        """See `Observer.download_started`."""
        for observer in self._observers:
            observer.download_started(download)

    def piece_sent(self, download: Download, *, count: int) -> None:
        """See `Observer.piece_sent`."""
        for observer in self._observers:
            observer.piece_sent(download, count=count)

    def download_finished(self, download: Download) -> None:
        """See `Observer.download_finished`."""
        for observer in self._observers:
            observer.download_finished(download)

    def download_interrupted(self, download: Download, *, reason: str) -> None:
        """See `Observer.download_interrupted`."""
        for observer in self._observers:
            observer.download_interrupted(download, reason=reason)

    def answer_failed(self, archive: ArchiveId | None, *, reason: str) -> None:
        """See `Observer.answer_failed`."""
        for observer in self._observers:
            observer.answer_failed(archive, reason=reason)

    def link_skipped(self, archive: ArchiveId, inode: int, reason: str) -> None:
        """See `Observer.link_skipped`."""
        for observer in self._observers:
            observer.link_skipped(archive, inode, reason)

    def object_skipped(self, archive: ArchiveId, reason: str) -> None:
        """See `Observer.object_skipped`."""
        for observer in self._observers:
            observer.object_skipped(archive, reason)

    def hashing_changed(self, by: int) -> None:
        """See `Observer.hashing_changed`."""
        for observer in self._observers:
            observer.hashing_changed(by)

    def index_ahead_changed(self, state: str, *, reason: str) -> None:
        """See `Observer.index_ahead_changed`."""
        for observer in self._observers:
            observer.index_ahead_changed(state, reason=reason)

    def index_ahead_overflown(self) -> None:
        """See `Observer.index_ahead_overflown`."""
        for observer in self._observers:
            observer.index_ahead_overflown()

    def index_ahead_backlog(self, albums: int) -> None:
        """See `Observer.index_ahead_backlog`."""
        for observer in self._observers:
            observer.index_ahead_backlog(albums)

    def album_indexed(self, archive: ArchiveId, *, files: int, duration_s: float) -> None:
        """See `Observer.album_indexed`."""
        for observer in self._observers:
            observer.album_indexed(archive, files=files, duration_s=duration_s)

    def index_impaired(self, text: str) -> None:
        """See `Observer.index_impaired`."""
        for observer in self._observers:
            observer.index_impaired(text)

    def index_restored(self) -> None:
        """See `Observer.index_restored`."""
        for observer in self._observers:
            observer.index_restored()

    def albums_lost(self, *, reason: str) -> None:
        """See `Observer.albums_lost`."""
        for observer in self._observers:
            observer.albums_lost(reason=reason)

    def albums_found(self) -> None:
        """See `Observer.albums_found`."""
        for observer in self._observers:
            observer.albums_found()

    def hanging_changed(self, place: str, by: int) -> None:
        """See `Observer.hanging_changed`."""
        for observer in self._observers:
            observer.hanging_changed(place, by)
