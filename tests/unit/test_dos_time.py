"""DOS date and time, APPNOTE 4.4.6."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest

from archive_service.archive.zip.dos_time import dos_times

UTC = timezone.utc


def fields(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    """Return the date above the time, as they stand in a header."""
    date = (year - 1980) << 9 | month << 5 | day
    return date << 16 | hour << 11 | minute << 5 | second // 2


def seconds(*when: int) -> int:
    return int((datetime(*when, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())  # type: ignore[arg-type, misc]  # a date's parts


@pytest.mark.parametrize(
    ("mtime_s", "zone", "expected"),
    [
        (seconds(2024, 5, 1, 12, 30, 59), UTC, fields(2024, 5, 1, 12, 30, 58)),
        (seconds(2024, 5, 1, 22, 0, 0), ZoneInfo("Europe/Moscow"), fields(2024, 5, 2, 1, 0, 0)),
        (seconds(1980, 1, 1, 0, 0, 0), UTC, fields(1980, 1, 1, 0, 0, 0)),
        (seconds(1979, 12, 31, 23, 59, 59), UTC, fields(1980, 1, 1, 0, 0, 0)),
        (seconds(1979, 12, 31, 23, 0, 0), ZoneInfo("Europe/Moscow"), fields(1980, 1, 1, 2, 0, 0)),
        (seconds(1980, 1, 1, 1, 0, 0), timezone(-timedelta(hours=5)), fields(1980, 1, 1, 0, 0, 0)),
        (seconds(2107, 12, 31, 23, 59, 59), UTC, fields(2107, 12, 31, 23, 59, 58)),
        (seconds(2107, 2, 3, 4, 5, 6), UTC, fields(2107, 2, 3, 4, 5, 6)),
        (seconds(2108, 1, 1, 0, 0, 0), UTC, fields(2107, 12, 31, 23, 59, 58)),
        (seconds(1904, 1, 1, 0, 0, 0), UTC, fields(1980, 1, 1, 0, 0, 0)),
        (-(2**62), UTC, fields(1980, 1, 1, 0, 0, 0)),
        (2**62, UTC, fields(2107, 12, 31, 23, 59, 58)),
    ],
)
def test_dos_time_is_local_and_clamped(mtime_s: int, zone: tzinfo, expected: int) -> None:
    assert list(dos_times([mtime_s], zone)) == [expected]
