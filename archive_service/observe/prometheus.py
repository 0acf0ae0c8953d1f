"""An observer that counts, and the text that Prometheus reads.

With several processes each keeps its figures in files of a common directory, which the library
finds by PROMETHEUS_MULTIPROC_DIR when it is first imported; whichever process is asked adds all of
them up.  Labels are bounded: no hash, file name or address is one.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from archive_service.archive.id import ArchiveId
from archive_service.observe.base import Download
from archive_service.observe.process_metrics import SHARED_METRICS_VARIABLE, Present, Readiness

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SERVICE = "service"
_OF_STORES = ("unreachable", "timeout", "slow down", "credentials expired", "store error")
_FAULTS_OF_FAILED = {
    "client left": "client",
    "stalled": "client",
    "vanished": "files",
    "resized": "files",
    "rewritten": "files",
    "replaced": "files",
    "shutdown": "operator",
    "EACCES": _SERVICE,
    "EIO": _SERVICE,
    **dict.fromkeys(_OF_STORES, _SERVICE),
    "internal error": _SERVICE,
}
_IN_MOTION = "in motion"
_FAULTS_OF_REFUSED = {
    "missing": "client",
    "not signed": "client",
    "expired": "client",
    "guessing": "client",
    "client busy": "client",
    _IN_MOTION: "files",
    "too deep": "files",
    "too many links": "files",
    "name too long": "files",
    "busy": "operator",
    "EACCES": _SERVICE,
    "EIO": _SERVICE,
    "EMFILE": _SERVICE,
    "ENOENT": _SERVICE,
    "empty": _SERVICE,
    **dict.fromkeys(_OF_STORES, _SERVICE),
}
"""By the reason; what is not named here is the fault of the service, or of its machine."""
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Bounds of histograms: from an album in memory to one that is waited for."""


class PrometheusObserver:
    """Counts what happens; see `Observer`.

    See `Present` for what is not counted, but looked at.
    """

    def __init__(
        self, index_bytes: Callable[[], int | None] = lambda: None, *, downloads_limit: int = 0
    ) -> None:
        self._present = Present(index_bytes, downloads_limit=downloads_limit)
        self._registry = registry = CollectorRegistry()
        self._started = Counter(
            "archive_downloads_started",
            "Answers with bytes of an archive, from its first byte (new) or a later one (resumed)",
            ["kind"],
            registry=registry,
        )
        self._finished = Counter(
            "archive_downloads_finished", "Downloads whose last byte was sent", registry=registry
        )
        self._failed = Counter(
            "archive_downloads_failed",
            "Downloads that were cut, by the reason and by whose fault it was",
            ["reason", "fault"],
            registry=registry,
        )
        self._active = Gauge(
            "archive_downloads_active",
            "Downloads under way",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._sent_bytes = Counter(
            "archive_sent_bytes", "Bytes of archives that were sent", registry=registry
        )
        self._resumed_bytes = Counter(
            "archive_resumed_bytes",
            "Bytes in front of the first that was sent: what resumption saved",
            registry=registry,
        )
        self._first_byte = Histogram(
            "archive_first_byte_seconds",
            "From the start of a download to the first bytes that its connection took",
            buckets=_SECONDS,
            registry=registry,
        )
        self._listing = Histogram(
            "archive_listing_seconds",
            "Time to list and lay out an album, waiting for it to be still included",
            buckets=_SECONDS,
            registry=registry,
        )
        self._refused = Counter(
            "archive_requests_refused",
            "Requests that got no archive, by the reason and by whose fault it was",
            ["reason", "fault"],
            registry=registry,
        )
        self._slowed = Counter(
            "archive_answers_slowed",
            "Answers to links to nothing that were held back",
            registry=registry,
        )
        self._skipped_links = Counter(
            "archive_links_skipped",
            "Symbolic links left out, by the reason",
            ["reason"],
            registry=registry,
        )
        self._index_impaired = Counter(
            "archive_index_impaired",
            "Times that the CRC index could not be used as it should",
            registry=registry,
        )
        self._hashing = Gauge(
            "archive_hashing_backlog_files",
            "Files that wait to be hashed or are being hashed",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._ahead_backlog = Gauge(
            "archive_index_ahead_backlog_albums",
            "Albums that wait to be indexed ahead, once they are still",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._ahead_files = Counter(
            "archive_index_ahead_files", "Files that were hashed ahead", registry=registry
        )
        self._ahead_overflown = Counter(
            "archive_index_ahead_overflown",
            "Times that the kernel could not tell of all changes",
            registry=registry,
        )
        self._hanging = Gauge(
            "archive_hanging_threads",
            "Threads that wait for a disk that does not answer",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._begin_at_zero()
        # Looked up once: each look costs as much as to count.
        self._started_new = self._started.labels("new")
        self._started_resumed = self._started.labels("resumed")

    def _begin_at_zero(self) -> None:
        """Have what may happen there from the start, or else its first time is no increase."""
        for kind in ("new", "resumed"):
            self._started.labels(kind)
        for metric, faults in (
            (self._failed, _FAULTS_OF_FAILED),
            (self._refused, _FAULTS_OF_REFUSED),
        ):
            for reason, fault in faults.items():
                metric.labels(reason, fault)

    def text(self, *, is_ready: bool) -> bytes:
        """Return what Prometheus reads, of all processes."""
        registry = self._registry
        if SHARED_METRICS_VARIABLE in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        present = CollectorRegistry()
        present.register(self._present)
        present.register(Readiness(is_ready=is_ready))
        return generate_latest(registry) + generate_latest(present)

    def archive_described(self, archive: ArchiveId, *, entries: int, duration_s: float) -> None:
        """Note how long it took."""
        self._listing.observe(duration_s)

    def archive_missing(self, archive: ArchiveId | None) -> None:
        """Count it."""
        self._refuse("missing")

    def archive_awaited(self, archive: ArchiveId) -> None:
        """Do nothing: it ends in one of the others."""

    def link_refused(self, archive: ArchiveId | None, *, reason: str) -> None:
        """Count it by the reason."""
        self._refuse(reason)

    def request_refused(self, *, reason: str) -> None:
        """Count it by the reason."""
        self._refuse(reason)

    def answer_slowed(self) -> None:
        """Count it."""
        self._slowed.inc()

    def archive_in_motion(self, archive: ArchiveId | None) -> None:
        """Count it."""
        self._refuse(_IN_MOTION)

    def download_started(self, download: Download) -> None:
        """Count it, and what a resumption has saved."""
        self._active.inc()
        if download.is_resumed:
            self._started_resumed.inc()
            self._resumed_bytes.inc(download.first_pos)
        else:
            self._started_new.inc()

    def piece_sent(self, download: Download, *, count: int) -> None:
        """Count the bytes; note the time of the first."""
        if download.sent_bytes == count:
            self._first_byte.observe(download.first_byte_s)
        self._sent_bytes.inc(count)

    def download_finished(self, download: Download) -> None:
        """Count it."""
        self._active.dec()
        self._finished.inc()

    def download_interrupted(self, download: Download, *, reason: str) -> None:
        """Count it by the reason."""
        self._active.dec()
        self._failed.labels(reason, _FAULTS_OF_FAILED.get(reason, _SERVICE)).inc()

    def answer_failed(self, archive: ArchiveId | None, *, reason: str) -> None:
        """Count it by the reason."""
        self._refuse(reason)

    def link_skipped(self, archive: ArchiveId, inode: int, reason: str) -> None:
        """Count it by the reason."""
        self._skipped_links.labels(reason).inc()

    def object_skipped(self, archive: ArchiveId, reason: str) -> None:
        """Do nothing: the log tells."""

    def index_impaired(self, text: str) -> None:
        """Count it."""
        self._index_impaired.inc()

    def index_restored(self) -> None:
        """Count nothing."""

    def index_ahead_changed(self, state: str, *, reason: str) -> None:
        """Do nothing: the log tells."""

    def index_ahead_overflown(self) -> None:
        """Count it."""
        self._ahead_overflown.inc()

    def index_ahead_backlog(self, albums: int) -> None:
        """Note it."""
        self._ahead_backlog.set(albums)

    def album_indexed(self, archive: ArchiveId, *, files: int, duration_s: float) -> None:
        """Count the files."""
        self._ahead_files.inc(files)

    def hashing_changed(self, by: int) -> None:
        """Note that more files, or below zero fewer, wait to be hashed."""
        self._hashing.inc(by)

    def albums_lost(self, *, reason: str) -> None:
        """Do nothing: it is looked at."""

    def albums_found(self) -> None:
        """Do nothing: it is looked at."""

    def hanging_changed(self, place: str, by: int) -> None:
        """Note that more threads, or below zero fewer, hang."""
        self._hanging.inc(by)

    def _refuse(self, reason: str) -> None:
        self._refused.labels(reason, _FAULTS_OF_REFUSED.get(reason, _SERVICE)).inc()
