"""HTTP-date (RFC 9110 section 5.6.7): printed in one form, read in three.

The names of days and months are English and case-sensitive in every locale, so `strftime` and
`strptime` are of no use.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EARLIEST_S = int((datetime(1, 1, 1, tzinfo=timezone.utc) - _EPOCH).total_seconds())
_LATEST_S = int((datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc) - _EPOCH).total_seconds())
_FUTURE_YEARS = 50
"""How far ahead a two-digit year may point."""

_DAY_NAME = "(?:" + "|".join(day[:3] for day in _DAYS) + ")"
_DAY_NAME_L = "(?:" + "|".join(_DAYS) + ")"
_MONTH = "(?P<month>" + "|".join(_MONTHS) + ")"
# "00:00:00 - 23:59:60 (leap second)"
_TIME = "(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"
_FORMS = (
    # IMF-fixdate:  Sun, 06 Nov 1994 08:49:37 GMT
    re.compile(f"{_DAY_NAME}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    # rfc850-date:  Sunday, 06-Nov-94 08:49:37 GMT
    re.compile(f"{_DAY_NAME_L}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"),
    # asctime-date: Sun Nov  6 08:49:37 1994
    re.compile(f"{_DAY_NAME} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)


def moment_of(seconds: int) -> datetime:
    """Return the moment of Unix seconds, clamped to the years 1 to 9999."""
    return _EPOCH + timedelta(seconds=min(max(seconds, _EARLIEST_S), _LATEST_S))


@lru_cache(maxsize=1024)  # each album repeats its date
def http_date(seconds: int) -> str:
    """Print Unix seconds as an IMF-fixdate, the only form a sender may generate.

    Times outside the years 1 to 9999, which the form can't hold, are clamped.
    """
    moment = moment_of(seconds)
    day_name, month = _DAYS[moment.weekday()][:3], _MONTHS[moment.month - 1]
    return f"{day_name}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT"


# "A recipient that parses a timestamp value in an HTTP field MUST accept all three HTTP-date
# formats."  The day name is redundant and not compared with the date: recipients "are encouraged
# to be robust in parsing timestamps".
def parse_http_date(value: str, now_s: int) -> int | None:
    """Read an HTTP-date into Unix seconds; return None where it is not one.

    `now_s`, in Unix seconds, decides the century of a two-digit year.
    """
    for form in _FORMS:
        if match := form.fullmatch(value.strip(" \t")):
            return _seconds(match, now_s)
    return None


def _seconds(match: re.Match[str], now_s: int) -> int | None:
    month, day = _MONTHS.index(match["month"]) + 1, int(match["day"])
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    year = int(match["year"])
    if len(match["year"]) == 2:
        year = _full_year(year, now_s, within_year=(month, day, hour, minute, second))
    try:
        days = date(year, month, day).toordinal() - _EPOCH.toordinal()
    except ValueError:  # 31 February, or the year 0
        return None
    return ((days * 24 + hour) * 60 + minute) * 60 + second


# "Recipients of a timestamp value in rfc850-date format, which uses a two-digit year, MUST
# interpret a timestamp that appears to be more than 50 years in the future as representing the
# most recent year in the past that had the same last two digits."
def _full_year(two_digits: int, now_s: int, *, within_year: tuple[int, ...]) -> int:
    now = _EPOCH + timedelta(seconds=now_s)
    last_year = now.year + _FUTURE_YEARS
    year = last_year - (last_year - two_digits) % 100
    now_within_year = (now.month, now.day, now.hour, now.minute, now.second)
    if year == last_year and within_year > now_within_year:
        return year - 100
    return year
