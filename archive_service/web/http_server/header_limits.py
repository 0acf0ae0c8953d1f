"""How long the header of a request may be, and what to say of one that is longer.

Browsers send the cookies of the whole site with a download, in one field once a web server in front
has joined them: three of 4 KB are common.  They cost a visitor nothing here.
"""

from __future__ import annotations

from aiohttp.http_exceptions import LineTooLong

from archive_service.web.failures import (
    COOKIES_TOO_LONG,
    FIELD_TOO_LONG,
    REQUEST_LINE_TOO_LONG,
    UNREADABLE,
    Failure,
)

MAX_REQUEST_TARGET_BYTES = 8190
MAX_FIELD_BYTES = 65_536
"""Of a field's name and value."""
MAX_HEADER_BYTES = 131_072
"""Of a request line and all fields; beyond it nothing is read, nor answered."""
_COOKIE = b"cookie"


def header_failure(error: BaseException | None, header: bytes) -> Failure:
    """Return what is wrong with a header, given its beginning: up to what could not be read."""
    if not isinstance(error, LineTooLong):
        return UNREADABLE
    if MAX_REQUEST_TARGET_BYTES in error.args:
        return REQUEST_LINE_TOO_LONG
    longest = max(header.split(b"\r\n"), key=len)
    name, _, _ = longest.partition(b":")
    return COOKIES_TOO_LONG if name.strip().lower() == _COOKIE else FIELD_TOO_LONG
