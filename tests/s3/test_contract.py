"""What every storage promises, of a local disk and of a store alike."""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol
from zlib import crc32

import pytest
from harness.albums import make_album, noise
from harness.s3 import BUCKET, PREFIX, Bucket

from archive_service.archive.errors import ArchiveNotFound, SourceChanged
from archive_service.archive.fingerprint import fingerprint_of
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.archive.segments import LARGE_FILE_BYTES
from archive_service.checksums.crc32_column import UNKNOWN
from archive_service.storage.base import Storage
from archive_service.storage.excluded_names import DEFAULT_PATTERNS, Exclusion
from archive_service.storage.local.storage import LocalStorage
from archive_service.storage.s3.location import S3Location
from archive_service.storage.s3.storage import S3Storage

EXCLUSION = Exclusion(DEFAULT_PATTERNS)
LARGE = noise(3 * LARGE_FILE_BYTES + 1)


class Uploader(Protocol):
    """Puts albums where a storage finds them."""

    def put(self, files: dict[str, bytes], album: str) -> None: ...

    def remove(self, path: str, album: str) -> None: ...


class ToDisk:
    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, files: dict[str, bytes], album: str) -> None:
        make_album(self._root, files, album)

    def remove(self, path: str, album: str) -> None:
        os.unlink(self._root / album / path)


class ToBucket:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def put(self, files: dict[str, bytes], album: str) -> None:
        self._bucket.put_album(album, files or {"": b""})

    def remove(self, path: str, album: str) -> None:
        self._bucket.remove(f"{album}/{path}")


@dataclass
class Place:
    storage: Storage
    uploads: Uploader


@pytest.fixture(scope="session")
def s3_storage(bucket: Bucket) -> Iterator[S3Storage]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in bucket.variables().items():
            patch.setenv(name, value)
        storage = S3Storage(
            S3Location(BUCKET, f"{PREFIX}/"), EXCLUSION, timeout_s=5, memory_bytes=64_000_000
        )
        yield storage
        storage.close()


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, photos_dir: Path, bucket: Bucket) -> Place:
    if request.param == "local":
        return Place(LocalStorage(photos_dir, EXCLUSION), ToDisk(photos_dir))
    return Place(request.getfixturevalue("s3_storage"), ToBucket(bucket))


def listed(place: Place, album: str) -> Listing:
    return place.storage.list(ArchiveId(album))


def read(place: Place, album: str, listing: Listing, source: int) -> bytes:
    """Read a file as one that is to be sent whole."""
    received = bytearray()
    buffer = memoryview(bytearray(100_000))
    with place.storage.files(ArchiveId(album), listing) as files, files.open(source) as file:
        while count := file.readinto(buffer):
            received += buffer[:count]
        files.verify(file, source)
    return bytes(received)


def read_small(place: Place, album: str, listing: Listing) -> dict[bytes, bytes]:
    """Read all files together, as small ones are."""
    stops = array("Q", [0])
    for size in listing.sizes:
        stops.append(stops[-1] + size)
    buffer = bytearray(stops[-1])
    with place.storage.files(ArchiveId(album), listing) as files:
        files.read_into(memoryview(buffer), range(len(listing)), stops[:-1])
    spans = pairwise(stops)
    return dict(zip(listing.paths, (bytes(buffer[a:b]) for a, b in spans), strict=True))


def test_a_listing_has_a_column_for_each_fact(place: Place, album: str) -> None:
    began_s = int(time.time() - 0.1)  # the clock of a file system lags behind
    place.uploads.put({"b/c.jpg": b"123", "a.jpg": b"12345", "empty/": b""}, album)
    listing = listed(place, album)
    assert set(listing.paths) == {b"a.jpg", b"b/c.jpg", b"empty/"}
    sizes = dict(zip(listing.paths, listing.sizes, strict=True))
    assert sizes == {b"a.jpg": 5, b"b/c.jpg": 3, b"empty/": 0}
    modes = dict(zip(listing.paths, listing.modes, strict=True))
    assert modes == {b"a.jpg": 0o644, b"b/c.jpg": 0o644, b"empty/": 0o755}
    assert began_s <= listing.newest_change_ns // 10**9 <= time.time()
    assert len({listing.change_token(source) for source in range(3)}) == 3


def test_the_same_album_has_the_same_fingerprint(place: Place, album: str) -> None:
    place.uploads.put({"b": b"1", "a": b"2", "d/": b""}, album)
    assert fingerprint_of(listed(place, album)) == fingerprint_of(listed(place, album))


def test_an_empty_album_has_no_source(place: Place, album: str) -> None:
    place.uploads.put({}, album)
    assert len(listed(place, album)) == 0


def test_empty_directories_and_all_that_lead_to_them_are_listed(place: Place, album: str) -> None:
    place.uploads.put({"a/b/c/": b"", "a/d/": b"", "e/f.jpg": b""}, album)
    assert set(listed(place, album).paths) == {b"a/", b"a/b/", b"a/b/c/", b"a/d/", b"e/f.jpg"}


def test_a_directory_with_something_in_it_is_no_entry(place: Place, album: str) -> None:
    place.uploads.put({"a/": b"", "a/b/": b"", "a/b/1.jpg": b"x"}, album)
    assert listed(place, album).paths == [b"a/b/1.jpg"]


@pytest.mark.parametrize("name", [".hidden", "1.jpg.filepart", "1.TMP", "THUMBS.DB", ".git/config"])
def test_what_is_excluded_is_not_listed(place: Place, album: str, name: str) -> None:
    place.uploads.put({name: b"x", f"sub/{name}": b"x", "1.jpg": b"x"}, album)
    assert set(listed(place, album).paths) == {b"1.jpg", b"sub/"}


@pytest.mark.parametrize(
    "name", ["фото 1.jpg", "a+b %41&?#.jpg", "e\N{COMBINING ACUTE ACCENT}.jpg", "a\\b", "\x01\x7f"]
)
def test_names_are_the_bytes_that_are_stored(place: Place, album: str, name: str) -> None:
    place.uploads.put({name: b"x"}, album)
    listing = listed(place, album)
    assert listing.paths == [name.encode()]
    assert read_small(place, album, listing) == {name.encode(): b"x"}


def test_files_are_read_together_and_one_by_one(place: Place, album: str) -> None:
    files = {f"{number}.jpg": noise(number * 1000) for number in range(40)}
    place.uploads.put({**files, "d/": b"", "large": LARGE}, album)
    listing = listed(place, album)
    assert read_small(place, album, listing) == {
        **{name.encode(): data for name, data in files.items()},
        b"d/": b"",
        b"large": LARGE,
    }
    assert read(place, album, listing, listing.paths.index(b"large")) == LARGE


def test_a_file_that_was_hashed_is_read_again(place: Place, album: str) -> None:
    place.uploads.put({"large": LARGE}, album)
    listing = listed(place, album)
    buffer = memoryview(bytearray(1 << 20))
    value = 0
    with place.storage.files(ArchiveId(album), listing) as files, files.open_to_hash(0) as file:
        while count := file.readinto(buffer):
            value = crc32(buffer[:count], value)
    assert value == crc32(LARGE)
    assert read(place, album, listing, 0) == LARGE
    assert read(place, album, listing, 0) == LARGE


def test_what_a_storage_knows_of_a_checksum_is_true(place: Place, album: str) -> None:
    place.uploads.put({"large": LARGE}, album)
    listing = listed(place, album)
    with place.storage.files(ArchiveId(album), listing) as files:
        assert files.known_crc32(0) in (None, crc32(LARGE))
        assert files.known_crc32(0) != UNKNOWN


@pytest.mark.parametrize("content", [b"other", LARGE[::-1], LARGE + b"more", b""])
def test_a_replaced_file_is_noticed(place: Place, album: str, content: bytes) -> None:
    place.uploads.put({"1": LARGE, "2": b"12345"}, album)
    listing = listed(place, album)
    place.uploads.put({"1": content, "2": b"54321"}, album)
    with pytest.raises(SourceChanged):
        read(place, album, listing, 0)
    with pytest.raises(SourceChanged):
        read_small(place, album, listing)


def test_a_removed_file_is_noticed(place: Place, album: str) -> None:
    place.uploads.put({"1": LARGE, "2": b"12345"}, album)
    listing = listed(place, album)
    place.uploads.remove("1", album)
    place.uploads.remove("2", album)
    with pytest.raises(SourceChanged) as caught:
        read(place, album, listing, 0)
    assert caught.value.reason == "vanished"
    with pytest.raises(SourceChanged) as caught:
        read_small(place, album, listing)
    assert caught.value.reason == "vanished"


@pytest.mark.parametrize("name", ["missing", "x" * 255])
def test_a_missing_album_is_not_found(place: Place, name: str) -> None:
    with pytest.raises(ArchiveNotFound):
        place.storage.list(ArchiveId(name))


def test_albums_are_what_lies_below_the_root(place: Place, album: str) -> None:
    place.uploads.put({"1.jpg": b"x"}, album)
    place.uploads.put({}, f"{album}-empty")
    assert {album, f"{album}-empty"} <= set(place.storage.albums())
    place.storage.check()


def test_an_album_is_no_part_of_one_whose_name_is_longer(place: Place, album: str) -> None:
    place.uploads.put({"1.jpg": b"x"}, album)
    place.uploads.put({"2.jpg": b"x"}, f"{album}2")
    assert listed(place, album).paths == [b"1.jpg"]
