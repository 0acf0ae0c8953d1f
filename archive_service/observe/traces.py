"""Adds what only the service knows of a request to its OpenTelemetry span.

A span holds no part of an archive's id, because traces are often stored by third parties.  Log
lines have the first characters of the id, and the id of the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span, Status, StatusCode, get_current_span

from archive_service.observe import events, index_events

_ERROR_TYPE = "error.type"
_HASHED_FILES = "archive.hashed_files"
_DOWNLOAD = "archive.download"
_SENT_BYTES = "archive.sent_bytes"


def add_to_span(event: events.Event) -> None:
    """Add an event to the span of the current request, if there is one."""
    if add := _ADDED.get(type(event)):
        add(get_current_span(), event)


def _awaited(span: Span, _event: events.ArchiveAwaited) -> None:
    span.add_event("archive.awaited")


def _described(span: Span, event: events.ArchiveDescribed) -> None:
    span.add_event("archive.described")
    span.set_attributes({"archive.entries": event.entries, "archive.listing_s": event.duration_s})


def _in_motion(span: Span, _event: events.ArchiveInMotion) -> None:
    span.set_attribute(_ERROR_TYPE, "in motion")


def _refused(
    span: Span, event: events.LinkRefused | events.RequestRefused | events.AnswerFailed
) -> None:
    span.set_attribute(_ERROR_TYPE, event.reason)


def _hashing(span: Span, event: index_events.HashingBacklogChanged) -> None:
    """Count the files that were hashed for the request; thousands of events would be too many."""
    if event.by > 0 and isinstance(span, ReadableSpan) and span.is_recording():
        before = (span.attributes or {}).get(_HASHED_FILES, 0)
        span.set_attribute(_HASHED_FILES, event.by + (before if isinstance(before, int) else 0))


def _started(span: Span, event: events.DownloadStarted) -> None:
    span.set_attributes(
        {
            # Set here, because a download that is cut never reaches the end of its request.
            "http.response.status_code": event.status,
            "archive.first_pos": event.first_pos,
            "archive.content_length": event.content_length,
            "archive.complete_length": event.complete_length,
        }
    )


def _first_byte(span: Span, event: events.FirstByteSent) -> None:
    span.add_event("archive.first_byte")
    span.set_attribute("archive.first_byte_s", event.first_byte_s)


def _finished(span: Span, event: events.DownloadFinished) -> None:
    span.set_attributes({_DOWNLOAD: "finished", _SENT_BYTES: event.sent_bytes})


def _interrupted(span: Span, event: events.DownloadInterrupted) -> None:
    span.set_attributes(
        {_DOWNLOAD: "interrupted", _SENT_BYTES: event.sent_bytes, _ERROR_TYPE: event.reason}
    )
    if not event.is_by_client:
        span.set_status(Status(StatusCode.ERROR))


_ADDED: Mapping[type[events.Event], Callable[[Span, Any], None]] = {
    events.ArchiveAwaited: _awaited,
    events.ArchiveDescribed: _described,
    events.ArchiveInMotion: _in_motion,
    events.LinkRefused: _refused,
    events.RequestRefused: _refused,
    events.AnswerFailed: _refused,
    index_events.HashingBacklogChanged: _hashing,
    events.DownloadStarted: _started,
    events.DownloadResumed: _started,
    events.FirstByteSent: _first_byte,
    events.DownloadFinished: _finished,
    events.DownloadInterrupted: _interrupted,
}
