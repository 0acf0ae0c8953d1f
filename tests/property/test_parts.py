"""What holds for the parts of every archive: each file is in one, and none is larger than asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timezone
from itertools import pairwise

import pytest
from harness.listings import listing_of, represented
from hypothesis import given
from hypothesis import strategies as st

from archive_service.archive.errors import AlbumEmpty, PartNotFound
from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import lay_out
from archive_service.archive.listing import parents
from archive_service.archive.naming import NameRules
from archive_service.archive.parts import MOST_PARTS, PartNumber, Parts
from archive_service.archive.representation import (
    ArchiveOptions,
    Representation,
    excerpt,
)

COMPONENTS = st.text(st.sampled_from("abż-0."), min_size=1, max_size=3).filter(lambda n: n != ".")
PATHS = st.lists(COMPONENTS, min_size=1, max_size=3).map("/".join)
SIZES = st.one_of(st.integers(0, 300), st.sampled_from([2**31, 2**32 - 2, 2**32 - 1, 10**11]))
FILES = st.dictionaries(PATHS, SIZES, min_size=1, max_size=12)
EMPTY_DIRECTORIES = st.lists(PATHS, max_size=4)
OPTIONS = ArchiveOptions(NameRules(portable=True, fallback_encoding="cp1251"), timezone.utc)


def archive_of(files: Mapping[str, int], empty: Sequence[str] = ()) -> Representation:
    """Return an archive of files by size; an empty directory is listed with those above it."""
    sizes = {name.encode(): size for name, size in files.items()}
    directories = {f"{name}/".encode() for name in empty}
    directories |= {above for each in directories for above in parents(each)}
    paths = [*sizes, *directories]
    listing = listing_of(paths, [sizes.get(path, 0) for path in paths])
    layout = lay_out(listing, paths, range(len(paths)), zone=timezone.utc)
    return represented(ArchiveId.parse("0" * 32), layout, OPTIONS)


def files_of(archive: Representation) -> list[bytes]:
    return [name for name in archive.layout.names if not name.endswith(b"/")]


def directories_of(archive: Representation) -> set[bytes]:
    return {name for name in archive.layout.names if name.endswith(b"/")}


@given(FILES, EMPTY_DIRECTORIES, st.data())
def test_each_file_is_in_one_part_and_the_order_is_kept(
    files: dict[str, int], empty: list[str], data: st.DataObject
) -> None:
    whole = archive_of(files, empty)
    of = data.draw(st.integers(1, len(files)))
    parts = list(Parts(whole).all(of))
    assert len(parts) == of
    assert all(map(files_of, parts))
    assert [file for part in parts for file in files_of(part)] == files_of(whole)
    assert set().union(*map(directories_of, parts)) == directories_of(whole)
    assert [Parts(whole).part(PartNumber(n + 1, of)).etag for n in range(of)] == [
        part.etag for part in parts
    ]


@given(FILES, EMPTY_DIRECTORIES, st.data())
def test_a_directory_never_stands_without_those_above_it(
    files: dict[str, int], empty: list[str], data: st.DataObject
) -> None:
    whole = archive_of(files, empty)
    for part in Parts(whole).all(data.draw(st.integers(1, len(files)))):
        names = directories_of(part)
        assert names >= {above for name in names for above in parents(name)}
        assert list(part.layout.names) == sorted(part.layout.names)


@given(FILES, EMPTY_DIRECTORIES, st.data())
def test_only_a_part_of_a_single_file_is_larger_than_asked(
    files: dict[str, int], empty: list[str], data: st.DataObject
) -> None:
    whole = archive_of(files, empty)
    some = list(Parts(whole).all(data.draw(st.integers(1, len(files)))))
    most_bytes = data.draw(st.sampled_from([part.complete_length for part in some]))
    most_bytes += data.draw(st.sampled_from([-1, 0]))
    parts = list(Parts(whole).all(Parts(whole).fewest(most_bytes)))
    assert all(part.complete_length <= most_bytes or len(files_of(part)) == 1 for part in parts)
    # Nor are there more of them than that asks for, but for what ZIP64 takes.
    reserve = 76 + 12 * whole.layout.entries if whole.complete_length >= 2**32 else 0
    for one, other in pairwise(parts):
        assert both(whole, one, other).complete_length + reserve > most_bytes


def both(whole: Representation, one: Representation, other: Representation) -> Representation:
    names = {*one.layout.names, *other.layout.names}
    return excerpt(whole, [at for at, name in enumerate(whole.layout.names) if name in names])


def test_an_archive_of_just_the_size_is_one_part() -> None:
    whole = archive_of({"1.jpg": 2**32, "2.jpg": 10})
    length = whole.complete_length
    assert Parts(whole).fewest(length) == 1
    assert Parts(whole).part(PartNumber(1, 1)) is whole
    assert Parts(whole).fewest(length - 1) == 2


@pytest.mark.parametrize("of", [3, MOST_PARTS + 1])
def test_there_are_no_more_parts_than_files(of: int) -> None:
    whole = archive_of({"1.jpg": 1, "2.jpg": 1}, ["d", "e"])
    with pytest.raises(PartNotFound):
        Parts(whole).part(PartNumber(1, of))
    with pytest.raises(PartNotFound):
        Parts(whole).all(of)


def test_there_is_a_most_of_parts() -> None:
    whole = archive_of({f"{number:05}.jpg": 1 for number in range(MOST_PARTS + 1)})
    assert Parts(whole).part(PartNumber(MOST_PARTS, MOST_PARTS)).layout.entries in (1, 2)
    with pytest.raises(PartNotFound):
        Parts(whole).part(PartNumber(1, MOST_PARTS + 1))


def test_an_archive_without_files_has_no_parts() -> None:
    with pytest.raises(AlbumEmpty):
        Parts(archive_of({}, ["d"])).part(PartNumber(1, 1))


def test_the_same_album_has_the_same_parts_whatever_the_order_of_its_listing() -> None:
    files = {f"{number}.jpg": number * 1000 for number in range(50)}
    ours, theirs = archive_of(files), archive_of(dict(reversed(files.items())))
    parts = [[part.etag for part in Parts(whole).all(7)] for whole in (ours, theirs)]
    assert parts[0] == parts[1]
