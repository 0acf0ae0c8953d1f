"""What is kept of archives in the memory that there is for it."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path

import pytest
from harness.albums import make_album

from archive_service.archive.id import ArchiveId
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.kept_album import KeptAlbum
from archive_service.storage.local.kept_listings import Found, FoundAlbum, KeptListings
from archive_service.storage.local.storage import LocalStorage
from archive_service.storage.wanted_tree import WantedTree

ONE, TWO, THREE = map(ArchiveId, ("one", "two", "three"))
ORDERS = tuple(map(ArchiveId, ("order-1", "order-2", "order-3")))
WANTED = {ONE: WantedTree.of([b""]), TWO: WantedTree.of([b"1.jpg"])}
WEIGHT = 2 + 1 + 2 * 30
"""What the files of WANTED and their albums take of the room."""


@pytest.fixture
def found(tmp_path: Path) -> Found:
    for album in (ONE, TWO):
        make_album(tmp_path, {"1.jpg": b"1", "2.jpg": b"2"}, album.value)
    albums = LocalStorage(tmp_path, Exclusion(()))
    listings = albums.select(ORDERS[0], WANTED)
    albums.close()
    return {
        album: FoundAlbum(listing, is_prompt=True, kept=KeptAlbum([]))
        for album, listing in zip(WANTED, listings, strict=True)
        if listing
    }


@pytest.mark.parametrize(("room", "is_kept"), [(WEIGHT, True), (WEIGHT - 1, False)])
def test_an_archive_is_kept_whole_or_not_at_all(found: Found, room: int, *, is_kept: bool) -> None:
    kept = KeptListings(room)
    kept.keep(ORDERS[0], WANTED, found)
    assert kept.of(ORDERS[0], WANTED) == (found if is_kept else {})


def test_the_least_recently_used_is_evicted(found: Found) -> None:
    kept = KeptListings(2 * WEIGHT)
    for order in ORDERS[:2]:
        kept.keep(order, WANTED, found)
    assert kept.of(ORDERS[0], WANTED)
    kept.keep(ORDERS[2], WANTED, found)
    assert [bool(kept.of(order, WANTED)) for order in ORDERS] == [True, False, True]


def test_what_is_too_large_evicts_nothing(found: Found) -> None:
    kept = KeptListings(WEIGHT)
    kept.keep(ORDERS[0], WANTED, found)
    kept.keep(ORDERS[1], WANTED, {**found, THREE: found[TWO]})
    assert [kept.of(order, WANTED) for order in ORDERS] == [found, {}, {}]


def test_what_can_not_be_looked_at_again_is_not_kept(found: Found) -> None:
    one = found[ONE]
    assert one
    kept = KeptListings(WEIGHT)
    kept.keep(ORDERS[0], WANTED, {**found, ONE: one._replace(kept=None), THREE: None})
    assert kept.of(ORDERS[0], WANTED) == {TWO: found[TWO]}


class _Wanted(dict[ArchiveId, WantedTree]):
    """What is wanted; a `dict` itself can't be referred to weakly."""


@pytest.mark.parametrize("albums", [(), (TWO,)])
def test_what_an_archive_wants_of_lost_or_moving_albums_is_bounded(
    found: Found, albums: Sequence[ArchiveId]
) -> None:
    """Archives of which little is kept, or nothing, hold no memory without limit."""
    kept = KeptListings(3 * WEIGHT)
    moving = {
        album: each._replace(kept=each.kept if album in albums else None)
        for album, each in found.items()
        if each
    }
    references = []
    for number in range(10):
        wanted = _Wanted(WANTED)
        references.append(weakref.ref(wanted))
        kept.keep(ArchiveId(f"order-{number}"), wanted, moving)
    del wanted
    assert sum(reference() is not None for reference in references) == (3 if albums else 0)


def test_it_is_kept_for_what_was_wanted_alone(found: Found) -> None:
    kept = KeptListings(WEIGHT)
    kept.keep(ORDERS[0], WANTED, found)
    assert kept.of(ORDERS[0], dict(WANTED)) == {}
    assert kept.of(ORDERS[0], None) == {}
    assert kept.of(ORDERS[0], WANTED) == found
