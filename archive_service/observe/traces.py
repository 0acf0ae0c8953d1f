"""An observer that adds to the current span of OpenTelemetry what only the service knows.

A span holds nothing of an archive's id, for traces are often kept by others.  The lines of the log
have the first characters of it, and the id of the trace.
"""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Status, StatusCode, get_current_span

from archive_service.archive.id import ArchiveId
from archive_service.observe.base import FAULTS_OF_CLIENTS, Download, Observer

_ERROR_TYPE = "error.type"
_HASHED_FILES = "archive.hashed_files"


class TracingObserver(Observer):
    """Tells of the request that is being answered; see `Observer`.

    Outside of one there is no span, and nothing happens.
    """

    def archive_awaited(self, archive: ArchiveId) -> None:
        """Mark the moment."""
        get_current_span().add_event("archive.awaited")

    def archive_described(self, archive: ArchiveId, *, entries: int, duration_s: float) -> None:
        """Mark the moment, and note how much it was."""
        span = get_current_span()
        span.add_event("archive.described")
        span.set_attributes({"archive.entries": entries, "archive.listing_s": duration_s})

    def archive_in_motion(self, archive: ArchiveId | None) -> None:
        """Note it as the reason."""
        _tell_reason("in motion")

    def link_refused(self, archive: ArchiveId | None, *, reason: str) -> None:
        """Note the reason."""
        _tell_reason(reason)

    def request_refused(self, *, reason: str) -> None:
        """Note the reason."""
        _tell_reason(reason)

    def answer_failed(self, archive: ArchiveId | None, *, reason: str) -> None:
        """Note the reason."""
        _tell_reason(reason)

    def hashing_changed(self, by: int) -> None:
        """Add up the files that the request has had hashed; each a mark would be thousands."""
        span = get_current_span()
        if by > 0 and isinstance(span, ReadableSpan) and span.is_recording():
            before = (span.attributes or {}).get(_HASHED_FILES, 0)
            span.set_attribute(_HASHED_FILES, by + (before if isinstance(before, int) else 0))

    def download_started(self, download: Download) -> None:
        """Note which bytes are asked for; the status, too, in case that it comes to no end."""
        get_current_span().set_attributes(
            {
                "http.response.status_code": download.status,
                "archive.first_pos": download.first_pos,
                "archive.content_length": download.content_length,
                "archive.complete_length": download.complete_length,
            }
        )

    def piece_sent(self, download: Download, *, count: int) -> None:
        """Mark the moment of the first."""
        if download.sent_bytes == count:
            get_current_span().add_event("archive.first_byte")

    def download_finished(self, download: Download) -> None:
        """Note how it ended."""
        _tell_end(download, "finished")

    def download_interrupted(self, download: Download, *, reason: str) -> None:
        """Note how it ended and why; an error where the fault is on this side."""
        _tell_end(download, "interrupted")
        _tell_reason(reason)
        if reason not in FAULTS_OF_CLIENTS:
            get_current_span().set_status(Status(StatusCode.ERROR))


def _tell_end(download: Download, end: str) -> None:
    get_current_span().set_attributes(
        {
            "archive.download": end,
            "archive.sent_bytes": download.sent_bytes,
            "archive.first_byte_s": download.first_byte_s,
        }
    )


def _tell_reason(reason: str) -> None:
    get_current_span().set_attribute(_ERROR_TYPE, reason)
