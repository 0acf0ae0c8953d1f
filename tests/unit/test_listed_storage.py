"""Lists as a storage sees them: times, uploads, what is looked at, what is read again."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from harness.albums import make_album, settle
from harness.conditions import eventually
from harness.in_process import make_service
from harness.lists import write_list
from harness.opens import opens_noted

from archive_service.archive.errors import (
    ArchiveNotFound,
    SourceChanged,
    SourceSuspected,
    StorageUnavailable,
)
from archive_service.archive.fingerprint import details_digest, fingerprint_of
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import CLOCK_TICK_NS, ListDetails, Listing
from archive_service.archive.settling import UploadSign
from archive_service.checksums.crc_index.memory import MemoryCrcIndex
from archive_service.observe.events import Event
from archive_service.observe.storage_events import ListRejected
from archive_service.storage.excluded_names import DEFAULT_PATTERNS, Exclusion
from archive_service.storage.file_lists.list_contents import FileList
from archive_service.storage.file_lists.list_place import ListDirectory, ListFile
from archive_service.storage.file_lists.listed_storage import ListedStorage
from archive_service.storage.local.read_lease import Leases, NoLeases
from archive_service.storage.local.storage import LocalStorage
from archive_service.storage.local.unclosed_files import UnclosedFiles
from archive_service.storage.local.young_files import YoungFiles
from archive_service.storage.wanted_tree import WantedTree

ARCHIVE = ArchiveId("order")
FILES = {"1.jpg": b"one", "2.jpg": b"two", "sub/3.jpg": b"three", "other/4.jpg": b"four"}


class Shop:
    """Two albums, and one list."""

    def __init__(self, root: Path) -> None:
        self.photos_dir, self.lists_dir = root / "photos", root / "lists"
        self.events: list[Event] = []
        make_album(self.photos_dir, FILES, "one")
        make_album(self.photos_dir, {"1.jpg": b"uno"}, "two")
        albums = LocalStorage(self.photos_dir, Exclusion(DEFAULT_PATTERNS))
        place = ListDirectory(self.lists_dir, 10_000)
        self.storage = ListedStorage(albums, place, self.events.append)

    def write(self, *paths: str, **more: object) -> Path:
        files = [{"path": path} for path in paths]
        return write_list(self.lists_dir, {"files": files, **more}, ARCHIVE.value)

    def listing(self, *paths: str) -> Listing:
        self.write(*paths)
        return self.storage.list(ARCHIVE)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.storage.close()


def test_a_list_is_as_young_as_its_file(shop: Shop) -> None:
    written = shop.write("one/1.jpg")
    listing = shop.storage.list(ARCHIVE)
    assert listing.newest_change_ns == written.stat().st_ctime_ns
    again = shop.write("one/1.jpg")
    assert again.stat().st_ctime_ns > listing.newest_change_ns
    listing = shop.storage.list(ARCHIVE)
    assert listing.newest_change_ns == again.stat().st_ctime_ns
    os.utime(again, (2_000_000_000, 2_000_000_000))  # what copies of it keep
    assert shop.storage.list(ARCHIVE).newest_mtime_ns == 2_000_000_000 * 10**9


def test_a_list_is_as_young_as_the_directories_it_names_files_of(shop: Shop) -> None:
    shop.write("one/sub/3.jpg")
    album = settle(shop.photos_dir / "one")
    settle(shop.lists_dir)
    (album / "other" / "new.jpg").write_bytes(b"new")
    listing = shop.storage.list(ARCHIVE)
    assert listing.newest_change_ns < (album / "other").stat().st_ctime_ns
    (album / "sub" / "new.jpg").write_bytes(b"new")
    (album / "sub" / "half.part").write_bytes(b"half")
    listing = shop.storage.list(ARCHIVE)
    assert listing.newest_change_ns == (album / "sub").stat().st_ctime_ns
    assert listing.newest_upload_ns == (album / "sub" / "half.part").stat().st_ctime_ns
    assert listing.uploads == [b"one/sub/half.part"]


def test_an_album_without_files_is_not_missing_and_its_uploads_count(shop: Shop) -> None:
    make_album(shop.photos_dir, {"1.part": b"half"}, "three")
    listing = shop.listing("three/", "two/1.jpg")
    assert listing.paths == [b"1.jpg"]
    assert listing.uploads == [b"three/1.part"]
    assert listing.newest_upload_ns == (shop.photos_dir / "three/1.part").stat().st_ctime_ns


def test_nothing_is_opened_beside_the_directories_that_are_named(shop: Shop) -> None:
    album = shop.photos_dir / "one"
    with opens_noted(album) as opened:
        assert shop.listing("one/1.jpg", "one/sub/3.jpg").paths == [b"1.jpg", b"sub/3.jpg"]
    assert set(opened) <= {"", "sub"}
    assert "sub" in opened
    (album / "other").chmod(0)
    try:
        assert len(shop.listing("one/1.jpg")) == 1
    finally:
        (album / "other").chmod(0o755)


def test_a_list_is_read_again_when_its_file_has_changed_and_only_then(shop: Shop) -> None:
    written = shop.write("one/1.jpg")
    settle(shop.lists_dir)
    place = ListDirectory(shop.lists_dir, 10_000)
    first = place.read(ARCHIVE, b"")
    assert first is not None
    assert first.content == written.read_bytes()
    again = place.read(ARCHIVE, first.version)
    assert again == (first.version, first.times, None)
    shop.write("two/1.jpg")
    at_once = place.read(ARCHIVE, first.version)
    assert at_once is not None
    assert at_once.content == written.read_bytes()


def test_the_date_of_a_list_outlives_the_tidying_of_the_index(shop: Shop) -> None:
    written = shop.write("one/1.jpg", "two/1.jpg")
    settle(shop.photos_dir)
    settle(shop.lists_dir)
    index = MemoryCrcIndex()

    async def described() -> tuple[str, int | None]:
        service = make_service(shop.storage, index)
        found = await service.represent(ARCHIVE)
        await service.tidy_index()
        service.close()
        return found.etag, found.changed_s

    before = asyncio.run(described())
    moved_s = written.stat().st_ctime + 1.1  # the next second, by the kernel's coarse clock, too
    eventually(lambda: time.time() > moved_s)
    written.touch()  # written anew with the same content
    settle(shop.lists_dir)
    assert asyncio.run(described()) == before
    assert asyncio.run(described()) == before


def test_no_album_at_all_is_no_archive_either(shop: Shop) -> None:
    shop.write("one/1.jpg")
    assert {*shop.storage.archives()} == {"one", "two", ARCHIVE.value}
    shop.photos_dir.rename(shop.photos_dir.with_name("elsewhere"))
    shop.photos_dir.mkdir()  # where a disk is not mounted
    assert shop.storage.archives() == []


def test_a_list_that_may_change_unseen_has_no_version(shop: Shop) -> None:
    place = ListDirectory(shop.lists_dir, 10_000)
    for _ in range(1000):  # until it is read within the step of the clock that it was written in
        written = shop.write("one/1.jpg")
        found = place.read(ARCHIVE, b"")
        assert found is not None
        if time.time_ns() - written.stat().st_ctime_ns <= CLOCK_TICK_NS:
            assert found.version == b""
            return
    pytest.skip("this machine takes longer than a step of the clock")


def test_a_file_that_somebody_writes_to_holds_the_list(shop: Shop) -> None:
    writers = YoungFiles(shop.photos_dir, Leases(), UnclosedFiles())

    def sign(listing: Listing) -> UploadSign | None:
        return writers.sign(ARCHIVE, listing, now_ns=time.time_ns())

    listing = shop.listing("one/sub/3.jpg", "two/1.jpg")
    assert sign(listing) is None
    with (shop.photos_dir / "one" / "sub" / "3.jpg").open("ab"):
        assert sign(listing) is UploadSign.OPEN
    with (shop.photos_dir / "one" / "1.jpg").open("ab"):
        assert sign(listing) is None
    with (shop.photos_dir / "two" / "x.part").open("ab"):
        assert sign(shop.storage.list(ARCHIVE)) is UploadSign.OPEN


def test_what_the_watcher_saw_in_an_album_holds_the_list(shop: Shop) -> None:
    written = UnclosedFiles()
    writers = YoungFiles(shop.photos_dir, NoLeases(), written)
    listing = shop.listing("one/1.jpg", "two/1.jpg")
    for album, expected in ((ARCHIVE.value, None), ("one", UploadSign.OPEN)):
        written.note_made(1, album, "1.jpg")
        written.note_written(1, album, "1.jpg")
        assert writers.sign(ARCHIVE, listing, now_ns=time.time_ns()) is expected


def test_files_are_read_where_they_lie_and_texts_from_the_list(shop: Shop) -> None:
    files = [{"path": "one/sub/3.jpg", "as": "b"}, {"path": "two/1.jpg", "as": "d"}]
    texts = [{"text": "hello", "as": "a"}, {"text": "", "as": "c"}]
    write_list(shop.lists_dir, {"files": [*files, *texts]}, ARCHIVE.value)
    listing = shop.storage.list(ARCHIVE)
    assert listing.newest_empty_ns is None  # an empty text is no upload that has just begun
    with shop.storage.files(ARCHIVE, listing) as opened:
        buffer = memoryview(bytearray(sum(listing.sizes)))
        positions = [sum(listing.sizes[:source]) for source in range(4)]
        opened.read_into(buffer, range(4), positions)
        assert bytes(buffer) == b"hellothreeuno"
        cached = memoryview(bytearray(len(buffer)))
        if opened.read_cached(cached, range(4), positions):  # where the system tells what it has
            assert cached == buffer
        read = []
        for source in (1, 3):
            with opened.open(source) as file:
                block = memoryview(bytearray(10))
                read.append(bytes(block[: file.readinto(block)]))
                opened.verify(file, source)
    assert read == [b"three", b"uno"]


def test_a_file_that_changed_is_suspected_or_changed_as_one_of_an_album(shop: Shop) -> None:
    write_list(
        shop.lists_dir,
        {"files": [{"path": "one/1.jpg"}, {"path": "one/2.jpg"}, {"text": "a", "as": "0"}]},
        ARCHIVE.value,
    )
    listing = shop.storage.list(ARCHIVE)
    (shop.photos_dir / "one" / "1.jpg").chmod(0o600)
    buffer = memoryview(bytearray(7))
    with shop.storage.files(ARCHIVE, listing) as opened:
        with pytest.raises(SourceSuspected) as suspected:
            opened.read_into(buffer, [0, 1, 2], [0, 1, 4])
        assert suspected.value.source == 1
        assert not opened.read_cached(buffer, [0, 1, 2], [0, 1, 4])
        (shop.photos_dir / "one" / "2.jpg").write_bytes(b"TWO!")
        with pytest.raises(SourceChanged) as changed:
            opened.read_into(buffer, [0, 2], [0, 4])
        assert changed.value.source == 2


def test_the_origin_of_a_source_is_its_album_and_path(shop: Shop) -> None:
    listing = shop.listing("two/1.jpg", "one/sub/")
    origins = {listing.origin(ARCHIVE, source) for source in range(len(listing))}
    assert origins == {(ArchiveId("two"), b"1.jpg"), (ArchiveId("one"), b"sub/3.jpg")}


def test_a_list_that_does_not_change_has_the_same_fingerprint(shop: Shop) -> None:
    listing = shop.listing("two/1.jpg", "one/sub/")
    assert fingerprint_of(shop.storage.list(ARCHIVE)) == fingerprint_of(listing)


def test_all_that_a_list_says_is_in_its_fingerprint() -> None:
    details = ListDetails([b"one/1.jpg", b"/1"], {1: b"text"}, ["none.jpg"], "Order")
    others = [
        replace(details, origins=[b"two/1.jpg", b"/1"]),
        replace(details, texts={1: b"TEXT"}),
        replace(details, missing=["other.jpg"]),
        replace(details, download_name="Other"),
        replace(details, download_name=None),
    ]
    assert details_digest(details) == details_digest(replace(details))
    assert len({details_digest(each) for each in (details, *others)}) == len(others) + 1


def test_a_text_that_was_just_written_is_no_file_that_is_looked_at(shop: Shop) -> None:
    write_list(shop.lists_dir, {"files": [{"text": "x", "as": "x"}]}, ARCHIVE.value)
    writers = YoungFiles(shop.photos_dir, Leases(), UnclosedFiles())
    assert writers.sign(ARCHIVE, shop.storage.list(ARCHIVE), now_ns=time.time_ns()) is None


def test_what_is_selected_is_what_is_wanted_alone(shop: Shop) -> None:
    def selected(*paths: bytes) -> list[bytes]:
        albums = LocalStorage(shop.photos_dir, Exclusion(DEFAULT_PATTERNS))
        [listing] = albums.select(ARCHIVE, {ArchiveId("one"): WantedTree.of(paths)})
        albums.close()
        assert listing is not None
        return list(listing.paths)

    assert selected(b"1.jpg", b"sub/none.jpg", b"none/1.jpg") == [b"1.jpg"]
    assert selected(b"sub/none.jpg") == []
    assert selected(b"sub/", b"sub/none.jpg") == [b"sub/3.jpg"]
    assert selected(b"") == [b"1.jpg", b"2.jpg", b"other/4.jpg", b"sub/3.jpg"]
    with opens_noted(shop.photos_dir / "one" / "sub") as opened:
        assert selected(b"sub") == []
    assert opened == []


def test_a_list_in_place_of_an_album_and_the_other_way_round(shop: Shop) -> None:
    listing = shop.listing("two/1.jpg")
    (shop.photos_dir / "two").rename(shop.photos_dir / ARCHIVE.value)
    album = shop.storage.list(ARCHIVE)
    assert album.listed is None
    assert album.paths == [b"1.jpg"]
    (shop.photos_dir / ARCHIVE.value).rename(shop.photos_dir / "two")
    again = shop.storage.list(ARCHIVE)
    assert (again.paths, again.change_tokens) == (listing.paths, listing.change_tokens)


def test_the_memory_of_a_list_counts_the_texts_in_it() -> None:
    short, long = (
        FileList.of(b'{"files": [{"text": "%s", "as": "x"}]}' % (b"x" * size))
        for size in (1, 10_001)
    )
    assert long.memory_bytes - short.memory_bytes == 10_000


def test_a_fault_is_reported_once(shop: Shop) -> None:
    shop.write("two/1.jpg", "two/none.jpg")
    for _ in range(3):
        with pytest.raises(ArchiveNotFound):
            shop.storage.list(ARCHIVE)
    assert shop.events == [ListRejected(ARCHIVE, "missing", 1)]
    shop.write("two/none.jpg")
    with pytest.raises(ArchiveNotFound):
        shop.storage.list(ARCHIVE)
    assert shop.events[1:] == [ListRejected(ARCHIVE, "missing", 0)]


def test_what_is_no_list_is_not_found_without_an_event(shop: Shop) -> None:
    shop.write("two/1.jpg")
    for name in ("none", "a" * 255, f"{ARCHIVE.value}.json"):
        with pytest.raises(ArchiveNotFound):
            shop.storage.list(ArchiveId(name))
    assert shop.events == []


def test_a_place_or_a_directory_that_can_not_be_read_is_no_404(shop: Shop) -> None:
    shop.write("one/sub/3.jpg")
    (shop.photos_dir / "one" / "sub").rename(shop.photos_dir / "one" / "sub.away")
    with pytest.raises(ArchiveNotFound):
        shop.storage.list(ARCHIVE)
    shop.lists_dir.rename(shop.lists_dir.with_name("away"))
    with pytest.raises(StorageUnavailable, match="ENOENT"):
        shop.storage.list(ARCHIVE)
    assert shop.storage.list(ArchiveId("two")).paths == [b"1.jpg"]


def test_names_of_any_bytes_below_a_directory_are_listed(shop: Shop) -> None:
    name = "фото.jpg".encode("cp1251")
    for album in ("one", "two"):
        (shop.photos_dir / album / "old").mkdir()
        Path(os.fsdecode(bytes(shop.photos_dir / album / "old") + b"/" + name)).write_bytes(b"x")
    listing = shop.listing("one/old/", "two/old/")
    assert listing.paths == sorted([b"old/" + name, b"old/" + name[:-4] + b" (2).jpg"])


class NotingDirectory(ListDirectory):
    """Notes at each look whether the content was read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, 100_000_000)
        self.reads: list[bool] = []

    def read(self, archive: ArchiveId, known_version: bytes) -> ListFile | None:
        found = super().read(archive, known_version)
        self.reads.append(found is not None and found.content is not None)
        return found


def test_a_list_of_a_hundred_thousand_entries_is_read_once(shop: Shop) -> None:
    shop.write(*(f"one/{number}.jpg" for number in range(100_000)), missing="skip")
    time.sleep(2 * CLOCK_TICK_NS / 10**9)  # until a change of it would be noticed
    place = NotingDirectory(shop.lists_dir)
    storage = ListedStorage(LocalStorage(shop.photos_dir, Exclusion(())), place)
    listings = [storage.list(ARCHIVE) for _ in range(2)]
    storage.close()
    assert [len(listing) for listing in listings] == [2, 2]
    assert place.reads == [True, False]
