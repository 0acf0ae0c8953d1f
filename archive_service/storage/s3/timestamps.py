"""When an object was last written, as stores print it."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from botocore.utils import parse_timestamp

_IN_LISTINGS = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?Z")  # ISO 8601
_UNKNOWN = datetime(1970, 1, 1, tzinfo=timezone.utc)


def moment(text: Any) -> datetime:  # noqa: ANN401 - what botocore finds in an answer
    """Return the moment that a text names, in whole seconds where it stands in a listing.

    Some stores tell parts of a second, and some of these only in one of two answers.
    A text that names no moment, or one of the year 0, is taken for 1970: the time of one object
    must not make an album unreadable.
    """
    match = _IN_LISTINGS.fullmatch(text) if isinstance(text, str) else None
    with suppress(ValueError, OverflowError):
        if match is None:
            parsed: datetime = parse_timestamp(text)
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)
        year, month, day, hour, minute, second = map(int, match.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    return _UNKNOWN
