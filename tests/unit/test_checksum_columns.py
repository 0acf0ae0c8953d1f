"""Columns that a first download fills: CRC-32 values by source, and rows for the index."""

from __future__ import annotations

import struct
from array import array
from dataclasses import replace

import pytest
from harness.listings import listing_of

from archive_service.archive.listing import Listing, SourceIndex, each_version
from archive_service.checksums.crc32_column import UNKNOWN, Crc32Column
from archive_service.checksums.crc_index.base import Rows

COUNT = 5
SOME = [SourceIndex(3), SourceIndex(1)]
TOKENS = [bytes([number]) * 15 + b"\xff" for number in range(COUNT)]
TIMES_NS = [-(2**63), -1, 0, 1, 2**63 - 1]


def listing() -> Listing:
    names = [b"%d.jpg" % number for number in range(COUNT)]
    plain = listing_of(names, range(COUNT))
    return replace(plain, mtimes_ns=array("q", TIMES_NS), change_tokens=b"".join(TOKENS))


def test_a_version_is_size_mtime_and_change_token() -> None:
    versions = list(each_version(listing().versions(SOME)))
    assert versions == [struct.pack("<Qq16s", s, TIMES_NS[s], TOKENS[s]) for s in SOME]


def test_a_version_anywhere_has_no_change_token() -> None:
    versions = list(each_version(listing().versions_anywhere(SOME)))
    assert versions == [struct.pack("<Qq16s", s, TIMES_NS[s], b"") for s in SOME]


def test_rows_are_what_they_were_made_of() -> None:
    rows = [(b"%d" % number, bytes([number]) * 32, number) for number in range(COUNT)]
    columns = Rows.of(rows)
    assert list(columns) == rows
    assert list(columns.between(1, 3)) == rows[1:3]
    assert len(columns.between(4, 9)) == 1


@pytest.mark.parametrize("sources", [range(1, 4), [1, 2, 3]], ids=["in a row", "named"])
def test_values_are_learned_of_these_sources_alone(sources: range | list[int]) -> None:
    column, named = Crc32Column(COUNT), [SourceIndex(source) for source in sources]
    in_order = sources if isinstance(sources, range) else named
    assert column.are_unknown(in_order)  # type: ignore[arg-type]  # a range of sources
    column.learn(in_order, iter([7, 0, 2**32 - 1]), read_from_ns=0)  # type: ignore[arg-type]
    assert list(column.values) == [UNKNOWN, 7, 0, 2**32 - 1, UNKNOWN]
    assert not column.are_unknown(in_order)  # type: ignore[arg-type]
    assert not column.are_unknown([SourceIndex(0), SourceIndex(1)])


@pytest.mark.parametrize("crc32s", [[7], [7, 7, 7, 7]], ids=["fewer", "more"])
def test_as_many_values_as_sources_are_learned(crc32s: list[int]) -> None:
    column = Crc32Column(COUNT)
    with pytest.raises(ValueError, match="zip"):
        column.learn(range(1, 4), crc32s, read_from_ns=0)  # type: ignore[arg-type]
    assert len(column.values) == COUNT
