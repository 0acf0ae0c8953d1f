"""Byte ranges: the oracle is RFC 9110 sections 14.1, 14.2, 14.4 and 15.3.7.2."""

from __future__ import annotations

import pytest

from archive_service.http.ranges import (
    MAX_RANGES,
    ByteRange,
    content_range,
    parse_range,
    unsatisfied_range,
)

LENGTH = 10_000  # that of the examples of section 14.1.2
HUGE = "9" * 20_000


def spans(value: str, complete_length: int = LENGTH) -> list[tuple[int, int]] | None:
    ranges = parse_range(value, complete_length)
    return None if ranges is None else [(found.start, found.stop) for found in ranges]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # the examples of section 14.1.2
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-999", [(500, 1000)]),
        ("bytes=-500", [(9500, 10_000)]),
        ("bytes=9500-", [(9500, 10_000)]),
        ("bytes=0-0,-1", [(0, 1), (9999, 10_000)]),
        ("bytes= 0-999, 4500-5499, -1000", [(0, 1000), (4500, 5500), (9000, 10_000)]),
        ("bytes=500-600,601-999", [(500, 1000)]),
        ("bytes=500-700,601-999", [(500, 1000)]),
        # section 14.1.2: a last-pos at or past the end is the end
        ("bytes=9999-9999", [(9999, 10_000)]),
        ("bytes=9000-10000", [(9000, 10_000)]),
        ("bytes=9000-18446744073709551616", [(9000, 10_000)]),
        (f"bytes=9000-{HUGE}", [(9000, 10_000)]),
        # section 14.1.2: a suffix longer than the representation is all of it
        ("bytes=-10000", [(0, 10_000)]),
        ("bytes=-10001", [(0, 10_000)]),
        (f"bytes=-{HUGE}", [(0, 10_000)]),
        ("bytes=0-", [(0, 10_000)]),
        # section 14.1: range units are case-insensitive
        ("BYTES=0-0", [(0, 1)]),
        ("Bytes=0-0", [(0, 1)]),
        # 1*DIGIT: leading zeros are digits
        ("bytes=007-0009", [(7, 10)]),
        ("bytes=" + "0" * 5000 + "7-9", [(7, 10)]),
        ("bytes=00-00", [(0, 1)]),
        # section 5.6.1.2: OWS and empty members
        ("bytes=,, 0-0 ,\t,", [(0, 1)]),
        # section 14.2: what is not satisfiable is left out of a set that is
        ("bytes=10000-,0-0", [(0, 1)]),
        ("bytes=-0,0-0", [(0, 1)]),
        (f"bytes={HUGE}-,0-0", [(0, 1)]),
    ],
)
def test_satisfiable_ranges_are_kept(value: str, expected: list[tuple[int, int]]) -> None:
    assert spans(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "bytes=10000-",  # section 14.1.2: first-pos is not less than the current length
        "bytes=10000-10000",
        "bytes=10000-20000",
        "bytes=-0",  # a suffix-length of zero
        "bytes=-000",
        "bytes=-0,10000-,12345-23456",
        f"bytes={HUGE}-",
        f"bytes={HUGE}-{HUGE}",
    ],
)
def test_a_valid_set_without_a_satisfiable_member_is_empty(value: str) -> None:
    assert spans(value) == []


@pytest.mark.parametrize(
    "value",
    [
        # section 14.2: an unknown unit MUST be ignored
        "seconds=0-1",
        "byte=0-9",
        "none=0-1",
        "=0-1",
        # section 14.1.1: not a ranges-specifier
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=--1",
        "bytes=1-X",
        "bytes=8-007",  # a last-pos before the first-pos, whatever stands before its digits
        "bytes=0-1=",
        "bytes=bytes=0-1",
        "Xbytes=0-1",
        "bytes=1",
        "bytes=a-b",
        "bytes=0x0-0x9",
        "bytes=+1-2",
        "bytes=1.5-2",
        "bytes=1_0-2_0",
        "bytes=0 - 9",
        "bytes=0-9;",
        "bytes=0-9 10-19",
        "bytes =0-9",
        "bytes 0-9",
        "bytes: 0-9",
        "bytes=0-9, bytes=20-29",
        "bytes=٠-٩",  # DIGIT is ASCII
        "bytes=²-9",
        "bytes=0- 9",
        "bytes=*",
        '"bytes=0-9"',
        "bytes=0-9\n",
        # section 14.1.1: last-pos less than first-pos is invalid, and so is its whole set
        "bytes=9-0",
        "bytes=100-" + "0" * 5000 + "99",
        "bytes=20000-19999",  # also where both lie past the end: invalid, not unsatisfiable
        f"bytes={HUGE}-1",
        f"bytes={HUGE}1-{HUGE}0",
        "bytes=0-0,9-0",
        "bytes=9-0,0-0",
        "bytes=0-0,x",
    ],
)
def test_any_other_field_is_ignored(value: str) -> None:
    assert spans(value) is None


def test_ranges_of_nothing_are_ignored() -> None:  # section 14.2
    assert [parse_range(value, 0) for value in ("bytes=0-", "bytes=-1")] == [None, None]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=8000-8999,0-999", [(8000, 9000), (0, 1000)]),  # the order of the request
        ("bytes=0-99,50-149", [(0, 150)]),  # overlapping
        ("bytes=50-149,0-99", [(0, 150)]),
        ("bytes=0-999,100-199", [(0, 1000)]),  # enclosed
        ("bytes=0-99,100-199", [(0, 200)]),  # adjacent
        ("bytes=5-5,5-5,5-5", [(5, 6)]),
        ("bytes=100-199,0-99", [(0, 200)]),
        ("bytes=0-,-500", [(0, 10_000)]),
        ("bytes=0-5000,5000-", [(0, 10_000)]),
        ("bytes=100-199,0-999", [(0, 1000)]),
        ("bytes=0-99,179-199", [(0, 200)]),  # a gap of 79 bytes
        ("bytes=0-99,180-199", [(0, 100), (180, 200)]),  # a gap of 80 bytes
        # a coalesced range stands where the first of its members stood
        ("bytes=9000-9099,0-99,9050-9199", [(9000, 9200), (0, 100)]),
        ("bytes=5000-5099,9000-9099,0-99,5050-5199", [(5000, 5200), (9000, 9100), (0, 100)]),
        ("bytes=200-299,0-99,100-199,5000-5001", [(0, 300), (5000, 5002)]),
    ],
)
def test_ranges_are_coalesced_and_keep_their_order(
    value: str, expected: list[tuple[int, int]]
) -> None:  # section 15.3.7.2
    assert spans(value) == expected


def test_the_longest_set_is_served_and_a_longer_one_is_ignored() -> None:  # section 14.2
    members = [f"{index * 1000}-{index * 1000}" for index in range(MAX_RANGES + 1)]
    longest = spans("bytes=" + ",".join(members[:-1]), 1_000_000)
    assert longest is not None
    assert len(longest) == MAX_RANGES
    assert spans("bytes=" + ",".join(members), 1_000_000) is None


def test_empty_members_do_not_count_towards_the_longest_set() -> None:  # section 5.6.1.2
    assert spans("bytes=" + "," * (MAX_RANGES * 2) + "0-0") == [(0, 1)]


@pytest.mark.parametrize(
    ("byte_range", "expected"),
    [  # the examples of section 14.4
        (ByteRange(42, 1234), "bytes 42-1233/1234"),
        (ByteRange(0, 500), "bytes 0-499/1234"),
        (ByteRange(734, 1234), "bytes 734-1233/1234"),
    ],
)
def test_content_range_is_inclusive(byte_range: ByteRange, expected: str) -> None:
    assert content_range(byte_range, 1234) == expected


def test_unsatisfied_range_tells_the_length() -> None:  # section 14.4
    assert unsatisfied_range(1234) == "bytes */1234"
