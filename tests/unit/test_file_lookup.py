"""Files are found by the names that a query may give them, whatever was asked for before."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timezone

import pytest

from archive_service.archive.errors import FileNotInAlbum
from archive_service.archive.file_lookup import FileLookup
from archive_service.archive.layout import ArchiveLayout, lay_out
from archive_service.archive.listing import CHANGE_TOKEN_SIZE, Listing
from archive_service.archive.naming import NameRules, archive_names

PATHS = ["1.jpg", "a/1.jpg", "a/2:3.jpg", "a/é.jpg", "b:/4.jpg", "a.txt", "ab/5.jpg", "c/", "c/d/"]


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


def names_found(layout: ArchiveLayout, files: Sequence[str]) -> list[str]:
    found = FileLookup(layout, NameRules()).entries(files)
    return [layout.names[entry].decode() for entry in found]


@contextmanager
def c_calls() -> Iterator[Counter[str]]:
    """Count the calls of functions in C by name: a measure of work that no machine changes."""
    calls: Counter[str] = Counter()

    def note(_frame: object, event: str, function: object) -> None:
        if event == "c_call":
            calls[getattr(function, "__name__", "")] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)


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


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("\u00e9/", ["\u00e9/2.jpg", "\u00e9/3.jpg"]),
        ("\u00e9/3.jpg", ["\u00e9/3.jpg"]),
        ("\u00e9/1.jpg", ["\u00e9 (2)/1.jpg"]),
        ("\u00e9 (2)/", ["\u00e9 (2)/1.jpg", "\u00e9 (2)/3.jpg"]),
    ],
)
def test_name_in_the_archive_is_preferred_to_an_original_name(
    file: str, expected: list[str]
) -> None:
    paths = ["e\u0301/1.jpg", "e\u0301/3.jpg", "\u00e9/2.jpg", "\u00e9/3.jpg"]
    assert names_found(layout_of(paths), [file]) == expected


def test_one_original_name_of_two_directories_stands_for_both() -> None:
    layout = layout_of(["e\u0301:/1.jpg", "e\u0301:/3.jpg", "\u00e9:/2.jpg", "\u00e9:/3.jpg"])
    assert names_found(layout, ["\u00e9:/"]) == [name.decode() for name in layout.names]
    assert len(names_found(layout, ["\u00e9:/3.jpg"])) == len(["\u00e9_/", "\u00e9_ (2)/"])


def test_many_directories_are_found_without_a_look_at_every_name_for_each() -> None:
    paths = [f"{day:03}:/{photo}:.jpg" for day in range(100) for photo in range(10)]
    directories = [f"{day:03}:/" for day in range(100)]
    lookup = FileLookup(layout_of(paths), NameRules())
    with c_calls() as calls:
        assert len(lookup.entries(directories)) == len(paths)
    assert sum(calls.values()) < len(paths) * len(directories) / 2
