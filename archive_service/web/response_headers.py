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


def add_fields(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Add missing fields."""
    headers = response.headers
    headers["Server"] = _SERVER  # aiohttp's own reveals versions
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    # RFC 9110 section 14.3.  By the path, not by the route: a 405 has no route.
    accepted = "bytes" if is_of_archive(request) else "none"
    headers.setdefault("Accept-Ranges", accepted)
