"""The listing of a list is made again when the list or one of its albums is listed anew."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from harness.albums import make_album

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.file_lists.list_contents import FileList
from archive_service.storage.file_lists.list_model import ListBroken
from archive_service.storage.file_lists.list_place import ListTimes
from archive_service.storage.file_lists.merged_listings import MergedListings
from archive_service.storage.local.storage import LocalStorage

ORDER, OTHER = ArchiveId("order-1"), ArchiveId("order-2")
TIMES = ListTimes(2, 1)
LATER = ListTimes(2 * 10**18, 2 * 10**18)


def file_list(*names: str, **more: object) -> FileList:
    files = [{"path": f"one/{name}"} for name in names]
    return FileList.of(json.dumps({"files": files, **more}).encode())


@pytest.fixture
def album(tmp_path: Path) -> Listing:
    make_album(tmp_path, {"1.jpg": b"1", "2.jpg": b"22"}, "one")
    albums = LocalStorage(tmp_path, Exclusion(()))
    listing = albums.list(ArchiveId("one"))
    albums.close()
    return listing


def test_the_same_is_made_once(album: Listing) -> None:
    lists, wanted = MergedListings(20_000), file_list("1.jpg")
    first = lists.of(ORDER, wanted, [album], times=TIMES)
    assert lists.of(ORDER, wanted, [album], times=ListTimes(*TIMES)) is first


def test_another_list_has_its_own(album: Listing) -> None:
    lists = MergedListings(20_000)
    for _ in range(2):
        for order, name in ((ORDER, "1.jpg"), (OTHER, "2.jpg")):
            found = lists.of(order, file_list(name), [album], times=TIMES)
            assert found.paths == [name.encode()]


def test_a_list_that_was_read_again_is_made_again(album: Listing) -> None:
    lists = MergedListings(20_000)
    assert lists.of(ORDER, file_list("1.jpg"), [album], times=TIMES).paths == [b"1.jpg"]
    assert lists.of(ORDER, file_list("2.jpg"), [album], times=TIMES).paths == [b"2.jpg"]


def test_a_list_with_another_time_is_made_again(album: Listing) -> None:
    """A store may give the same object another time."""
    lists, wanted = MergedListings(20_000), file_list("1.jpg")
    lists.of(ORDER, wanted, [album], times=TIMES)
    found = lists.of(ORDER, wanted, [album], times=LATER)
    assert found.newest_change_ns == found.newest_mtime_ns == LATER.changed_ns


def test_an_album_that_was_listed_again_is_taken(album: Listing) -> None:
    lists, wanted = MergedListings(20_000), file_list("1.jpg", missing="skip")
    lists.of(ORDER, wanted, [album], times=TIMES)
    tokens = bytes(range(32))
    changed = replace(album, change_tokens=tokens)
    assert lists.of(ORDER, wanted, [changed], times=TIMES).change_tokens == tokens[:16]
    assert lists.of(ORDER, wanted, [None], times=TIMES).paths == []
    assert lists.of(ORDER, wanted, [album], times=TIMES).paths == [b"1.jpg"]


def test_a_broken_list_stays_broken_and_is_made_when_it_is_whole(album: Listing) -> None:
    lists, wanted = MergedListings(20_000), file_list("1.jpg")
    for _ in range(2):
        with pytest.raises(ListBroken):
            lists.of(ORDER, wanted, [None], times=TIMES)
    whole = lists.of(ORDER, wanted, [album], times=TIMES)
    assert whole.paths == [b"1.jpg"]
    with pytest.raises(ListBroken):
        lists.of(ORDER, wanted, [None], times=TIMES)


@pytest.mark.parametrize(("text_bytes", "is_kept"), [(10_000, True), (16_000, False)])
def test_a_list_is_kept_for_which_there_is_room(
    album: Listing, text_bytes: int, *, is_kept: bool
) -> None:
    """What stands in a list takes memory, too."""
    files = [{"path": "one/1.jpg"}, {"text": "a" * text_bytes, "as": "a.txt"}]
    wanted = FileList.of(json.dumps({"files": files}).encode())
    lists = MergedListings(25_000)
    first = lists.of(ORDER, wanted, [album], times=TIMES)
    assert (lists.of(ORDER, wanted, [album], times=TIMES) is first) == is_kept


def test_what_a_store_lists_anew_each_time_takes_no_room(album: Listing) -> None:
    lists, wanted = MergedListings(20_000), file_list("1.jpg")
    objects = replace(album, is_of_objects=True)
    first = lists.of(ORDER, wanted, [objects], times=TIMES)
    assert lists.of(ORDER, wanted, [objects], times=TIMES) is not first
