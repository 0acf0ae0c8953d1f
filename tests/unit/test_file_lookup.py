"""Files are found by the names that a query may give them, whatever was asked for before."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import timezone

import pytest

from archive_service.archive.errors import FileNotInAlbum
from archive_service.archive.file_lookup import FileLookup
from archive_service.archive.layout import ArchiveLayout, lay_out
from archive_service.archive.listing import CHANGE_TOKEN_SIZE, Listing
from archive_service.archive.naming import NameRules, archive_names

PATHS = ["1.jpg", "a/1.jpg", "a/2:3.jpg", "a/é.jpg", "b:/4.jpg", "a.txt", "ab/5.jpg", "c/", "c/d/"]
SAME_BEFORE = ["e\u0301/1.jpg", "\u00e9/2.jpg"]
"""Directories that differ in their spelling alone: one is numbered in the archive."""


def layout_of(paths: Sequence[str]) -> ArchiveLayout:
    encoded = [path.encode() for path in paths]
    count = len(paths)
    listing = Listing(
        encoded,
        encoded,
        array("Q", [not path.endswith("/") for path in paths]),
        array("q", [10**18] * count),
        array("H", [0o644] * count),
        bytes(CHANGE_TOKEN_SIZE * count),
        0,
        0,
    )
    return lay_out(
        listing, archive_names(encoded, NameRules()), listing.sources(), zone=timezone.utc
    )


CASES = [
    (["1.jpg"], ["1.jpg"]),
    (["a/é.jpg", "1.jpg"], ["1.jpg", "a/é.jpg"]),
    (["a/2_3.jpg"], ["a/2_3.jpg"]),
    (["a/2:3.jpg"], ["a/2_3.jpg"]),
    (["b:/4.jpg"], ["b_/4.jpg"]),
    (["a/"], ["a/1.jpg", "a/2_3.jpg", "a/é.jpg"]),
    (["b:/"], ["b_/4.jpg"]),
    (["c/d/"], ["c/", "c/d/"]),
    (["c/"], ["c/", "c/d/"]),
]


@pytest.mark.parametrize("before", [[], ["a/2:3.jpg"], ["c/"]])
@pytest.mark.parametrize(("files", "expected"), CASES)
def test_a_query_finds_the_same_whatever_was_asked_before(
    before: list[str], files: list[str], expected: list[str]
) -> None:
    layout = layout_of(PATHS)
    lookup = FileLookup(layout, NameRules())
    if before:
        lookup.entries(before)
    found = [layout.names[entry].decode() for entry in lookup.entries(files)]
    assert found == sorted(expected, key=str.encode)


@pytest.mark.parametrize(
    "file", ["", "/", "1", "1.jp", "1.jpg/", "a", "a/3.jpg", "d/", "z", "\udcff", "a/\udcff/", "c"]
)
def test_what_no_entry_is_called_is_not_found(file: str) -> None:
    with pytest.raises(FileNotInAlbum):
        FileLookup(layout_of(PATHS), NameRules()).entries(["1.jpg", file])


def test_one_original_name_of_two_directories_stands_for_both() -> None:
    layout = layout_of(SAME_BEFORE)
    assert len(FileLookup(layout, NameRules()).entries(["\u00e9/"])) == len(SAME_BEFORE)
