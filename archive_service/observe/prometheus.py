"""Metrics: events are counted, and Prometheus reads the figures as text.

With several processes each keeps its figures in files of a common directory, which the library
finds by PROMETHEUS_MULTIPROC_DIR when it is first imported; whichever process is asked adds all of
them up.  Labels are bounded: no hash, file name or address is one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from archive_service.archive.settling import UploadSign
from archive_service.observe import events, index_events, storage_events
from archive_service.observe.process_metrics import (
    SHARED_METRICS_VARIABLE,
    ProcessMetrics,
    Readiness,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SERVICE = "service"
_OF_STORES = ("unreachable", "timeout", "slow down", "credentials expired", "store error")
_FAULTS_OF_FAILED = {
    "client left": "client",
    "stalled": "client",
    "too slow": "client",
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
    "too large": "files",
    "file too large": "files",
    "busy": "operator",
    "archived": "operator",
    "EACCES": _SERVICE,
    "EIO": _SERVICE,
    "EMFILE": _SERVICE,
    "ENOENT": _SERVICE,
    "empty": _SERVICE,
    **dict.fromkeys(_OF_STORES, _SERVICE),
}
"""Whose fault each reason is; others are the fault of the service, or of its machine."""
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Bounds of histograms: from an album in memory to one that is waited for."""
_Actions = Mapping[type[events.Event], Callable[[Any], None]]


class PrometheusSink:
    """Counts events; what is read when Prometheus asks is in `ProcessMetrics`."""

    def __init__(
        self, index_bytes: Callable[[], int | None] = lambda: None, *, downloads_limit: int = 0
    ) -> None:
        self._process_metrics = ProcessMetrics(index_bytes, downloads_limit=downloads_limit)
        self._registry = CollectorRegistry()
        self._actions: _Actions = {
            **_of_downloads(self._registry),
            **_of_sending(self._registry),
            **_of_requests(self._registry),
            **_of_albums(self._registry),
            **_of_index(self._registry),
        }

    def __call__(self, event: events.Event) -> None:
        """Count an event."""
        if act := self._actions.get(type(event)):
            act(event)

    def text(self, *, is_ready: bool) -> bytes:
        """Return what Prometheus reads, of all processes."""
        registry = self._registry
        if SHARED_METRICS_VARIABLE in os.environ:
            registry = CollectorRegistry()
            with suppress(ValueError):  # a cleaner has removed the directory
                MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        current = CollectorRegistry()
        current.register(self._process_metrics)
        current.register(Readiness(is_ready=is_ready))
        return generate_latest(registry) + generate_latest(current)


def _of_downloads(registry: CollectorRegistry) -> _Actions:
    active = _gauge(registry, "archive_downloads_active", "Downloads under way")
    return {**_of_starts(registry, active), **_of_ends(registry, active)}


def _of_starts(registry: CollectorRegistry, active: Gauge) -> _Actions:
    help_of_started = (
        "Answers with bytes of an archive, from its first byte (new) or a later one (resumed)"
    )
    help_of_saved = "Bytes that resumed downloads did not have to fetch again"
    counter = partial(Counter, registry=registry)
    started = counter("archive_downloads_started", help_of_started, ["kind"])
    saved = counter("archive_resumed_bytes", help_of_saved)
    # Looked up once: a look-up costs as much as counting.
    new, resumed = started.labels("new"), started.labels("resumed")

    def start(_event: events.DownloadStarted) -> None:
        active.inc()
        new.inc()

    def resume(event: events.DownloadResumed) -> None:
        active.inc()
        resumed.inc()
        saved.inc(event.first_pos)

    return {events.DownloadStarted: start, events.DownloadResumed: resume}


def _of_ends(registry: CollectorRegistry, active: Gauge) -> _Actions:
    help_of_failed = "Downloads that were cut, by the reason and by whose fault it was"
    counter = partial(Counter, registry=registry)
    finished = counter("archive_downloads_finished", "Downloads whose last byte was sent")
    failed = counter("archive_downloads_failed", help_of_failed, ["reason", "fault"])
    _begin_at_zero(failed, _FAULTS_OF_FAILED)

    def finish(_event: events.DownloadFinished) -> None:
        active.dec()
        finished.inc()

    def interrupt(event: events.DownloadInterrupted) -> None:
        active.dec()
        failed.labels(event.reason, _FAULTS_OF_FAILED.get(event.reason, _SERVICE)).inc()

    return {events.DownloadFinished: finish, events.DownloadInterrupted: interrupt}


def _of_sending(registry: CollectorRegistry) -> _Actions:
    help_of_first = "From the start of a download to the first bytes that its connection took"
    sent = Counter("archive_sent_bytes", "Bytes of archives that were sent", registry=registry)
    first = _seconds(registry, "archive_first_byte_seconds", help_of_first)
    return {
        events.PieceSent: lambda event: sent.inc(event.count),
        events.FirstByteSent: lambda event: first.observe(event.first_byte_s),
    }


def _of_requests(registry: CollectorRegistry) -> _Actions:
    help_of_listing = "Time to list and lay out an album, its wait to stop changing included"
    help_of_refused = "Requests that got no archive, by the reason and by whose fault it was"
    help_of_slowed = "Answers to requests for missing archives that were delayed"
    counter = partial(Counter, registry=registry)
    listing = _seconds(registry, "archive_listing_seconds", help_of_listing)
    refused = counter("archive_requests_refused", help_of_refused, ["reason", "fault"])
    slowed = counter("archive_answers_slowed", help_of_slowed)
    _begin_at_zero(refused, _FAULTS_OF_REFUSED)

    def refuse(reason: str) -> None:
        refused.labels(reason, _FAULTS_OF_REFUSED.get(reason, _SERVICE)).inc()

    return {
        events.ArchiveDescribed: lambda event: listing.observe(event.duration_s),
        events.ArchiveMissing: lambda _event: refuse("missing"),
        events.ArchiveInMotion: lambda _event: refuse(_IN_MOTION),
        events.LinkRefused: lambda event: refuse(event.reason),
        events.RequestRefused: lambda event: refuse(event.reason),
        events.AnswerFailed: lambda event: refuse(event.reason),
        events.AnswerSlowed: lambda _event: slowed.inc(),
    }


def _of_albums(registry: CollectorRegistry) -> _Actions:
    help_of_hanging = "Threads that wait for a disk that does not answer"
    help_of_awaited = "Waits for an incomplete file in an album that stopped changing, by reason"
    help_of_left_open = "Albums sent though a file was open for writing: it had not changed lately"
    counter = partial(Counter, registry=registry)
    skipped = counter("archive_links_skipped", "Symbolic links left out, by the reason", ["reason"])
    hanging = _gauge(registry, "archive_hanging_threads", help_of_hanging)
    awaited = counter("archive_uploads_awaited", help_of_awaited, ["reason"])
    left_open = counter("archive_open_files_ignored", help_of_left_open)
    for sign in UploadSign:
        awaited.labels(sign.value)
    return {
        storage_events.HangingThreadsChanged: lambda event: hanging.inc(event.by),
        events.UploadAwaited: lambda event: awaited.labels(event.reason).inc(),
        storage_events.OpenFileIgnored: lambda _event: left_open.inc(),
        storage_events.LinkSkipped: lambda event: skipped.labels(event.reason).inc(),
    }


def _of_index(registry: CollectorRegistry) -> _Actions:
    help_of_impaired = "Failures of the CRC index"
    help_of_hashing = "Files that wait to be hashed or are being hashed"
    help_of_backlog = "Albums that wait to be indexed ahead, also while they change"
    help_of_overflown = "Times that the kernel's queue of changes has overflown"
    counter = partial(Counter, registry=registry)
    impaired = counter("archive_index_impaired", help_of_impaired)
    hashing = _gauge(registry, "archive_hashing_backlog_files", help_of_hashing)
    backlog = _gauge(registry, "archive_index_ahead_backlog_albums", help_of_backlog)
    files = counter("archive_index_ahead_files", "Files that were hashed ahead")
    overflown = counter("archive_index_ahead_overflown", help_of_overflown)
    return {
        index_events.IndexImpaired: lambda _event: impaired.inc(),
        index_events.HashingBacklogChanged: lambda event: hashing.inc(event.by),
        index_events.IndexAheadBacklog: lambda event: backlog.set(event.albums),
        index_events.AlbumIndexed: lambda event: files.inc(event.files),
        index_events.IndexAheadOverflown: lambda _event: overflown.inc(),
    }


def _gauge(registry: CollectorRegistry, name: str, help_text: str) -> Gauge:
    """Make a gauge; that of the service is the sum over its living processes."""
    return Gauge(name, help_text, multiprocess_mode="livesum", registry=registry)


def _seconds(registry: CollectorRegistry, name: str, help_text: str) -> Histogram:
    return Histogram(name, help_text, buckets=_SECONDS, registry=registry)


def _begin_at_zero(metric: Counter, faults: Mapping[str, str]) -> None:
    """Make the counters of known reasons, so that the first event of each is an increase."""
    for reason, fault in faults.items():
        metric.labels(reason, fault)
