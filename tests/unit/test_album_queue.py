"""Which album is indexed next, and when."""

from __future__ import annotations

from archive_service.checksums.background.album_queue import AlbumQueue

SETTLE_TIME_S = 2.0


def backlog() -> AlbumQueue:
    return AlbumQueue(SETTLE_TIME_S)


def test_a_changed_album_is_due_when_it_has_been_still() -> None:
    albums = backlog()
    albums.changed("a", clock_s=10.0)
    assert albums.due_s() == 12.0
    assert albums.next_changed(clock_s=11.9) is None
    assert albums.next_changed(clock_s=12.0) == ("a", 0)
    assert albums.due_s() is None
    assert len(albums) == 0


def test_each_change_makes_an_album_wait_anew() -> None:
    albums = backlog()
    albums.changed("a", clock_s=10.0)
    albums.changed("b", clock_s=11.0)
    albums.changed("a", clock_s=11.5)
    assert albums.next_changed(clock_s=13.4) == ("b", 0)
    assert albums.next_changed(clock_s=13.4) is None
    assert albums.next_changed(clock_s=13.5) == ("a", 0)


def test_an_album_that_was_not_still_waits_longer_each_time() -> None:
    albums = backlog()
    due_s = []
    clock_s = tries = 0
    for _ in range(8):
        albums.unsettled("a", pause_s=0.5, tries=tries, clock_s=clock_s)
        due_s.append(albums.due_s())
        _, tries = albums.next_changed(clock_s=1000) or ("", -1)
    assert due_s == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_change_ends_the_longer_wait() -> None:
    albums = backlog()
    albums.unsettled("a", pause_s=50.0, tries=0, clock_s=0.0)
    albums.changed("a", clock_s=1.0)
    assert len(albums) == 1
    assert albums.next_changed(clock_s=3.0) == ("a", 0)
    assert albums.next_changed(clock_s=100.0) is None


def test_what_has_changed_again_meanwhile_waits_only_for_that() -> None:
    albums = backlog()
    albums.changed("a", clock_s=1.0)
    albums.unsettled("a", pause_s=50.0, tries=3, clock_s=1.0)
    assert albums.due_s() == 3.0
    assert len(albums) == 1


def test_a_shorter_wait_of_another_album_comes_first() -> None:
    albums = backlog()
    albums.unsettled("a", pause_s=50.0, tries=0, clock_s=0.0)
    albums.unsettled("b", pause_s=20.0, tries=0, clock_s=0.0)
    albums.changed("c", clock_s=5.0)
    taken = [albums.next_changed(clock_s=clock_s) for clock_s in (7.0, 20.0, 50.0)]
    assert taken == [("c", 0), ("b", 1), ("a", 1)]


def test_old_albums_come_newest_first_and_once() -> None:
    albums = backlog()
    albums.found("old", changed_ns=1)
    albums.found("new", changed_ns=3)
    albums.found("middle", changed_ns=2)
    albums.found("old", changed_ns=4)
    assert len(albums) == 3
    taken = [albums.next_old() for _ in range(4)]
    assert taken == [("new", 0), ("middle", 0), ("old", 0), None]


def test_the_backlog_knows_what_waits() -> None:
    albums = backlog()
    albums.changed("changed", clock_s=0.0)
    albums.unsettled("unsettled", pause_s=1.0, tries=0, clock_s=0.0)
    albums.found("found", changed_ns=0)
    assert all(album in albums for album in ("changed", "unsettled", "found"))
    assert "other" not in albums
    albums.found("changed", changed_ns=0)
    assert len(albums) == 3


def test_an_album_that_had_its_turn_goes_behind_all_that_had_fewer() -> None:
    albums = backlog()
    albums.found("long", changed_ns=9, turns=1)
    albums.found("longer", changed_ns=5, turns=2)
    albums.found("short", changed_ns=1)
    taken = [albums.next_old() for _ in range(3)]
    assert taken == [("short", 0), ("long", 1), ("longer", 2)]


def test_an_album_that_never_comes_to_rest_can_wait_for_ever() -> None:
    albums = backlog()
    albums.unsettled("a", pause_s=0.5, tries=100_000, clock_s=0.0)
    assert albums.due_s() == 60.0
