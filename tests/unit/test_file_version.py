"""Rows of the index beside what is listed: the same content, a suspicion, or another file."""

from __future__ import annotations

import struct
from dataclasses import replace
from itertools import pairwise

from harness.listings import listing_of
from hypothesis import given
from hypothesis import strategies as st

from archive_service.archive.file_version import (
    Known,
    known,
    stamps_of,
    with_new_content,
    with_stamp,
)

UNSIGNED = st.integers(0, 2**64 - 1)
TIMES = st.integers(1_500_000_000 * 10**9, 2_000_000_000 * 10**9)
INODES = st.integers(1, 2**40) | st.integers(0, 2**63)
CRC32S = st.integers(0, 2**32 - 1)


def listed(size: int, mtime_ns: int, ctime_ns: int, inode: int) -> bytes:
    return struct.pack("<QqQQ", size, mtime_ns, ctime_ns, inode)


@given(UNSIGNED, TIMES, TIMES, INODES)
def test_what_was_first_listed_is_known_by_its_ctime(
    size: int, mtime_ns: int, ctime_ns: int, inode: int
) -> None:
    version = listed(size, mtime_ns, ctime_ns, inode)
    assert known(version, version) == Known(ctime_ns, is_suspected=False)
    assert with_stamp(version, ctime_ns) == version


@given(st.lists(st.tuples(TIMES, INODES), min_size=2, unique=True))
def test_a_stamp_stays_while_the_content_does(states: list[tuple[int, int]]) -> None:
    row = listed(1, 2, *states[0])
    stamp = states[0][0]
    for before, after in pairwise(states):
        assert known(row, listed(1, 2, *before)) == Known(stamp, is_suspected=False)
        assert known(row, listed(1, 2, *after)) == Known(stamp, is_suspected=True)
        row = with_stamp(listed(1, 2, *after), stamp)


@given(TIMES, TIMES, INODES, CRC32S)
def test_another_content_under_another_ctime_is_what_a_new_file_is(
    before_ns: int, ctime_ns: int, inode: int, crc32: int
) -> None:
    version = listed(1, 2, ctime_ns, inode)
    made = with_new_content(version, crc32, Known(before_ns, is_suspected=True))
    assert (made == version) == (before_ns != ctime_ns)


@given(TIMES, INODES, st.lists(CRC32S, min_size=1, unique=True))
def test_each_content_under_one_ctime_has_a_stamp_of_its_own(
    ctime_ns: int, inode: int, crc32s: list[int]
) -> None:
    """As on file systems whose ctime is the mtime; the inode number may be another each time."""
    stamps = [ctime_ns]
    row = listed(1, 2, ctime_ns, inode)
    for number, crc32 in enumerate(crc32s):
        version = listed(1, 2, ctime_ns, inode + number)
        before = known(row, version)
        assert before
        row = with_new_content(version, crc32, before)
        now = known(row, version)
        assert now
        assert not now.is_suspected
        stamps.append(now.stamp)
    assert len(set(stamps)) == len(stamps)


def test_what_verify_finds_under_a_moved_ctime_has_a_made_stamp() -> None:
    """Another machine may have taken that ctime as the stamp of the old content."""
    version = listed(1, 2, 20, 4)
    assert with_new_content(version, 7, Known(10, is_suspected=False)) != version


def test_another_size_or_time_is_another_file() -> None:
    version = listed(1, 2, 3, 4)
    assert known(listed(2, 2, 3, 4), version) is None
    assert known(listed(1, 3, 3, 4), version) is None


def test_a_row_without_ctimes_says_nothing_where_there_are_some() -> None:
    assert known(listed(1, 2, 0, 0), listed(1, 2, 3, 4)) is None
    assert known(listed(1, 2, 0, 0), listed(1, 2, 0, 0)) == Known(0, is_suspected=False)


def test_a_row_of_another_length_says_nothing() -> None:
    assert known(listed(1, 2, 3, 4) + b"x", listed(1, 2, 3, 4)) is None


def test_directories_and_files_without_bytes_are_told_apart() -> None:
    paths = [b"a/", b"a/empty", b"b", b"c/"]
    listing = listing_of(paths, [0, 0, 5, 0])
    listing = replace(listing, change_tokens=b"".join(b"%08d%08d" % (n, n) for n in range(4)))
    assert list(listing.directories()) == [0, 3]
    assert [bool(stamp) for stamp in stamps_of(listing)] == [False, True, True, False]
