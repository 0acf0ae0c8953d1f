"""When an album is still enough to be sent."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import replace

import pytest

from archive_service.archive.errors import AlbumInMotion
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.archive.settling import (
    LOOKED_AT_S,
    NO_SETTLING,
    YOUNG_S,
    FirstSeen,
    SettlePolicy,
    SettlingWatch,
)

SECOND_NS = 1_000_000_000
NOW_NS = 1_700_000_000 * SECOND_NS
HOUR_NS = 3600 * SECOND_NS
PATIENCE = SettlePolicy(settle_time_s=2.0, settle_wait_s=10.0)
ONE = ArchiveId("1" * 32)


def changed(ctime_ns: int, mtime_ns: int = 0) -> Listing:
    return Listing([], [], array("Q"), array("q"), array("H"), b"", ctime_ns, mtime_ns)


def watching(
    patience: SettlePolicy = PATIENCE, first_seen: FirstSeen | None = None, *, clock_s: float = 0
) -> SettlingWatch:
    """Return the look-out of a request that came when `clock_s` seconds had passed since NOW_NS."""
    return SettlingWatch(ONE, patience, first_seen or FirstSeen(), clock_s=clock_s)


def pause_s(
    watch: SettlingWatch, listing: Listing, clock_s: float, fingerprint: bytes = b"a"
) -> float:
    """Look at an album when `clock_s` seconds have passed since NOW_NS."""
    now_ns = NOW_NS + int(clock_s * SECOND_NS)
    return watch.pause_s(listing, fingerprint, now_ns=now_ns, clock_s=clock_s)


@pytest.mark.parametrize(
    ("ctime_ns", "mtime_ns", "expected_s"),
    [
        (NOW_NS - HOUR_NS, NOW_NS - HOUR_NS, 0),
        (NOW_NS - 2 * SECOND_NS, 0, 0),
        (NOW_NS - 2 * SECOND_NS + 1, 0, 1e-9),
        (NOW_NS - SECOND_NS // 2, 0, 1.5),
        (NOW_NS - SECOND_NS // 2, NOW_NS - HOUR_NS, 1.5),  # an FTP client set the mtime back
        (NOW_NS - HOUR_NS, NOW_NS - SECOND_NS // 2, 1.5),  # the ctime is that of the creation
        (NOW_NS - HOUR_NS, NOW_NS + HOUR_NS, 0),  # an mtime may say anything
        (NOW_NS, 0, 2),
        (NOW_NS + HOUR_NS, 0, 2),
    ],
)
def test_the_newest_change_tells_how_long_to_wait(
    ctime_ns: int, mtime_ns: int, expected_s: float
) -> None:
    watch = watching()
    found_s = pause_s(watch, changed(ctime_ns, mtime_ns), 0)
    assert found_s == pytest.approx(expected_s, abs=1e-10)


def test_a_change_in_the_future_is_waited_for_as_long_as_one_of_now() -> None:
    watch = watching()
    ahead = changed(NOW_NS + HOUR_NS)
    assert pause_s(watch, ahead, 0) == 2
    assert pause_s(watch, ahead, 1.5) == 0.5
    assert pause_s(watch, ahead, 2) == 0


@pytest.mark.parametrize(("ago_s", "expected_s"), [(0, 2), (601, 1), (602, 0)])
def test_a_store_whose_clock_may_be_behind_is_not_believed(ago_s: int, expected_s: float) -> None:
    watch, album = watching(), changed(NOW_NS - ago_s * SECOND_NS)
    found_s = watch.pause_s(album, b"a", now_ns=NOW_NS, clock_s=0, behind_s=600)
    assert found_s == expected_s
    assert watch.pause_s(album, b"a", now_ns=NOW_NS, clock_s=2, behind_s=600) == 0


def test_a_change_meanwhile_is_waited_for_anew() -> None:
    watch = watching()
    ahead = changed(NOW_NS + HOUR_NS)
    pause_s(watch, ahead, 0, b"a")
    assert pause_s(watch, ahead, 1.5, b"b") == 2
    assert pause_s(watch, ahead, 3.5, b"b") == 0


def test_the_wait_is_over_when_the_time_for_it_is() -> None:
    watch = watching()
    assert pause_s(watch, changed(NOW_NS + 9 * SECOND_NS), 9, b"b") == 1
    with pytest.raises(AlbumInMotion):
        pause_s(watch, changed(NOW_NS + 10 * SECOND_NS), 10, b"c")


def test_an_album_that_is_still_at_the_last_moment_is_sent() -> None:
    watch = watching()
    assert pause_s(watch, changed(NOW_NS + 8 * SECOND_NS), 10) == 0


def test_without_a_time_to_wait_the_answer_comes_at_once() -> None:
    watch = watching(SettlePolicy(settle_time_s=2.0, settle_wait_s=0.0))
    with pytest.raises(AlbumInMotion):
        pause_s(watch, changed(NOW_NS), 0)
    assert pause_s(watch, changed(NOW_NS - HOUR_NS), 0) == 0


def test_without_patience_everything_is_still() -> None:
    watch = watching(NO_SETTLING)
    assert pause_s(watch, changed(NOW_NS), 0) == 0
    assert pause_s(watch, changed(NOW_NS + HOUR_NS), 0) == 0


def listed(sizes: Mapping[bytes, int], ctime_ns: int = NOW_NS - HOUR_NS) -> Listing:
    paths, columns = list(sizes), (array("q"), array("H"))
    tokens = b"".join(ctime_ns.to_bytes(8, "little") + bytes(8) for _ in paths)
    return Listing(paths, paths, array("Q", sizes.values()), *columns, tokens, ctime_ns, 0)


def test_an_old_album_with_an_empty_file_is_looked_at_twice() -> None:
    watch = watching()
    album = listed({b"1.jpg": 9, b"2.jpg": 0})
    assert pause_s(watch, album, 0) == 2
    assert pause_s(watch, album, 1.5) == 0.5
    assert pause_s(watch, album, 2) == 0


def test_a_young_empty_file_is_awaited_for_a_minute() -> None:
    sightings = FirstSeen()
    album = listed({b"1.jpg": 9, b"2.jpg": 0}, NOW_NS - 10 * SECOND_NS)
    assert pause_s(watching(PATIENCE, sightings), album, 0) == 2
    for clock_s in (5, 40, YOUNG_S - 11):  # checked often: it may be whole soon
        watch = watching(PATIENCE, sightings, clock_s=clock_s)
        assert pause_s(watch, album, clock_s) == min(2, YOUNG_S - 10 - clock_s)
    for clock_s in (YOUNG_S - 10, 1000):
        watch = watching(PATIENCE, sightings, clock_s=clock_s)
        assert pause_s(watch, album, clock_s) == 0


def test_an_empty_file_of_the_future_is_awaited_for_a_minute_by_our_clock() -> None:
    sightings = FirstSeen()
    album = listed({b"1.jpg": 0}, NOW_NS + HOUR_NS)
    assert pause_s(watching(PATIENCE, sightings), album, 0) == 2
    later = watching(PATIENCE, sightings, clock_s=YOUNG_S - 1)
    assert pause_s(later, album, YOUNG_S - 1) == 1
    later = watching(PATIENCE, sightings, clock_s=YOUNG_S)
    assert pause_s(later, album, YOUNG_S) == 0


def test_without_patience_an_empty_file_is_sent() -> None:
    assert pause_s(watching(NO_SETTLING), listed({b"1.jpg": 0}, NOW_NS), 0) == 0


def test_what_looks_like_an_upload_counts_for_stillness() -> None:
    album = replace(changed(NOW_NS - HOUR_NS), newest_upload_ns=NOW_NS - SECOND_NS // 2)
    assert pause_s(watching(), album, 0) == 1.5


@pytest.mark.parametrize(
    ("age_s", "patience", "expected"),
    [
        (1, PATIENCE, True),
        (LOOKED_AT_S - 1, PATIENCE, True),
        (LOOKED_AT_S, PATIENCE, False),
        (-3600, PATIENCE, True),
        (1, NO_SETTLING, False),
    ],
)
def test_only_albums_that_changed_a_short_while_ago_are_looked_at(
    age_s: float, patience: SettlePolicy, *, expected: bool
) -> None:
    album = changed(NOW_NS - int(age_s * SECOND_NS))
    assert watching(patience).needs_look(album, now_ns=NOW_NS) is expected
    objects = replace(album, is_of_objects=True)
    assert not watching(patience).needs_look(objects, now_ns=NOW_NS)


def test_an_empty_directory_is_no_empty_file() -> None:
    assert pause_s(watching(), listed({b"1.jpg": 9, b"later/": 0}), 0) == 0


def test_a_file_that_was_cut_is_waited_for_like_any_change() -> None:
    watch = watching()
    assert pause_s(watch, listed({b"1.jpg": 0}), 0, b"a") == 2
    assert pause_s(watch, listed({b"1.jpg": 9}, NOW_NS + SECOND_NS), 2, b"b") == 1


def test_what_one_request_has_seen_the_next_need_not_wait_for() -> None:
    sightings = FirstSeen()
    album = listed({b"1.jpg": 0})
    assert pause_s(watching(PATIENCE, sightings), album, 0) == 2
    assert pause_s(watching(PATIENCE, sightings, clock_s=3), album, 3) == 0
    assert pause_s(watching(PATIENCE, sightings, clock_s=3), album, 3, b"b") == 2


@pytest.mark.parametrize("settle_time_s", [0.0, 2.0])
def test_an_album_that_changes_while_it_is_listed_is_looked_at_again_for_a_while(
    settle_time_s: float,
) -> None:
    watch = watching(SettlePolicy(settle_time_s, settle_wait_s=10.0))
    assert watch.look_again_s(clock_s=0) > 0
    with pytest.raises(AlbumInMotion):
        watch.look_again_s(clock_s=10)
