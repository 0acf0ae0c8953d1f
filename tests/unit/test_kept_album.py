"""An album without links: its last listing is kept, and no change goes unseen."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.albums import HASH, LONG_AGO_S, make_album, noise, settle
from harness.conditions import eventually
from harness.pagecache import evict, read_from_disk

from archive_service.archive.errors import ArchiveNotFound
from archive_service.archive.fingerprint import fingerprint_of
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import CLOCK_TICK_NS, Listing
from archive_service.storage.concurrency import InFlights
from archive_service.storage.excluded_names import DEFAULT_PATTERNS, Exclusion
from archive_service.storage.local.directory_look import Place
from archive_service.storage.local.native import AS_COMPILED, NOTHING_COMPILED, NativeCalls
from archive_service.storage.local.storage import LocalStorage
from archive_service.storage.local.walk import FileFilter, Walk, opened_directory

ARCHIVE = ArchiveId(HASH)
FILES = {"a.jpg": b"12345", "b.jpg": b"123", "c.jpg.part": b"1", "sub/deep/d.jpg": b"1", "e/": b""}


def storage_of(photos_dir: Path, native: NativeCalls = AS_COMPILED) -> LocalStorage:
    return LocalStorage(photos_dir, Exclusion(DEFAULT_PATTERNS), native)


@pytest.fixture(params=[AS_COMPILED, NOTHING_COMPILED], ids=["compiled", "in Python"])
def storage(request: pytest.FixtureRequest, photos_dir: Path) -> LocalStorage:
    return storage_of(photos_dir, request.param)


@pytest.fixture
def album(photos_dir: Path, storage: LocalStorage) -> Path:
    """An album whose listing is kept."""
    made = settle(make_album(photos_dir, FILES))
    storage.list(ARCHIVE)
    if not storage.is_at_hand(ARCHIVE):
        pytest.skip("the file system is none of those that answer at once")
    # A busy machine may look like a slow disk, whose albums are listed each time.
    eventually(lambda: storage.list(ARCHIVE) is storage.list(ARCHIVE))
    return made


def rewrite(album: Path) -> None:
    (album / "a.jpg").write_bytes(b"54321")
    os.utime(album / "a.jpg", (LONG_AGO_S, LONG_AGO_S))


def replace(album: Path) -> None:
    (album / "new").write_bytes(b"54321")
    os.utime(album / "new", (LONG_AGO_S, LONG_AGO_S))
    (album / "new").replace(album / "a.jpg")


def replace_directory(album: Path) -> None:
    album.rename(album.with_name("old"))
    shutil.copytree(album.with_name("old"), album)


def turn_into_link(album: Path) -> None:
    (album / "sub/deep").rename(album / "deeper")
    (album / "sub/deep").symlink_to("../deeper")


def grow_upload(album: Path) -> None:
    with (album / "c.jpg.part").open("ab") as file:
        file.write(b"more")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file is rewritten, its time set back": rewrite,
    "a file is replaced, its time set back": replace,
    "a file gets another time": lambda album: os.utime(album / "a.jpg", (1, 1)),
    "a file gets another mode": lambda album: (album / "a.jpg").chmod(0o600),
    "a file is added": lambda album: (album / "d.jpg").write_bytes(b"1"),
    "a file is removed": lambda album: (album / "a.jpg").unlink(),
    "a file is renamed": lambda album: (album / "a.jpg").rename(album / "z.jpg"),
    "a directory is added": lambda album: (album / "d").mkdir(),
    "a link is added": lambda album: (album / "d.jpg").symlink_to("a.jpg"),
    "an upload goes on": grow_upload,
    "an upload ends": lambda album: (album / "c.jpg.part").rename(album / "c.jpg"),
    "a file below is rewritten": lambda album: (album / "sub/deep/d.jpg").write_bytes(b"2"),
    "a file is added below": lambda album: (album / "sub/deep/f.jpg").write_bytes(b"2"),
    "an empty directory gets a file": lambda album: (album / "e/f.jpg").write_bytes(b"2"),
    "an empty directory is removed": lambda album: (album / "e").rmdir(),
    "a directory becomes a link": turn_into_link,
    "another directory has the name": replace_directory,
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_seen(
    album: Path, photos_dir: Path, storage: LocalStorage, change: str
) -> None:
    before = fingerprint_of(storage.list(ARCHIVE))
    CHANGES[change](album)
    now = fingerprint_of(storage.list(ARCHIVE))
    assert now == fingerprint_of(storage_of(photos_dir).list(ARCHIVE))
    assert now != before


def test_an_album_that_was_removed_is_not_found(album: Path, storage: LocalStorage) -> None:
    shutil.rmtree(album)
    with pytest.raises(ArchiveNotFound):
        storage.list(ARCHIVE)


def test_an_album_that_comes_back_is_listed_anew(album: Path, storage: LocalStorage) -> None:
    away = album.rename(album.with_name("away"))
    with pytest.raises(ArchiveNotFound):
        storage.list(ARCHIVE)
    (away / "a.jpg").write_bytes(b"changed meanwhile")
    away.rename(album)
    assert storage.list(ARCHIVE).sizes[0] == len(b"changed meanwhile")


def test_an_album_with_a_link_is_listed_each_time(photos_dir: Path, storage: LocalStorage) -> None:
    album = make_album(photos_dir, FILES)
    (album / "d.jpg").symlink_to("a.jpg")
    settle(album)
    assert storage.list(ARCHIVE) is not storage.list(ARCHIVE)


@pytest.mark.parametrize(("directories", "files"), [(1, 500), (40, 10)])
def test_an_album_of_many_files_is_kept_until_one_changes(
    photos_dir: Path, storage: LocalStorage, directories: int, files: int
) -> None:
    names = [f"{above}/{name}.jpg" for above in range(directories) for name in range(files)]
    album = settle(make_album(photos_dir, dict.fromkeys(names, b"12345")))
    kept = storage.list(ARCHIVE)
    if not storage.is_at_hand(ARCHIVE):
        pytest.skip("the file system is none of those that answer at once")
    eventually(lambda: storage.list(ARCHIVE) is storage.list(ARCHIVE))
    for name in (names[0], names[-1]):
        (album / name).write_bytes(b"54321")
        os.utime(album / name, (LONG_AGO_S, LONG_AGO_S))
        now = storage.list(ARCHIVE)
        assert fingerprint_of(now) == fingerprint_of(storage_of(photos_dir).list(ARCHIVE))
        assert now.change_tokens != kept.change_tokens
        kept = now


@pytest.mark.parametrize(("room", "is_kept"), [(7, True), (6, False), (0, False)])
def test_a_walk_keeps_an_album_for_which_there_is_room(
    photos_dir: Path, room: int, *, is_kept: bool
) -> None:
    in_flights = InFlights()
    walk = Walk(
        Exclusion(DEFAULT_PATTERNS), FileFilter(lambda *_: True), in_flight=in_flights.of(ARCHIVE)
    )
    walk.keep(room)
    with opened_directory(make_album(photos_dir, FILES)) as album:
        walk.directory(album, Place())
    assert bool(walk.kept_album()) == is_kept
    assert len(walk) == len(FILES) - 1  # all but the upload
    in_flights.close()


def test_what_changed_a_moment_ago_is_not_kept(photos_dir: Path, storage: LocalStorage) -> None:
    """A second change in the same step of the clock would move no time."""
    album = make_album(photos_dir, FILES)

    def listed_within_a_step() -> Listing | None:
        (album / "a.jpg").chmod(0o600)
        listing = storage.list(ARCHIVE)
        age_ns = time.time_ns() - listing.newest_change_ns
        return listing if age_ns < CLOCK_TICK_NS else None

    listing = eventually(listed_within_a_step)
    assert storage.list(ARCHIVE) is not listing


class SlowAtTimes:
    """Looks at files as a disk that is slow for a while; `path` is a file to read from it."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(noise(64 * 1024))
        evict(path)
        self._path = path
        self.takes_s = 0.0

    def stat_files(self, directory: int, names: list[bytes]) -> bytes:
        if self.takes_s:
            read_from_disk(self._path)
            time.sleep(self.takes_s)
        return AS_COMPILED.stat_files(directory, names)


def test_a_disk_that_was_slow_is_found_quick_again(photos_dir: Path) -> None:
    disk = SlowAtTimes(photos_dir / "of the disk")
    storage = storage_of(photos_dir, AS_COMPILED._replace(stat_files=disk.stat_files))
    settle(make_album(photos_dir, FILES))
    storage.list(ARCHIVE)
    if not storage.is_at_hand(ARCHIVE):
        pytest.skip("the file system is none of those that answer at once")

    def is_at_hand() -> bool:
        storage.list(ARCHIVE)
        return storage.is_at_hand(ARCHIVE)

    disk.takes_s = 0.002
    eventually(lambda: not is_at_hand())
    disk.takes_s = 0.0
    eventually(is_at_hand)
    storage.close()
