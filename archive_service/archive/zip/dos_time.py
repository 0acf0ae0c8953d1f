"""MS-DOS date and time (APPNOTE 4.4.6), and the extended timestamp's UTC seconds.

DOS time is local by convention, counts in steps of two seconds and knows the years 1980 to 2107.
Out of range is clamped; the extended timestamp beside it carries the UTC second.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo

_FIRST_YEAR, _LAST_YEAR = 1980, 2107
_EARLIEST = (0, 1 << 5 | 1)
_LATEST = (23 << 11 | 59 << 5 | 29, (_LAST_YEAR - _FIRST_YEAR) << 9 | 12 << 5 | 31)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# One day wider than the years in question, so that no time zone can push a clamped value inside.
_EARLIEST_S = int((datetime(1979, 12, 30, tzinfo=timezone.utc) - _EPOCH).total_seconds())
_LATEST_S = int((datetime(2108, 1, 3, tzinfo=timezone.utc) - _EPOCH).total_seconds())


def dos_time_and_date(mtime_s: int, zone: tzinfo) -> tuple[int, int]:
    """Return the two 16-bit fields "last mod file time" and "last mod file date".

    `mtime_s` is in Unix seconds; `zone` is the time zone the DOS fields are local to.
    """
    clamped_s = min(max(mtime_s, _EARLIEST_S), _LATEST_S)
    local = (_EPOCH + timedelta(seconds=clamped_s)).astimezone(zone)
    if local.year < _FIRST_YEAR:
        return _EARLIEST
    if local.year > _LAST_YEAR:
        return _LATEST
    time = local.hour << 11 | local.minute << 5 | local.second // 2
    date = (local.year - _FIRST_YEAR) << 9 | local.month << 5 | local.day
    return time, date
