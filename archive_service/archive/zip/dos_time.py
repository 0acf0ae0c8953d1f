"""MS-DOS date and time (APPNOTE 4.4.6), for whole columns of times.

DOS time is local by convention, has steps of two seconds and covers the years 1980 to 2107.
Times outside are clamped.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone, tzinfo

from archive_service.archive.long_columns import as_array, distinct

FIRST_YEAR, LAST_YEAR = 1980, 2107
_EARLIEST = (1 << 5 | 1) << 16
_LATEST = ((LAST_YEAR - FIRST_YEAR) << 9 | 12 << 5 | 31) << 16 | 23 << 11 | 59 << 5 | 29
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# Wider than the range by more than any time zone, so a clamped value stays outside of it.
_EARLIEST_S = (datetime(1979, 12, 30, tzinfo=timezone.utc) - _EPOCH) // timedelta(seconds=1)
_LATEST_S = (datetime(2108, 1, 3, tzinfo=timezone.utc) - _EPOCH) // timedelta(seconds=1)


def dos_times(mtimes_s: Sequence[int], zone: tzinfo) -> array[int]:
    """Return "last mod file time" in the low 16 bits and "last mod file date" in the high ones.

    `mtimes_s` are Unix seconds; `zone` is the time zone that the DOS fields are local to.
    """
    # Files of one upload, and small pictures made of large ones, share their seconds.
    found = {mtime_s: _dos_time(mtime_s, zone) for mtime_s in distinct(mtimes_s)}
    return as_array("I", map(found.__getitem__, mtimes_s))


def _dos_time(mtime_s: int, zone: tzinfo) -> int:
    local = datetime.fromtimestamp(min(max(mtime_s, _EARLIEST_S), _LATEST_S), zone)
    if local.year < FIRST_YEAR:
        return _EARLIEST
    if local.year > LAST_YEAR:
        return _LATEST
    date = (local.year - FIRST_YEAR) << 9 | local.month << 5 | local.day
    return date << 16 | local.hour << 11 | local.minute << 5 | local.second // 2
