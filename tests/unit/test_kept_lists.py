"""A list whose albums have no links: what was found of them is kept, and no change goes unseen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from harness.albums import LONG_AGO_S, make_album, settle
from harness.conditions import eventually
from harness.gatedfs import gated
from harness.lists import write_list

from archive_service.archive.errors import ArchiveNotFound
from archive_service.archive.fingerprint import fingerprint_of
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.storage.excluded_names import DEFAULT_PATTERNS, Exclusion
from archive_service.storage.file_lists.list_place import ListDirectory
from archive_service.storage.file_lists.listed_storage import ListedStorage
from archive_service.storage.local.native import AS_COMPILED, NOTHING_COMPILED, NativeCalls
from archive_service.storage.local.storage import LocalStorage
from archive_service.storage.wanted_tree import WantedTree

ARCHIVE, OTHER = ArchiveId("order"), ArchiveId("order-2")
ONE = {
    "a.jpg": b"12345",
    "b.jpg": b"123",
    "c.jpg.part": b"1",
    "sub/deep/d.jpg": b"1",
    "sub/e.jpg": b"12",
    "other/f.jpg": b"1",
}
TWO = {"1.jpg": b"uno", "g/2.jpg": b"dos", "empty/": b""}
WANTED = {
    ArchiveId("one"): WantedTree.of([b"a.jpg", b"sub/deep/d.jpg", b"none/x.jpg"]),
    ArchiveId("two"): WantedTree.of([b""]),
}
PATHS = ("one/a.jpg", "one/sub/deep/d.jpg", "one/none/x.jpg", "two/")


class Shop:
    """Two albums, a list of some of their files, and what `stat` is asked about."""

    def __init__(self, root: Path, native: NativeCalls = AS_COMPILED) -> None:
        self.photos_dir, self.lists_dir = root / "photos", root / "lists"
        self.looked_at: list[bytes] = []

        def stat_files(directory: int, names: list[bytes]) -> bytes:
            self.looked_at += names
            return native.stat_files(directory, names)

        self.albums = self._albums(native._replace(stat_files=stat_files))
        self.storage = self._storage(self.albums)

    def fill(self, *paths: str) -> None:
        """Make the albums and the list, and wait until the last change of each would show."""
        make_album(self.photos_dir, ONE, "one")
        make_album(self.photos_dir, TWO, "two")
        self.write(ARCHIVE, *paths)
        settle(self.photos_dir)

    def write(self, archive: ArchiveId, *paths: str) -> None:
        files = [{"path": path} for path in paths]
        write_list(self.lists_dir, {"files": files, "missing": "skip"}, archive.value)
        settle(self.lists_dir)

    def selected(self) -> Sequence[Listing | None]:
        return self.albums.select(ARCHIVE, WANTED)

    def is_kept(self) -> bool:
        """Return whether the last listing is given back; not while the machine is busy."""
        return self.storage.list(ARCHIVE) is self.storage.list(ARCHIVE)

    def listed_by_others(self, archive: ArchiveId = ARCHIVE) -> Listing:
        """List the archive as a process that has just been started."""
        return self._storage(self._albums(AS_COMPILED)).list(archive)

    def _albums(self, native: NativeCalls) -> LocalStorage:
        return LocalStorage(self.photos_dir, Exclusion(DEFAULT_PATTERNS), native)

    def _storage(self, albums: LocalStorage) -> ListedStorage:
        return ListedStorage(albums, ListDirectory(self.lists_dir, 100_000))


@pytest.fixture(params=[AS_COMPILED, NOTHING_COMPILED], ids=["compiled", "in Python"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """A shop whose list is kept."""
    shop = Shop(tmp_path, request.param)
    shop.fill(*PATHS)
    shop.storage.list(ARCHIVE)
    if not shop.albums.is_at_hand(ARCHIVE):
        pytest.skip("the file system is none of those that answer at once")
    eventually(shop.is_kept)
    yield shop
    shop.storage.close()


def rewrite(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))
    os.utime(file, (LONG_AGO_S, LONG_AGO_S))


def replace(file: Path) -> None:
    new = file.with_name("new")
    new.write_bytes(bytes(file.stat().st_size))
    os.utime(new, (LONG_AGO_S, LONG_AGO_S))
    new.replace(file)


def copy_over(album: Path) -> None:
    album.rename(album.with_name("away"))
    shutil.copytree(album.with_name("away"), album)


def turn_into_link(directory: Path) -> None:
    elsewhere = directory.parent / "elsewhere"
    directory.rename(elsewhere)
    directory.symlink_to(elsewhere.name)


def write_below(directory: Path, name: str = "x.jpg") -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_bytes(b"new")


def grow(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(b"more")


def swap(one: Path, two: Path) -> None:
    one.rename(one.with_name("away"))
    two.rename(one)
    one.with_name("away").rename(two)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file is rewritten, its time set back": lambda root: rewrite(root / "one/a.jpg"),
    "a file below is rewritten": lambda root: rewrite(root / "one/sub/deep/d.jpg"),
    "a file of a whole album is rewritten": lambda root: rewrite(root / "two/g/2.jpg"),
    "a file is replaced, its time set back": lambda root: replace(root / "one/a.jpg"),
    "a file gets another time": lambda root: os.utime(root / "one/a.jpg", (1, 1)),
    "a file gets another mode": lambda root: (root / "one/a.jpg").chmod(0o600),
    "a file is removed": lambda root: (root / "one/a.jpg").unlink(),
    "a file is renamed": lambda root: (root / "one/a.jpg").rename(root / "one/z.jpg"),
    "another file gets its name": lambda root: (root / "one/b.jpg").replace(root / "one/a.jpg"),
    "a file becomes a link": lambda root: turn_into_link(root / "one/a.jpg"),
    "a missing file appears": lambda root: write_below(root / "one/none"),
    "a file is added beside one": lambda root: write_below(root / "one", "beside.jpg"),
    "a file is added to a whole album": lambda root: write_below(root / "two"),
    "an empty directory gets a file": lambda root: write_below(root / "two/empty"),
    "an empty directory is removed": lambda root: (root / "two/empty").rmdir(),
    "an upload goes on": lambda root: grow(root / "one/c.jpg.part"),
    "an upload ends": lambda root: (root / "one/c.jpg.part").rename(root / "one/c.jpg"),
    "a directory becomes a link": lambda root: turn_into_link(root / "one/sub/deep"),
    "a directory above becomes a link": lambda root: turn_into_link(root / "one/sub"),
    "another directory has the name": lambda root: copy_over(root / "one/sub"),
    "another album has the name": lambda root: copy_over(root / "one"),
    "two albums are swapped": lambda root: swap(root / "one", root / "two"),
    "an album is removed": lambda root: shutil.rmtree(root / "two"),
    "an album becomes a link": lambda root: turn_into_link(root / "two"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_seen(shop: Shop, change: str) -> None:
    before = fingerprint_of(shop.storage.list(ARCHIVE))
    CHANGES[change](shop.photos_dir)
    now = fingerprint_of(shop.storage.list(ARCHIVE))
    assert now == fingerprint_of(shop.listed_by_others())
    assert now != before


def test_what_decides_is_looked_at_and_nothing_else(shop: Shop) -> None:
    def looked_at() -> set[bytes]:
        shop.looked_at.clear()
        shop.storage.list(ARCHIVE)
        return {*shop.looked_at}

    of_one = {b"a.jpg", b"c.jpg.part", b"sub", b"deep", b"d.jpg"}
    of_two = {b"1.jpg", b"g", b"2.jpg", b"empty"}
    eventually(lambda: shop.is_kept() and looked_at() == of_one | of_two)


@pytest.mark.parametrize("name", ["b.jpg", "sub/e.jpg", "other/f.jpg"])
def test_a_file_that_is_not_wanted_is_another_one_unseen(shop: Shop, name: str) -> None:
    def is_kept_over_a_change() -> bool:
        before = shop.selected()
        rewrite(shop.photos_dir / "one" / name)
        return shop.selected()[0] is before[0]

    eventually(is_kept_over_a_change)


def test_only_the_album_that_changed_is_listed_anew(shop: Shop) -> None:
    def is_other_kept() -> bool:
        one, two = shop.selected()
        rewrite(shop.photos_dir / "one" / "a.jpg")
        one_now, two_now = shop.selected()
        assert one_now is not one
        return two_now is two

    eventually(is_other_kept)


def test_a_list_is_written_anew_and_wants_other_files_of_the_album(shop: Shop) -> None:
    for paths in (["one/b.jpg"], ["one/a.jpg"], ["one/sub/"], ["one/"], ["two/1.jpg"]):
        shop.write(ARCHIVE, *paths)
        for _ in range(3):
            now = fingerprint_of(shop.storage.list(ARCHIVE))
            assert now == fingerprint_of(shop.listed_by_others())


def test_two_lists_and_an_archive_of_the_album_have_what_each_wants(shop: Shop) -> None:
    shop.write(OTHER, "one/b.jpg", "one/other/")
    archives = ARCHIVE, OTHER, ArchiveId("one")

    def has_all() -> None:
        for archive in archives:
            now = fingerprint_of(shop.storage.list(archive))
            assert now == fingerprint_of(shop.listed_by_others(archive))

    for name in ("a.jpg", "b.jpg", "other/f.jpg"):
        for _ in range(3):
            has_all()
        rewrite(shop.photos_dir / "one" / name)
        has_all()
        settle(shop.photos_dir)


def test_a_directory_takes_the_place_of_a_list_and_leaves_it(shop: Shop) -> None:
    listed = fingerprint_of(shop.storage.list(ARCHIVE))
    for _ in range(3):
        make_album(shop.photos_dir, {"z.jpg": b"z"}, ARCHIVE.value)
        settle(shop.photos_dir)
        for _ in range(3):
            assert shop.storage.list(ARCHIVE).paths == [b"z.jpg"]
        shutil.rmtree(shop.photos_dir / ARCHIVE.value)
        for _ in range(3):
            assert fingerprint_of(shop.storage.list(ARCHIVE)) == listed


def test_a_list_that_is_removed_is_not_found(shop: Shop) -> None:
    (shop.lists_dir / f"{ARCHIVE.value}.json").unlink()
    with pytest.raises(ArchiveNotFound):
        shop.storage.list(ARCHIVE)


def test_an_album_with_a_wanted_link_is_listed_each_time(shop: Shop) -> None:
    (shop.photos_dir / "one" / "a.jpg").unlink()
    (shop.photos_dir / "one" / "a.jpg").symlink_to("b.jpg")
    settle(shop.photos_dir)

    def is_other_kept() -> bool:
        one, two = shop.selected()
        one_now, two_now = shop.selected()
        assert one_now is not one
        return two_now is two

    eventually(is_other_kept)
    before = fingerprint_of(shop.storage.list(ARCHIVE))
    rewrite(shop.photos_dir / "one" / "b.jpg")
    assert fingerprint_of(shop.storage.list(ARCHIVE)) != before


def test_nothing_is_kept_of_a_file_system_that_may_wait(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.fill(*PATHS)
    with gated(tmp_path / "photos", tmp_path / "mounted") as fuse:
        albums = LocalStorage(fuse.root, Exclusion(DEFAULT_PATTERNS))
        wanted = {ArchiveId("one"): WANTED[ArchiveId("one")]}
        found = [albums.select(ARCHIVE, wanted)[0] for _ in range(5)]
        albums.close()
    assert len({id(listing) for listing in found}) == len(found)
