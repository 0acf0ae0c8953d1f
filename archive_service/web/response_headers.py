"""The header fields that every answer carries."""

from __future__ import annotations

from aiohttp import web

_ALWAYS = {
    "Cache-Control": "private, no-cache",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
}
_SERVER = "archive-service"


def is_of_archive(request: web.BaseRequest) -> bool:
    """Return whether a request is for an archive, its page, manifest or summary."""
    return request.path.startswith("/archive/")


def add_fields(response: web.StreamResponse, *, accepts_ranges: bool) -> None:
    """Add missing fields; `accepts_ranges` is about the path (RFC 9110 section 14.3)."""
    response.headers["Server"] = _SERVER  # aiohttp's own reveals versions
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Accept-Ranges", "bytes" if accepts_ranges else "none")
