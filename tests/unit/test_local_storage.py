"""Albums on a local disk: what a listing holds, and files that are not what was listed."""

from __future__ import annotations

import os
import shutil
import stat
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from itertools import accumulate
from pathlib import Path

import pytest
from harness.albums import HASH, LONG_AGO_S, make_album, noise
from harness.counting import CountingStorage
from harness.odd_files import unix_socket

from archive_service.archive.errors import (
    ArchiveNotFound,
    DownloadFailed,
    SourceChanged,
    SourceUnreadable,
    StorageUnavailable,
)
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.storage.base import AlbumFiles, Storage
from archive_service.storage.excluded_names import DEFAULT_PATTERNS, Exclusion
from archive_service.storage.local.native import AS_COMPILED, NOTHING_COMPILED
from archive_service.storage.local.storage import LocalStorage
from archive_service.storage.local.walk import MAX_DEPTH

ARCHIVE = ArchiveId(HASH)
GAP = 3
NOT_FOR_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


@pytest.fixture(params=["compiled", "in Python", "counting"])
def storage(request: pytest.FixtureRequest, photos_dir: Path) -> Storage:
    exclusion = Exclusion(DEFAULT_PATTERNS)
    if request.param == "in Python":
        return LocalStorage(photos_dir, exclusion, NOTHING_COMPILED)
    if request.param == "counting":
        return CountingStorage(LocalStorage(photos_dir, exclusion))
    if AS_COMPILED is NOTHING_COMPILED:
        pytest.skip("the optional part was not compiled")
    return LocalStorage(photos_dir, exclusion, AS_COMPILED)


def listed(storage: Storage) -> Listing:
    return storage.list(ARCHIVE)


def read(files: AlbumFiles, listing: Listing, *sources: int) -> list[bytes]:
    """Read small files into one buffer, in the order given, with a gap before each."""
    sizes = [listing.sizes[source] for source in sources]
    ends = list(accumulate(size + GAP for size in sizes))
    buffer = bytearray(b"-" * (sum(sizes) + GAP * len(sizes)))
    positions = [end - size for end, size in zip(ends, sizes, strict=True)]
    files.read_into(memoryview(buffer), sources, positions)
    for position in positions:
        assert buffer[position - GAP : position] == b"-" * GAP
    return [bytes(buffer[end - size : end]) for end, size in zip(ends, sizes, strict=True)]


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert open_descriptors() == before


# What is listed


def test_a_listing_has_a_column_for_each_fact(photos_dir: Path, storage: Storage) -> None:
    album = make_album(photos_dir, {"b/c.jpg": b"123", "a.jpg": b"12345", "empty/": b""})
    (album / "a.jpg").chmod(0o640)
    os.utime(album / "a.jpg", ns=(0, 1_234_567_890_123_456_789))
    listing = listed(storage)
    facts = zip(listing.sizes, listing.mtimes_ns, listing.modes, strict=True)
    columns = dict(zip(listing.paths, facts, strict=True))
    assert columns[b"a.jpg"] == (5, 1_234_567_890_123_456_789, 0o640)
    assert columns[b"b/c.jpg"][:2] == (3, LONG_AGO_S * 10**9)
    assert columns[b"empty/"][0] == 0
    assert set(columns) == {b"a.jpg", b"b/c.jpg", b"empty/"}
    tokens = {listing.change_token(source) for source in range(len(listing))}
    assert len(tokens) == 3


def test_the_order_depends_on_the_paths_alone(photos_dir: Path, storage: Storage) -> None:
    names = ["b", "a/z", "a.jpg", "я", "B", "a/b/c", "d/"]
    make_album(photos_dir, dict.fromkeys(names, b""))
    forwards = listed(storage).paths
    shutil.rmtree(photos_dir / HASH)
    make_album(photos_dir, dict.fromkeys(reversed(names), b""))
    assert listed(storage).paths == forwards


def test_an_empty_album_has_no_source(photos_dir: Path, storage: Storage) -> None:
    make_album(photos_dir, {})
    assert len(listed(storage)) == 0


def test_empty_directories_and_all_that_lead_to_them_are_listed(
    photos_dir: Path, storage: Storage
) -> None:
    make_album(photos_dir, {"a/b/c/": b"", "a/d/": b"", "a/1.jpg": b"", "e/f.jpg": b""})
    expected = {b"a/", b"a/b/", b"a/b/c/", b"a/d/", b"a/1.jpg", b"e/f.jpg"}
    assert set(listed(storage).paths) == expected


def test_a_directory_that_leads_to_an_empty_one_has_its_own_time_and_mode(
    photos_dir: Path, storage: Storage
) -> None:
    album = make_album(photos_dir, {"a/b/": b""})
    (album / "a").chmod(0o711)
    os.utime(album / "a", ns=(7, 7))
    listing = listed(storage)
    source = listing.paths.index(b"a/")
    assert (listing.sizes[source], listing.modes[source], listing.mtimes_ns[source]) == (
        0,
        0o711,
        7,
    )


@pytest.mark.parametrize(
    "name",
    [
        ".hidden",
        "1.TMP",
        "THUMBS.DB",
        "__MACOSX/._1.jpg",
        ".git/config",
    ],
)
def test_what_is_excluded_is_not_listed(photos_dir: Path, storage: Storage, name: str) -> None:
    make_album(photos_dir, {name: b"x", f"sub/{name}": b"x", "1.jpg": b"x"})
    assert set(listed(storage).paths) == {b"1.jpg", b"sub/"}


def test_names_are_the_bytes_that_are_stored(photos_dir: Path, storage: Storage) -> None:
    album = os.fsencode(make_album(photos_dir, {}))
    names = [b"\xff\xfe.jpg", "фото.jpg".encode("cp1251"), b"new\nline", b"\x01\x7f", b"a\\b"]
    for name in names:
        with open(os.path.join(album, name), "wb") as file:
            file.write(name)
    listing = listed(storage)
    assert set(listing.paths) == set(names)
    with storage.files(ARCHIVE, listing) as files:
        for source, path in enumerate(listing.paths):
            assert read(files, listing, source)[0] == path


def test_a_directory_named_in_odd_bytes_is_walked(photos_dir: Path, storage: Storage) -> None:
    directory = os.path.join(os.fsencode(make_album(photos_dir, {})), b"\xe9t\xe9")
    os.mkdir(directory)
    with open(directory + b"/\xff", "wb") as file:
        file.write(b"x")
    listing = listed(storage)
    assert listing.paths == [b"\xe9t\xe9/\xff"]
    with storage.files(ARCHIVE, listing) as files:
        assert read(files, listing, 0) == [b"x"]


def make_link_to_file(place: Path, outside: Path) -> None:
    place.symlink_to(outside / "secret.txt")


def make_link_to_directory(place: Path, outside: Path) -> None:
    place.symlink_to(outside)


def make_dangling_link(place: Path, outside: Path) -> None:
    place.symlink_to(outside / "missing")


def make_loop(place: Path, outside: Path) -> None:
    place.symlink_to(place)


def make_link_to_parent(place: Path, outside: Path) -> None:
    place.symlink_to(place.parent)


def make_fifo(place: Path, outside: Path) -> None:
    os.mkfifo(place)


def make_socket(place: Path, outside: Path) -> None:
    unix_socket(place)


SPECIAL = [
    make_link_to_file,
    make_link_to_directory,
    make_dangling_link,
    make_loop,
    make_link_to_parent,
    make_fifo,
    make_socket,
]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "outside"
    path.mkdir()
    (path / "secret.txt").write_bytes(b"secret")
    return path


@pytest.mark.parametrize("make", SPECIAL)
def test_what_is_neither_file_nor_directory_is_not_listed(
    photos_dir: Path, storage: Storage, outside: Path, make: Callable[[Path, Path], None]
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"x", "sub/": b""})
    make(album / "special", outside)
    make(album / "sub/special", outside)
    assert set(listed(storage).paths) == {b"1.jpg", b"sub/"}


def test_hard_links_are_files_like_others(photos_dir: Path, storage: Storage) -> None:
    album = make_album(photos_dir, {"1.jpg": b"x"})
    os.link(album / "1.jpg", album / "2.jpg")
    assert set(listed(storage).paths) == {b"1.jpg", b"2.jpg"}


# What is no album


@pytest.mark.parametrize("name", ["missing", "x" * 255])
def test_a_missing_album_is_not_found(storage: Storage, name: str) -> None:
    with pytest.raises(ArchiveNotFound):
        storage.list(ArchiveId(name))


def test_an_album_is_a_directory_and_no_link(
    photos_dir: Path, storage: Storage, outside: Path
) -> None:
    (photos_dir / "file").touch()
    (photos_dir / "link").symlink_to(outside)
    (photos_dir / "loop").symlink_to("loop")
    os.mkfifo(photos_dir / "fifo")
    for name in ("file", "link", "loop", "fifo"):
        with pytest.raises(ArchiveNotFound):
            storage.list(ArchiveId(name))
    assert storage.albums() == []


def test_a_removed_album_is_not_found_any_more(photos_dir: Path, storage: Storage) -> None:
    album = make_album(photos_dir, {"1.jpg": b"x"})
    listing = listed(storage)
    shutil.rmtree(album)
    with pytest.raises(ArchiveNotFound):
        listed(storage)
    with storage.files(ARCHIVE, listing) as files, pytest.raises(SourceChanged):
        read(files, listing, 0)


def test_a_root_that_is_gone_is_no_missing_album(photos_dir: Path, storage: Storage) -> None:
    photos_dir.rmdir()
    with pytest.raises(StorageUnavailable) as caught:
        listed(storage)
    assert caught.value.reason == "ENOENT"
    with pytest.raises(StorageUnavailable):
        storage.albums()


def test_the_root_may_be_a_link(photos_dir: Path, tmp_path: Path) -> None:
    make_album(photos_dir, {"1.jpg": b"x"})
    (tmp_path / "link").symlink_to(photos_dir)
    storage = LocalStorage(tmp_path / "link", Exclusion(()))
    listing = listed(storage)
    with storage.files(ARCHIVE, listing) as files:
        assert read(files, listing, 0) == [b"x"]


def test_albums_are_the_directories_below_the_root(photos_dir: Path, storage: Storage) -> None:
    make_album(photos_dir, {}, "one")
    make_album(photos_dir, {}, "two")
    (photos_dir / "file").touch()
    assert sorted(storage.albums()) == ["one", "two"]


def nested(photos_dir: Path, depth: int) -> None:
    make_album(photos_dir, {"/".join(["d"] * depth) + "/1.jpg": b"x"})


def test_directories_are_nested_to_a_limit(photos_dir: Path, storage: Storage) -> None:
    nested(photos_dir, MAX_DEPTH)
    listing = listed(storage)
    assert listing.paths == [b"d/" * MAX_DEPTH + b"1.jpg"]
    with storage.files(ARCHIVE, listing) as files:
        assert read(files, listing, 0) == [b"x"]


def test_deeper_than_that_nothing_is_described(photos_dir: Path, storage: Storage) -> None:
    nested(photos_dir, MAX_DEPTH + 1)
    with no_descriptor_left(), pytest.raises(StorageUnavailable) as caught:
        listed(storage)
    assert caught.value.reason == "too deep"


@NOT_FOR_ROOT
def test_an_unreadable_directory_is_not_left_out(photos_dir: Path, storage: Storage) -> None:
    album = make_album(photos_dir, {"sub/1.jpg": b"x"})
    (album / "sub").chmod(0)
    try:
        with pytest.raises(StorageUnavailable) as caught:
            listed(storage)
    finally:
        (album / "sub").chmod(0o755)
    assert caught.value.reason == "EACCES"


@NOT_FOR_ROOT
def test_an_unreadable_file_is_listed_but_can_not_be_read(
    photos_dir: Path, storage: Storage
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"x"})
    (album / "1.jpg").chmod(0)
    listing = listed(storage)
    with storage.files(ARCHIVE, listing) as files:
        with pytest.raises(SourceUnreadable) as caught:
            read(files, listing, 0)
        with pytest.raises(SourceUnreadable):
            files.open(0)
    assert caught.value.reason == "EACCES"


def test_listing_leaves_no_descriptor_open(photos_dir: Path, storage: Storage) -> None:
    make_album(photos_dir, {"a/b/c.jpg": b"x", "d/": b""})
    with no_descriptor_left():
        listed(storage)
        with suppress(ArchiveNotFound):
            storage.list(ArchiveId("missing"))


# What moves the newest change


@pytest.mark.parametrize(
    "change",
    [
        lambda album: (album / "1.jpg").unlink(),
        lambda album: (album / "sub/2.jpg").unlink(),
        lambda album: (album / "new.jpg").touch(),
        lambda album: (album / "sub/new").mkdir(),
        lambda album: (album / "1.jpg").write_bytes(b"other"),
        lambda album: (album / "1.jpg").rename(album / "3.jpg"),
        lambda album: os.utime(album / "1.jpg", (0, 0)),
        lambda album: (album / "1.jpg").chmod(0o600),
    ],
    ids=["remove", "remove below", "add", "add directory", "rewrite", "rename", "utime", "chmod"],
)
def test_every_change_moves_the_newest_change(
    photos_dir: Path, storage: Storage, change: Callable[[Path], object]
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"x", "sub/2.jpg": b"x"})
    before = listed(storage)
    _let_the_file_systems_clock_tick(album)
    change(album)
    assert listed(storage).newest_change_ns > before.newest_change_ns


def _let_the_file_systems_clock_tick(album: Path) -> None:
    newest_ns = listed(LocalStorage(album.parent, Exclusion(()))).newest_change_ns
    probe = album.parent.with_name("probe")
    while True:
        probe.write_bytes(b"")
        if probe.stat().st_ctime_ns > newest_ns:
            return


def test_a_removal_moves_the_newest_mtime_too(photos_dir: Path, storage: Storage) -> None:
    album = make_album(photos_dir, {"1.jpg": b"x", "2.jpg": b"x"})
    os.utime(album, (LONG_AGO_S, LONG_AGO_S))
    assert listed(storage).newest_mtime_ns == LONG_AGO_S * 10**9
    (album / "1.jpg").unlink()
    assert listed(storage).newest_mtime_ns > LONG_AGO_S * 10**9


# What is opened


def read_by_open(storage: Storage, listing: Listing) -> bytes:
    with storage.files(ARCHIVE, listing) as files, files.open(0) as file:
        data = file.read()
        files.verify(file, 0)
    return data


def read_whole(storage: Storage, listing: Listing) -> bytes:
    with storage.files(ARCHIVE, listing) as files:
        return read(files, listing, 0)[0]


WAYS = pytest.mark.parametrize("read", [read_by_open, read_whole])


@WAYS
@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_a_file_is_read_as_it_is(
    photos_dir: Path,
    storage: Storage,
    read: Callable[[Storage, Listing], bytes],
    size: int,
) -> None:
    make_album(photos_dir, {"sub/1.jpg": noise(size)})
    with no_descriptor_left():
        assert read(storage, listed(storage)) == noise(size)


def vanish(path: Path, outside: Path) -> None:
    path.unlink()


def vanish_with_its_directory(path: Path, outside: Path) -> None:
    shutil.rmtree(path.parent)


def shrink(path: Path, outside: Path) -> None:
    os.truncate(path, 1)


def become_empty(path: Path, outside: Path) -> None:
    os.truncate(path, 0)


def grow(path: Path, outside: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path, outside: Path) -> None:
    _let_the_file_systems_clock_tick(path.parents[1])
    with path.open("r+b") as file:
        file.write(b"secret")
    os.utime(path, (LONG_AGO_S, LONG_AGO_S))


def be_replaced(path: Path, outside: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"secret")
    os.utime(other, (LONG_AGO_S, LONG_AGO_S))
    other.replace(path)


def become_a_link_out(path: Path, outside: Path) -> None:
    path.unlink()
    path.symlink_to(outside / "secret.txt")


def become_a_link_to_itself_elsewhere(path: Path, outside: Path) -> None:
    moved = path.rename(outside / path.name)
    path.symlink_to(moved)


def have_its_directory_swapped_for_a_link(path: Path, outside: Path) -> None:
    directory = path.parent.rename(outside / "moved")
    path.parent.symlink_to(directory)


def have_its_album_swapped_for_a_link(path: Path, outside: Path) -> None:
    album = path.parents[1]
    moved = album.rename(outside / "moved")
    album.symlink_to(moved)


def become_a_fifo(path: Path, outside: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_a_socket(path: Path, outside: Path) -> None:
    path.unlink()
    unix_socket(path)


def become_a_directory(path: Path, outside: Path) -> None:
    path.unlink()
    path.mkdir()


def have_a_file_for_a_directory(path: Path, outside: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.touch()


CHANGES = [
    vanish,
    vanish_with_its_directory,
    shrink,
    become_empty,
    grow,
    rewrite,
    be_replaced,
    become_a_link_out,
    become_a_link_to_itself_elsewhere,
    have_its_directory_swapped_for_a_link,
    have_its_album_swapped_for_a_link,
    become_a_fifo,
    become_a_socket,
    become_a_directory,
    have_a_file_for_a_directory,
]


@WAYS
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_is_not_what_was_listed_is_not_read(
    photos_dir: Path,
    storage: Storage,
    outside: Path,
    read: Callable[[Storage, Listing], bytes],
    change: Callable[[Path, Path], None],
) -> None:
    album = make_album(photos_dir, {"sub/1.jpg": b"public"})
    listing = listed(storage)
    change(album / "sub/1.jpg", outside)
    with no_descriptor_left(), pytest.raises(DownloadFailed) as caught:
        read(storage, listing)
    assert "/" not in caught.value.reason


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_of_files_ends_before_the_one_that_is_not_what_was_listed(
    photos_dir: Path, storage: Storage, outside: Path, change: Callable[[Path, Path], None]
) -> None:
    names = [f"sub/{number}.jpg" for number in range(5)]
    album = make_album(photos_dir, {name: name.encode() for name in names})
    listing = listed(storage)
    change(album / names[3], outside)
    with no_descriptor_left(), storage.files(ARCHIVE, listing) as files:
        with pytest.raises(DownloadFailed) as caught:
            read(files, listing, *range(5))
        if caught.value.source == 3:  # or else its directory is what changed
            expected = [names[number].encode() for number in (0, 1, 2, 4)]
            assert read(files, listing, 0, 1, 2, 4) == expected
    assert caught.value.source in (0, 3)


def test_files_are_read_in_the_order_asked_for(photos_dir: Path, storage: Storage) -> None:
    names = ["0.jpg", "a/1.jpg", "a/2.jpg", "a/b/3.jpg", "a/b/4.jpg", "c/", "d/5.jpg", "d/6.jpg"]
    make_album(photos_dir, {name: b"" if name.endswith("/") else name.encode() for name in names})
    listing = listed(storage)
    sources = [listing.paths.index(name.encode()) for name in names]
    with no_descriptor_left(), storage.files(ARCHIVE, listing) as files:
        found = read(files, listing, *sources, *reversed(sources))
    contents = [b"" if name.endswith("/") else name.encode() for name in names]
    assert found == [*contents, *reversed(contents)]


@pytest.mark.skipif(AS_COMPILED is NOTHING_COMPILED, reason="the optional part was not compiled")
def test_the_compiled_part_reads_an_album_in_one_call(photos_dir: Path) -> None:
    contents = {f"a/{number}.jpg": noise(number) for number in range(100)}
    contents |= {"a/b/c.jpg": b"x", "ab.jpg": b"xy", "ac/d.jpg": b"xyz"}
    album = make_album(photos_dir, {**contents, "b/": b""})
    listing = listed(LocalStorage(photos_dir, Exclusion(())))
    columns = (listing.sizes, listing.mtimes_ns, listing.change_tokens)
    ordered = array("L", range(len(listing)))
    positions = array("Q", accumulate(listing.sizes, initial=0))
    buffer = bytearray(positions.pop())

    def read_files(sources: array[int], positions: array[int]) -> int:
        place = memoryview(buffer)
        root, name = bytes(photos_dir), ARCHIVE.value.encode()
        return AS_COMPILED.read_files(root, name, listing.paths, sources, columns, place, positions)

    with no_descriptor_left():
        assert read_files(ordered, positions) == len(ordered)
        assert buffer == b"".join(contents.get(path.decode(), b"") for path in listing.paths)
        for beyond in (len(listing), 2**62):
            with pytest.raises(IndexError):
                read_files(array("L", [ordered[0], beyond]), positions[:2])
        for outside in (len(buffer), 2**64 - 1):
            with pytest.raises(IndexError):
                read_files(ordered[2:3], array("Q", [outside]))
        with pytest.raises(ValueError, match="different lengths"):
            read_files(ordered, positions[1:])
        for changed in ("a/b/c.jpg", "a/b", "a"):  # links, now, to what is the same
            (album / changed).rename(album / "moved")
            (album / changed).symlink_to(album / "moved")
            assert read_files(ordered, positions) == listing.paths.index(
                b"a/b/c.jpg" if changed != "a" else b"a/0.jpg"
            )
            (album / changed).unlink()
            (album / "moved").rename(album / changed)


def test_an_open_file_is_verified_again(photos_dir: Path, storage: Storage) -> None:
    album = make_album(photos_dir, {"sub/1.jpg": b"public"})
    with storage.files(ARCHIVE, listed(storage)) as files, files.open(0) as file:
        files.verify(file, 0)
        rewrite(album / "sub/1.jpg", album)
        with pytest.raises(SourceChanged):
            files.verify(file, 0)


def test_a_small_file_that_grows_by_what_another_loses_is_noticed(
    photos_dir: Path, storage: Storage
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"aaaa", "2.jpg": b"bb"})
    listing = listed(storage)
    (album / "1.jpg").rename(album / "swap")
    (album / "2.jpg").rename(album / "1.jpg")
    (album / "swap").rename(album / "2.jpg")
    with storage.files(ARCHIVE, listing) as files:
        for source in range(2):
            with pytest.raises(SourceChanged):
                read(files, listing, source)


def test_an_opened_file_outlives_its_album_files(photos_dir: Path, storage: Storage) -> None:
    make_album(photos_dir, {"1.jpg": b"x"})
    with storage.files(ARCHIVE, listed(storage)) as files:
        file: FileIO = files.open(0)
    with file:
        assert file.read() == b"x"


def test_no_opened_file_is_inherited(photos_dir: Path, storage: Storage) -> None:
    make_album(photos_dir, {"1.jpg": b"x"})
    with storage.files(ARCHIVE, listed(storage)) as files, files.open(0) as file:
        assert not os.get_inheritable(file.fileno())
        assert stat.S_ISREG(os.fstat(file.fileno()).st_mode)
