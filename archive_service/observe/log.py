"""The log: one line for each event, with the event's attributes as fields."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from archive_service.observe import events, index_events, process_events, storage_events
from archive_service.observe.recurrence import Recurrences

_FIELDS = "event_fields"
"""The attribute of a `LogRecord` that has the fields."""
_DEBUG, _INFO, _WARNING, _ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR
SELDOM_S = 60.0
"""The least time between two equal lines about what may happen all the time: a limit is reached, or
a disk does not answer."""


@dataclass(frozen=True, slots=True)
class Line:
    """How the events of one class are logged."""

    name: str
    level: int
    is_warning: Callable[[Any], bool] | None = None
    """Returns whether an event is a warning; the other events have `level`."""
    no_archive: str = ""
    """The text for an archive that is None."""
    every_s: float = 0.0
    """The least time between two lines with equal fields; `count` is then of the events since."""

    def level_of(self, event: events.Event) -> int:
        """Return the level at which an event is logged."""
        return _WARNING if self.is_warning and self.is_warning(event) else self.level

    def levels(self) -> Sequence[int]:
        """Return the levels that `level_of` gives."""
        return (self.level, _WARNING) if self.is_warning else (self.level,)

    def fields_of(self, event: events.Event) -> dict[str, object]:
        """Return the fields of an event; an attribute that is None is left out."""
        found: dict[str, object] = {}
        for name in _ATTRIBUTES[type(event)]:
            value = getattr(event, name)
            if name == "archive":
                found[name] = self.no_archive if value is None else str(value)
            elif name == "duration_s":
                found["duration_ms"] = round(value * 1000)
            elif value is not None:
                found[name] = value
        return found

    def field_names(self, event_class: type[events.Event]) -> Iterator[str]:
        """Yield the names that `fields_of` and `every_s` give the fields."""
        for name in _ATTRIBUTES[event_class]:
            yield "duration_ms" if name == "duration_s" else name
        if self.every_s:
            yield "count"


LINES: Mapping[type[events.Event], Line] = {
    process_events.SigningReported: Line("server.signing", _INFO),
    process_events.ServerStarted: Line("server.started", _INFO),
    process_events.ServerStopping: Line("server.stopping", _INFO),
    process_events.ServerStopped: Line("server.stopped", _INFO),
    events.DownloadStarted: Line("download.started", _INFO),
    events.DownloadResumed: Line("download.resumed", _INFO),
    events.PieceSent: Line("download.piece", _DEBUG),
    events.DownloadFinished: Line("download.finished", _INFO),
    events.DownloadInterrupted: Line(
        "download.interrupted", _INFO, lambda event: not event.is_by_client
    ),
    events.LinkRefused: Line("link.refused", _INFO, no_archive="malformed"),
    events.ArchiveMissing: Line("archive.missing", _INFO, no_archive="malformed"),
    events.ArchiveInMotion: Line("archive.in_motion", _INFO),
    events.ArchiveAwaited: Line("archive.awaited", _DEBUG),
    events.UploadAwaited: Line("archive.upload_awaited", _DEBUG),
    storage_events.OpenFileIgnored: Line("archive.open_file_ignored", _INFO),
    events.ArchiveDescribed: Line("archive.described", _DEBUG),
    storage_events.LinkSkipped: Line("link.skipped", _INFO),
    storage_events.ObjectSkipped: Line("object.skipped", _WARNING),
    storage_events.ListRejected: Line("list.rejected", _WARNING),
    storage_events.ListShadowed: Line("list.shadowed", _WARNING),
    storage_events.ListsLost: Line("lists.lost", _WARNING),
    events.RequestRefused: Line("request.refused", _WARNING, every_s=SELDOM_S),
    events.AnswerSlowed: Line("answer.slowed", _WARNING, every_s=SELDOM_S),
    events.AnswerFailed: Line("answer.failed", _ERROR, every_s=SELDOM_S),
    storage_events.AlbumsLost: Line("albums.lost", _WARNING),
    storage_events.AlbumsFound: Line("albums.found", _INFO),
    storage_events.DiskHanging: Line("disk.hanging", _WARNING),
    storage_events.DiskAnswering: Line("disk.answering", _INFO),
    index_events.IndexAheadWatching: Line("index_ahead.watching", _INFO),
    index_events.IndexAheadScanning: Line(
        "index_ahead.scanning", _INFO, lambda event: event.reason is not None
    ),
    index_events.IndexAheadWaiting: Line("index_ahead.waiting", _WARNING),
    index_events.IndexAheadOverflown: Line("index_ahead.overflown", _INFO),
    index_events.AlbumIndexed: Line("index_ahead.indexed", _DEBUG),
    index_events.IndexAheadFailed: Line("index_ahead.failed", _WARNING),
    index_events.AlbumNotIndexed: Line("index_ahead.album_failed", _ERROR),
    index_events.TidyingFailed: Line("index.tidying_failed", _ERROR),
    index_events.IndexImpaired: Line("index.impaired", _WARNING),
    index_events.IndexRestored: Line("index.restored", _INFO),
    process_events.TracingImpaired: Line("tracing.impaired", _WARNING),
    process_events.ObserverFailed: Line("observer.failed", _ERROR),
    process_events.LogLinesLost: Line("log.lines_lost", _WARNING),
    process_events.ConnectionNotTaken: Line("connection.not_taken", _WARNING, every_s=SELDOM_S),
    process_events.WorkerReplaced: Line("worker.replaced", _INFO),
    process_events.WorkerFailed: Line("worker.failed", _ERROR),
    process_events.WorkerDied: Line("worker.died", _WARNING),
}
"""By the class of event.  Events of other classes, which come with every file or request, are not
logged."""
_ATTRIBUTES: Mapping[type[events.Event], tuple[str, ...]] = {
    each: tuple(field.name for field in fields(each))  # type: ignore[arg-type] # each is one
    for each in LINES
}


class LogSink:
    """Logs each event that has a line."""

    def __init__(self) -> None:
        self._log = logging.getLogger("archive_service")
        self._recurrences = Recurrences()

    def __call__(self, event: events.Event) -> None:
        """Log an event."""
        line = LINES.get(type(event))
        if line is None:
            return
        level = line.level_of(event)
        if not self._log.isEnabledFor(level):
            return
        fields = line.fields_of(event)
        if line.every_s:
            count = self._recurrences.due(event, every_s=line.every_s)
            if not count:
                return
            fields["count"] = count
        self._log.log(level, line.name, extra={_FIELDS: fields})


def fields_of(record: logging.LogRecord) -> Mapping[str, object]:
    """Return the fields of a line; those of libraries have none."""
    found: Mapping[str, object] = getattr(record, _FIELDS, {})
    return found
