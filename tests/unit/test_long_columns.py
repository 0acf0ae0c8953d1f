"""Columns of large albums, gone through a piece at a time."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timezone
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import pytest
from harness.listings import listing_of

import archive_service
from archive_service.archive.entity_tag import make_entity_tag
from archive_service.archive.entry_columns import file_count_of, offsets_of
from archive_service.archive.fingerprint import fingerprint_of
from archive_service.archive.layout import lay_out
from archive_service.archive.listing import VERSION_SIZE
from archive_service.archive.long_columns import (
    PIECE_ENTRIES,
    are_all_true,
    as_array,
    as_list,
    distinct,
    greatest,
    in_pieces,
    joined,
    least,
    split,
)
from archive_service.archive.naming import NameRules, archive_names
from archive_service.checksums.crc_index.base import Rows
from archive_service.checksums.crc_index.row_blocks import block_of, rows_of

PACKAGE = str(Path(archive_service.__file__).parent)
_Value = TypeVar("_Value")
COUNTS = [0, 1, PIECE_ENTRIES - 1, PIECE_ENTRIES, PIECE_ENTRIES + 1, 3 * PIECE_ENTRIES]


def names_of(count: int) -> list[bytes]:
    return [b"%03d/%05d" % (number // 500, number) for number in range(count)]


@pytest.mark.parametrize("count", COUNTS)
def test_pieces_give_what_one_call_gives(count: int) -> None:
    numbers = [(number * 7919) % 100_003 for number in range(count)]
    names = names_of(count)
    assert [number for piece in in_pieces(numbers) for number in piece] == numbers
    assert as_array("Q", iter(numbers)) == array("Q", numbers)
    assert as_list(iter(numbers)) == numbers
    assert distinct(numbers) == set(numbers)
    assert greatest(numbers, default=-1) == max(numbers, default=-1)
    assert least(numbers, default=-1) == min(numbers, default=-1)
    assert are_all_true(number >= 0 for number in numbers)
    assert b"".join(joined(b"\0", names)) == b"\0".join(names)


@pytest.mark.parametrize("count", COUNTS[1:])
def test_one_that_is_not_true_is_found_anywhere(count: int) -> None:
    for at in {0, count // 2, count - 1}:
        assert not are_all_true(number != at for number in range(count))


@pytest.mark.parametrize("count", [*COUNTS, 100_000])
def test_a_text_is_split_as_by_one_call(count: int) -> None:
    text = b"\0".join(names_of(count))
    assert list(split(b"\0", text)) == text.split(b"\0")


class CountedColumn(Sequence[_Value]):
    """Counts how many values are taken from it before the package's own code goes on.

    So many one call of C takes, in which no other thread can go on.
    """

    def __init__(self, values: Sequence[_Value]) -> None:
        self._values = values
        self._in_a_row = self.most_in_a_row = 0

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, at: Any) -> Any:  # noqa: ANN401 - a value, or some
        self._in_a_row += 1
        self.most_in_a_row = max(self.most_in_a_row, self._in_a_row)
        return self._values[at]

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count in a block."""

        def trace(frame: FrameType, event: str, _argument: object) -> object:
            if not frame.f_code.co_filename.startswith(PACKAGE):
                return None
            self._in_a_row = 0
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            yield
        finally:
            sys.settrace(before)


NAMES = names_of(3 * PIECE_ENTRIES)
LISTING = listing_of(NAMES, [1] * len(NAMES))
LAYOUT = lay_out(LISTING, NAMES, LISTING.sources(), zone=timezone.utc)
WORK: dict[str, Callable[[CountedColumn[bytes]], object]] = {
    "fingerprint": lambda names: fingerprint_of(listing_of(names, LISTING.sizes)),
    "names": lambda names: archive_names(names, NameRules()),
    "layout": lambda names: lay_out(LISTING, names, LISTING.sources(), zone=timezone.utc),
    "entity tag": lambda names: make_entity_tag(replace(LAYOUT, names=names), b""),
    "files": file_count_of,
    "header lengths": lambda names: offsets_of(
        names, LAYOUT.sizes, LAYOUT.modes, [10**9] * len(names)
    ),
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_no_call_takes_a_large_album_whole(work: Callable[[CountedColumn[bytes]], object]) -> None:
    names = CountedColumn(NAMES)
    with names.counted():
        work(names)
    assert 0 < names.most_in_a_row <= 2 * PIECE_ENTRIES


def test_no_call_takes_all_rows_of_a_block() -> None:
    names = CountedColumn(NAMES)
    rows = Rows(names, bytes(VERSION_SIZE) * len(NAMES), [7] * len(NAMES))
    with names.counted():
        block = block_of(rows)
    assert 0 < names.most_in_a_row <= 2 * PIECE_ENTRIES
    assert list(rows_of(block)) == list(rows)
