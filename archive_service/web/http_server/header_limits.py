"""Limits the header of a request, and chooses the answer for a longer one.

Browsers send all cookies of the site with a download, and a web server in front may join them into
one field: three of 4 KB are common.  So the limit for a field is generous.
"""

from __future__ import annotations

from aiohttp.http_exceptions import BadStatusLine, InvalidURLError, LineTooLong

from archive_service.web.failures import (
    COOKIES_TOO_LONG,
    FIELD_TOO_LONG,
    LINK_UNREADABLE,
    REQUEST_LINE_TOO_LONG,
    REQUEST_UNREADABLE,
    TOO_MANY_FIELDS,
    Failure,
)

MAX_REQUEST_TARGET_BYTES = 8190
MAX_FIELD_BYTES = 65_536
"""Of a field's name and value."""
MAX_HEADER_BYTES = 131_072
"""Of the request line and all fields; a longer header is neither read nor answered."""
MAX_FIELDS = 128
_COOKIE = b"cookie"


def header_failure(error: BaseException | None, header: bytes) -> Failure:
    """Return the failure for a header, given its bytes up to where parsing stopped."""
    if isinstance(error, LineTooLong):
        is_of_line = MAX_REQUEST_TARGET_BYTES in error.args
        return REQUEST_LINE_TOO_LONG if is_of_line else _failure_of_field(header)
    # A space in a link ends it early, and the rest is no version of HTTP.
    if isinstance(error, InvalidURLError | BadStatusLine):
        return LINK_UNREADABLE
    return TOO_MANY_FIELDS if header.count(b"\r\n") > MAX_FIELDS else REQUEST_UNREADABLE


def _failure_of_field(header: bytes) -> Failure:
    longest = max(header.split(b"\r\n"), key=len)
    name, _, _ = longest.partition(b":")
    return COOKIES_TOO_LONG if name.strip().lower() == _COOKIE else FIELD_TOO_LONG
