"""Albums on a file system whose every answer takes long: several requests are in flight at once."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import accumulate
from pathlib import Path

import pytest
from harness.albums import make_album, noise
from harness.gatedfs import GatedFs, gated

from archive_service.archive.errors import SourceUnreadable, StorageUnavailable
from archive_service.archive.fingerprint import fingerprint_of
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.storage.base import READ_AHEAD_BYTES
from archive_service.storage.concurrency import InFlight
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.album_files import AlbumPlace, LocalAlbumFiles
from archive_service.storage.local.native import AS_COMPILED, NOTHING_COMPILED, NativeCalls
from archive_service.storage.local.storage import LocalStorage
from archive_service.storage.local.walk import FileFilter, Walk
from archive_service.storage.wanted_tree import WantedTree

ARCHIVE = ArchiveId.parse("7kna")
FILES = {f"{number:02}.jpg": noise(100 + number, number) for number in range(40)}
TREE = {f"{number:02}/{name}.jpg": noise(50) for number in range(20) for name in "ab"}
LARGE = {f"{number:02}.tif": noise(200_000, number) for number in range(12)}
LATER = range(20, 26)
"""Numbers that one request at a time would not come to while the first of them is held."""
_DELAY_S = 0.002
_TIMEOUT_S = 120.0
_READ_BYTES = 128 * 1024


@pytest.fixture(params=[AS_COMPILED, NOTHING_COMPILED], ids=["compiled", "plain"])
def native(request: pytest.FixtureRequest) -> NativeCalls:
    return request.param


@contextmanager
def slow(tmp_path: Path, files: dict[str, bytes]) -> Iterator[GatedFs]:
    make_album(tmp_path / "real", files, ARCHIVE.value)
    with gated(tmp_path / "real", tmp_path / "mounted") as fuse:
        fuse.delay(_DELAY_S)
        yield fuse


def held_at_once(
    fuse: GatedFs, operation: str, paths: list[str], work: Callable[[], object]
) -> None:
    """Do work in which requests for all of the paths of the album are in flight at once."""
    held_below_root(fuse, operation, [f"{ARCHIVE.value}/{path}" for path in paths], work)


def held_below_root(
    fuse: GatedFs, operation: str, paths: list[str], work: Callable[[], object]
) -> None:
    """Do the same for paths below the root."""
    for path in paths:
        fuse.hold(operation, path)
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(work)
        for _ in paths:
            fuse.wait_held()
        fuse.clear()
        done.result(_TIMEOUT_S)


def read_small(storage: LocalStorage, listing: Listing) -> bytes:
    buffer = bytearray(sum(listing.sizes))
    positions = [0, *accumulate(listing.sizes)][:-1]
    with storage.files(ARCHIVE, listing) as files:
        files.read_into(memoryview(buffer), range(len(listing)), positions)
    return bytes(buffer)


def test_files_are_looked_at_at_once(tmp_path: Path, native: NativeCalls) -> None:
    # In directories of their own, for some kernels ask about one name of a directory at a time.
    with slow(tmp_path, TREE) as fuse:
        storage = LocalStorage(fuse.root, Exclusion(()), native)
        held_at_once(
            fuse,
            "stat",
            [f"{number:02}/a.jpg" for number in range(6)],
            lambda: storage.list(ARCHIVE),
        )
        storage.close()


def test_directories_are_looked_at_at_once(tmp_path: Path, native: NativeCalls) -> None:
    with slow(tmp_path, TREE) as fuse:
        storage = LocalStorage(fuse.root, Exclusion(()), native)
        held_at_once(
            fuse, "list", [f"{number:02}" for number in range(6)], lambda: storage.list(ARCHIVE)
        )
        storage.close()


def test_the_albums_of_a_list_are_looked_at_at_once(tmp_path: Path, native: NativeCalls) -> None:
    names = [f"album-{number:02}" for number in range(30)]
    for name in names:
        make_album(tmp_path / "real", {"1.jpg": b"one", "2.jpg": b"two"}, name)
    wanted = {ArchiveId(name): WantedTree.of([b"1.jpg"]) for name in names}
    with gated(tmp_path / "real", tmp_path / "mounted") as fuse:
        fuse.delay(_DELAY_S)
        storage = LocalStorage(fuse.root, Exclusion(()), native)
        later = [names[number] for number in LATER]
        held_below_root(fuse, "list", later, lambda: storage.select(ARCHIVE, wanted))
        found = storage.select(ARCHIVE, wanted)
        storage.close()
    assert [listing.paths for listing in found if listing] == [[b"1.jpg"]] * len(names)


@pytest.mark.parametrize("files", [FILES, TREE], ids=["files", "tree"])
def test_the_listing_is_that_of_quick_storage(
    tmp_path: Path, native: NativeCalls, files: dict[str, bytes]
) -> None:
    with slow(tmp_path, files) as fuse:
        storage = LocalStorage(fuse.root, Exclusion(()), native)
        found = storage.list(ARCHIVE)
        storage.close()
    expected = LocalStorage(tmp_path / "real", Exclusion(())).list(ARCHIVE)
    assert found.paths == expected.paths
    assert fingerprint_of(found) == fingerprint_of(expected)


def test_the_first_directory_that_fails_is_reported(tmp_path: Path, native: NativeCalls) -> None:
    with slow(tmp_path, TREE) as fuse:
        fuse.fail("list", f"{ARCHIVE.value}/05", errno.EIO)
        fuse.fail("list", f"{ARCHIVE.value}/06", errno.EACCES)
        storage = LocalStorage(fuse.root, Exclusion(()), native)
        with pytest.raises(StorageUnavailable, match="EIO"):
            storage.list(ARCHIVE)
        storage.close()


def test_small_files_are_read_at_once(tmp_path: Path, native: NativeCalls) -> None:
    with slow(tmp_path, FILES) as fuse:
        storage = LocalStorage(fuse.root, Exclusion(()), native)
        listing = storage.list(ARCHIVE)
        read: list[bytes] = []
        held_at_once(
            fuse,
            "open",
            [f"{number}.jpg" for number in LATER],
            lambda: read.append(read_small(storage, listing)),
        )
        storage.close()
    assert read == [b"".join(FILES.values())]


def test_the_first_file_that_fails_is_named(tmp_path: Path, native: NativeCalls) -> None:
    with slow(tmp_path, FILES) as fuse:
        storage = LocalStorage(fuse.root, Exclusion(()), native)
        listing = storage.list(ARCHIVE)
        fuse.fail("open", f"{ARCHIVE.value}/21.jpg", errno.EIO)
        fuse.fail("open", f"{ARCHIVE.value}/22.jpg", errno.EACCES)
        with pytest.raises(SourceUnreadable) as caught:
            read_small(storage, listing)
        storage.close()
    assert (caught.value.source, caught.value.reason) == (21, "EIO")


def test_large_files_are_opened_at_once(tmp_path: Path) -> None:
    with slow(tmp_path, LARGE) as fuse:
        storage = LocalStorage(fuse.root, Exclusion(()))
        listing = storage.list(ARCHIVE)

        def open_all() -> None:
            with storage.files(ARCHIVE, listing) as files:
                for source, file in enumerate(files.open_each(range(len(listing)))):
                    with file:
                        assert file.read() == LARGE[f"{source:02}.tif"]

        held_at_once(fuse, "open", [f"{number:02}.tif" for number in range(6)], open_all)
        storage.close()


def test_a_large_file_is_read_ahead(tmp_path: Path) -> None:
    content = noise(2 * READ_AHEAD_BYTES)
    with slow(tmp_path, {"a.tif": content}) as fuse:
        storage = LocalStorage(fuse.root, Exclusion(()))
        listing = storage.list(ARCHIVE)
        for number in range(6):
            fuse.hold("read", f"{ARCHIVE.value}/a.tif", at=number * _READ_BYTES)
        with storage.files(ARCHIVE, listing) as files, files.open(0) as file:
            file.begin(0, len(content))
            for _ in range(6):
                fuse.wait_held()
            fuse.clear()
            assert not file.needs_read_on(0)
            assert file.needs_read_on(READ_AHEAD_BYTES // 2 + 1)
            file.read_on(READ_AHEAD_BYTES)
            assert not file.needs_read_on(len(content))
            assert file.read() == content
        storage.close()


class NoThreads(Executor):
    """Threads that must not be asked."""

    def submit(self, fn: Callable[..., object], /, *args: object, **kwargs: object) -> Future[None]:
        raise AssertionError("a thread is asked to help")


@pytest.mark.parametrize("files", [FILES, TREE], ids=["files", "tree"])
def test_quick_storage_is_used_by_one_thread(
    tmp_path: Path, native: NativeCalls, files: dict[str, bytes]
) -> None:
    make_album(tmp_path, files, ARCHIVE.value)
    in_flight = InFlight(NoThreads(), clock_s=lambda: 0.0)
    walk = Walk(Exclusion(()), FileFilter(lambda *_: True), in_flight=in_flight, native=native)
    walk.tree(tmp_path / ARCHIVE.value)
    listing = walk.listing()
    place = AlbumPlace(Path("/"))
    buffer = bytearray(sum(listing.sizes))
    positions = [0, *accumulate(listing.sizes)][:-1]
    with LocalAlbumFiles(place, listing, native, in_flight=in_flight) as opened:
        opened.read_into(memoryview(buffer), range(len(listing)), positions)
        with closing(opened.open_each(range(len(listing)))) as each:
            for file in each:
                file.close()
    assert bytes(buffer) == b"".join(files[name] for name in sorted(files))
