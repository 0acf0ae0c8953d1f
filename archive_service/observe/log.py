"""An observer that logs: one line for each event, with fields."""

from __future__ import annotations

import logging
import time
from collections import Counter
from threading import Lock

import structlog

from archive_service.archive.id import ArchiveId
from archive_service.observe.base import FAULTS_OF_CLIENTS, Download

SELDOM_S = 60.0


class LoggingObserver:
    """Logs what happens; the stages of a download at level debug."""

    def __init__(self) -> None:
        self._log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("archive_service")
        # Asked first: to make an event that nobody wants costs ten times as much.
        self._is_enabled_for = logging.getLogger("archive_service").isEnabledFor
        self._unlogged: Counter[tuple[str, ...]] = Counter()
        self._hanging: Counter[str] = Counter()
        self._hanging_lock = Lock()
        self._log_again_s: dict[tuple[str, ...], float] = {}

    def archive_described(self, archive: ArchiveId, *, entries: int, duration_s: float) -> None:
        """Log at debug."""
        if not self._is_enabled_for(logging.DEBUG):
            return
        self._log.debug(
            "archive.described",
            archive=str(archive),
            entries=entries,
            duration_ms=_milliseconds(duration_s),
        )

    def archive_missing(self, archive: ArchiveId | None) -> None:
        """Log at info."""
        self._log.info("archive.missing", archive=str(archive or "malformed"))

    def archive_awaited(self, archive: ArchiveId) -> None:
        """Log at debug."""
        self._log.debug("archive.awaited", archive=str(archive))

    def archive_in_motion(self, archive: ArchiveId | None) -> None:
        """Log at info."""
        self._log.info("archive.in_motion", archive=str(archive or ""))

    def link_refused(self, archive: ArchiveId | None, *, reason: str) -> None:
        """Log at info."""
        self._log.info("link.refused", archive=str(archive or "malformed"), reason=reason)

    def download_started(self, download: Download) -> None:
        """Log at info."""
        if not self._is_enabled_for(logging.INFO):
            return
        self._log.info(
            "download.resumed" if download.is_resumed else "download.started",
            archive=str(download.archive),
            status=download.status,
            first_pos=download.first_pos,
            content_length=download.content_length,
            complete_length=download.complete_length,
            entries=download.entries,
        )

    def piece_sent(self, download: Download, *, count: int) -> None:
        """Log at debug."""
        if not self._is_enabled_for(logging.DEBUG):
            return
        self._log.debug(
            "download.piece",
            archive=str(download.archive),
            count=count,
            sent_bytes=download.sent_bytes,
            content_length=download.content_length,
        )

    def download_finished(self, download: Download) -> None:
        """Log at info."""
        if not self._is_enabled_for(logging.INFO):
            return
        self._log.info(
            "download.finished",
            archive=str(download.archive),
            sent_bytes=download.sent_bytes,
            duration_ms=_milliseconds(download.duration_s),
        )

    def download_interrupted(self, download: Download, *, reason: str) -> None:
        """Log at info where the client left, at warning where the fault is on this side."""
        log = self._log.info if reason in FAULTS_OF_CLIENTS else self._log.warning
        log(
            "download.interrupted",
            archive=str(download.archive),
            reason=reason,
            sent_bytes=download.sent_bytes,
            content_length=download.content_length,
            duration_ms=_milliseconds(download.duration_s),
        )

    def request_refused(self, *, reason: str) -> None:
        """Log the first at warning, and what follows once a minute; see `_log_seldom`."""
        self._log_seldom("request.refused", reason=reason)

    def answer_slowed(self) -> None:
        """Log the first at warning, and what follows once a minute; see `_log_seldom`."""
        self._log_seldom("answer.slowed")

    def answer_failed(self, archive: ArchiveId | None, *, reason: str) -> None:
        """Log at error."""
        self._log.error("answer.failed", archive=str(archive or ""), reason=reason)

    def link_skipped(self, archive: ArchiveId, inode: int, reason: str) -> None:
        """Log at info; `find -inum` finds the link."""
        self._log.info("link.skipped", archive=str(archive), inode=inode, reason=reason)

    def object_skipped(self, archive: ArchiveId, reason: str) -> None:
        """Log at warning: no client of the store can ask for such an object."""
        self._log.warning("object.skipped", archive=str(archive), reason=reason)

    def hashing_changed(self, by: int) -> None:
        """Log nothing: it changes with every file."""

    def index_ahead_changed(self, state: str, *, reason: str) -> None:
        """Log at info, or at warning where there is a reason."""
        if reason:
            self._log.warning(f"index_ahead.{state}", reason=reason)
        else:
            self._log.info(f"index_ahead.{state}")

    def index_ahead_overflown(self) -> None:
        """Log at info."""
        self._log.info("index_ahead.overflown")

    def index_ahead_backlog(self, albums: int) -> None:
        """Log nothing: it changes with every album."""

    def album_indexed(self, archive: ArchiveId, *, files: int, duration_s: float) -> None:
        """Log at debug."""
        self._log.debug(
            "index_ahead.indexed",
            archive=str(archive),
            files=files,
            duration_ms=_milliseconds(duration_s),
        )

    def index_impaired(self, text: str) -> None:
        """Log at warning."""
        self._log.warning("index.impaired", reason=text)

    def index_restored(self) -> None:
        """Log at info."""
        self._log.info("index.restored")

    def albums_lost(self, *, reason: str) -> None:
        """Log at warning."""
        self._log.warning("albums.lost", reason=reason)

    def albums_found(self) -> None:
        """Log at info."""
        self._log.info("albums.found")

    def hanging_changed(self, place: str, by: int) -> None:
        """Log the first of a mount at warning, and at info when it answers."""
        with self._hanging_lock:
            before = self._hanging[place]
            self._hanging[place] += by
            is_over = not self._hanging[place]
            if is_over:
                del self._hanging[place]
        if not before:
            self._log.warning("disk.hanging", mount=place)
        elif is_over:
            self._log.info("disk.answering", mount=place)

    def _log_seldom(self, event: str, **fields: str) -> None:
        """Log an event that may come thousands of times; `count` is of those since the last line.

        Whose requests they are is not logged: an address is personal.
        """
        kind = (event, *fields.values())
        self._unlogged[kind] += 1
        now_s = time.monotonic()
        if now_s >= self._log_again_s.get(kind, 0.0):
            self._log.warning(event, **fields, count=self._unlogged.pop(kind))
            self._log_again_s[kind] = now_s + SELDOM_S


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
