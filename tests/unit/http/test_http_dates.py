"""HTTP-date: the oracle is RFC 9110 section 5.6.7."""

from __future__ import annotations

import calendar
from datetime import datetime, timezone

import pytest

from archive_service.http.http_date import http_date, parse_http_date

EXAMPLE_S = 784111777  # "Sun, 06 Nov 1994 08:49:37 GMT", the section's own example


def utc(*moment: int) -> int:
    return calendar.timegm((*moment, 0, 0, 0)[:6])


NOW_S = utc(2024, 6, 15, 12, 0, 0)


@pytest.mark.parametrize(
    "value",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",  # IMF-fixdate
        "Sunday, 06-Nov-94 08:49:37 GMT",  # rfc850-date
        "Sun Nov  6 08:49:37 1994",  # asctime-date
        "Sun Nov 06 08:49:37 1994",  # asctime-date, date3 = month SP ( 2DIGIT / ( SP 1DIGIT ) )
        "\t Sun, 06 Nov 1994 08:49:37 GMT ",  # OWS around a field value, section 5.5
        "Mon, 06 Nov 1994 08:49:37 GMT",  # the redundant day name is not compared
    ],
)
def test_every_form_of_the_example_is_the_same_moment(value: str) -> None:
    assert parse_http_date(value, NOW_S) == EXAMPLE_S


@pytest.mark.parametrize(
    ("value", "expected_s"),
    [
        ("Thu, 29 Feb 2024 23:59:59 GMT", utc(2024, 2, 29, 23, 59, 59)),
        ("Sat, 31 Dec 2016 23:59:60 GMT", utc(2017, 1, 1)),  # a leap second
        ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ("Mon, 01 Jan 0001 00:00:00 GMT", utc(1, 1, 1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", utc(9999, 12, 31, 23, 59, 59)),
    ],
)
def test_dates_at_the_edges_are_read(value: str, expected_s: int) -> None:
    assert parse_http_date(value, NOW_S) == expected_s


@pytest.mark.parametrize(
    ("two_digits", "year"),
    [("24", 2024), ("23", 2023), ("73", 2073), ("75", 1975), ("94", 1994), ("99", 1999)],
)
def test_two_digit_year_is_at_most_fifty_years_ahead(two_digits: str, year: int) -> None:
    value = f"Friday, 01-Mar-{two_digits} 00:00:00 GMT"
    assert parse_http_date(value, NOW_S) == utc(year, 3, 1)


@pytest.mark.parametrize(
    ("value", "expected_s"),
    [
        ("Friday, 15-Jun-74 12:00:00 GMT", utc(2074, 6, 15, 12)),  # exactly 50 years
        ("Friday, 15-Jun-74 12:00:01 GMT", utc(1974, 6, 15, 12, 0, 1)),  # more than 50 years
    ],
)
def test_fifty_years_are_counted_to_the_second(value: str, expected_s: int) -> None:
    assert parse_http_date(value, NOW_S) == expected_s


def test_two_digit_year_after_a_turn_of_the_century_is_ahead() -> None:
    now_s = utc(1999, 12, 31)
    assert parse_http_date("Saturday, 01-Jan-00 00:00:00 GMT", now_s) == utc(2000, 1, 1)


@pytest.mark.parametrize(
    "value",
    [
        "XSun, 06 Nov 1994 08:49:37 GMT",
        "",
        "0",
        "784111777",
        "Sat, 31 Feb 2024 00:00:00 GMT",  # no such day
        "Wed, 29 Feb 2023 00:00:00 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",  # day = 2DIGIT
        "Sun, 06 Nov 94 08:49:37 GMT",  # year = 4DIGIT
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37",  # no zone
        "Sun, 06 Nov 1994 08:49:37 UTC",  # GMT = %s"GMT"
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "sun, 06 nov 1994 08:49:37 gmt",  # "HTTP-date is case sensitive."
        "06 Nov 1994 08:49:37 GMT",  # the day name is not optional
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Вс, 06 ноя 1994 08:49:37 GMT",
        "Sun, ٠٦ Nov ١٩٩٤ 08:49:37 GMT",  # DIGIT is ASCII
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",  # a list of dates
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun, 06 Nov 1994 08:49:37 GMT; length=5",  # Netscape's extension
        "1994-11-06T08:49:37Z",
    ],
)
def test_anything_else_is_no_date(value: str) -> None:
    assert parse_http_date(value, NOW_S) is None


def test_dates_are_printed_as_imf_fixdate() -> None:
    assert http_date(EXAMPLE_S) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_moments_without_a_four_digit_year_are_clamped() -> None:
    assert http_date(10**30) == "Fri, 31 Dec 9999 23:59:59 GMT"
    assert http_date(-(10**30)) == "Mon, 01 Jan 0001 00:00:00 GMT"


@pytest.mark.parametrize("month", range(1, 13))
def test_names_do_not_depend_on_the_locale(month: int) -> None:
    moment = datetime(2023, month, 9, 1, 2, 3, tzinfo=timezone.utc)
    name = "JanFebMarAprMayJunJulAugSepOctNovDec"[month * 3 - 3 : month * 3]
    assert http_date(int(moment.timestamp()))[5:] == f"09 {name} 2023 01:02:03 GMT"
