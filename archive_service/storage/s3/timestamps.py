"""Reads the modification times of objects, as stores print them."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from botocore.utils import parse_timestamp

_IN_LISTINGS = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?Z")  # ISO 8601
_UNKNOWN = datetime(1970, 1, 1, tzinfo=timezone.utc)


def moment(text: Any) -> datetime:  # noqa: ANN401 - what botocore finds in an answer
    """Return the time in a text; in whole seconds in the format of listings.

    Some stores print fractions of a second, and some of these only in one of two answers.
    An invalid text, or the year 0, means 1970: the time of one object must not make an album
    unreadable.
    """
    match = _IN_LISTINGS.fullmatch(text) if isinstance(text, str) else None
    with suppress(ValueError, OverflowError):
        if match is None:
            parsed: datetime = parse_timestamp(text)
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)
        year, month, day, hour, minute, second = map(int, match.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    return _UNKNOWN
