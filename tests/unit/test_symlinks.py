"""Symbolic links in an album are followed within the same album only."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.albums import HASH, make_album

from archive_service.archive.errors import SourceChanged, StorageUnavailable
from archive_service.archive.fingerprint import fingerprint_of
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.observe.events import Event
from archive_service.observe.storage_events import LinkSkipped
from archive_service.storage.excluded_names import DEFAULT_PATTERNS, Exclusion
from archive_service.storage.local import listing_builder
from archive_service.storage.local.native import AS_COMPILED, NOTHING_COMPILED, NativeCalls
from archive_service.storage.local.storage import LocalStorage

ARCHIVE = ArchiveId(HASH)
SECRET = b"secret"


@pytest.fixture(params=[AS_COMPILED, NOTHING_COMPILED], ids=["as compiled", "in Python"])
def native(request: pytest.FixtureRequest) -> NativeCalls:
    return request.param


def reasons(happened: list[Event]) -> list[str]:
    return [event.reason for event in happened if isinstance(event, LinkSkipped)]


@pytest.fixture
def happened() -> list[Event]:
    return []


@pytest.fixture
def storage(photos_dir: Path, native: NativeCalls, happened: list[Event]) -> LocalStorage:
    return LocalStorage(
        photos_dir,
        Exclusion(DEFAULT_PATTERNS),
        native,
        observe=happened.append,
    )


@pytest.fixture
def outside(photos_dir: Path) -> Path:
    """What no visitor of the album may see: another album beside it."""
    return make_album(photos_dir, {"secret.jpg": SECRET, "d/secret.jpg": SECRET}, "other")


def contents(storage: LocalStorage, listing: Listing | None = None) -> dict[str, bytes]:
    """Read an album, each file in both ways that a storage has."""
    listing = listing or storage.list(ARCHIVE)
    found = {}
    with storage.files(ARCHIVE, listing) as files:
        for source, path in enumerate(listing.paths):
            buffer = bytearray(listing.sizes[source])
            files.read_into(memoryview(buffer), [source], [0])
            if not path.endswith(b"/"):
                with files.open(source) as file:
                    assert file.read() == buffer
            found[os.fsdecode(path)] = bytes(buffer)
    return found


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("link", "1.jpg"),
        ("link", "./1.jpg"),
        ("link", "d/../1.jpg"),
        ("link", "d//.././/1.jpg"),
        ("d/link", "../1.jpg"),
        ("d/e/link", "../../1.jpg"),
        ("link", "chain"),
        ("link", "e/../1.jpg"),
        ("link", "{album}/1.jpg"),
        ("link", "{album}/d/../1.jpg"),
        ("d/link", "{album}//chain"),
    ],
)
def test_a_link_to_a_file_of_the_album_is_that_file(
    photos_dir: Path, storage: LocalStorage, happened: list[Event], link: str, target: str
) -> None:
    files = {"1.jpg": b"one", "d/e/2.jpg": b"two"}
    album = make_album(photos_dir, files)
    (album / "e").symlink_to("d")
    (album / "chain").symlink_to("e/../1.jpg")
    (album / link).symlink_to(target.format(album=album))
    found = contents(storage)
    assert found[link] == b"one"
    assert found["d/e/2.jpg"] == found["e/e/2.jpg"] == b"two"
    assert not reasons(happened)


def test_an_album_is_named_by_where_its_root_really_is_too(
    photos_dir: Path, tmp_path: Path, native: NativeCalls
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"one"})
    (tmp_path / "root").symlink_to(photos_dir)
    (album / "a.jpg").symlink_to(album / "1.jpg")
    (album / "b.jpg").symlink_to(tmp_path / "root" / HASH / "1.jpg")
    storage = LocalStorage(tmp_path / "root", Exclusion(()), native)
    assert contents(storage) == dict.fromkeys(("1.jpg", "a.jpg", "b.jpg"), b"one")


def test_a_link_to_a_directory_of_the_album_has_all_below_it(
    photos_dir: Path, storage: LocalStorage
) -> None:
    album = make_album(photos_dir, {"d/1.jpg": b"one", "d/e/2.jpg": b"two", "d/empty/": b""})
    (album / "d/3.jpg").symlink_to("e/2.jpg")
    (album / "link").symlink_to("d")
    below = {"": b"", "1.jpg": b"one", "e/2.jpg": b"two", "3.jpg": b"two", "empty/": b""}
    expected = {f"{top}/{name}": data for top in ("d", "link") for name, data in below.items()}
    assert contents(storage) == expected


@pytest.mark.parametrize(
    ("link", "target", "reason"),
    [
        ("link", "../other/secret.jpg", "outside"),
        ("link", "../other", "outside"),
        ("link", "..", "outside"),
        ("link", f"../{HASH}/1.jpg", "outside"),  # by a way that leads out
        ("link", "{outside}/secret.jpg", "outside"),
        ("link", "{album}x/1.jpg", "outside"),
        ("link", "{album}/../other/secret.jpg", "outside"),
        ("link", "/", "outside"),
        ("link", "/etc/passwd", "outside"),
        ("link", "d/../../other/secret.jpg", "outside"),
        ("d/link", "../../other/secret.jpg", "outside"),
        ("d/link", "../out", "outside"),
        ("link", "out", "outside"),
        ("link", "outdir/secret.jpg", "outside"),
        ("link", "missing", "broken"),
        ("link", "1.jpg/x", "broken"),
        ("link", "x" * 300, "broken"),
        ("link", "link", "loop"),
        ("link", "d/../link", "loop"),
        ("link", ".", "loop"),
        ("d/link", ".", "loop"),
        ("d/link", "..", "loop"),
        ("link", ".hidden/1.jpg", "excluded"),
        ("link", "1.jpg.part", "excluded"),
        ("link", "d/.hidden", "excluded"),
        ("link", "fifo", "no file"),
    ],
)
def test_a_link_that_leads_elsewhere_is_left_out(
    photos_dir: Path,
    storage: LocalStorage,
    happened: list[Event],
    outside: Path,
    link: str,
    target: str,
    reason: str,
) -> None:
    files = {"1.jpg": b"one", "d/2.jpg": b"two"}
    hidden = {".hidden/1.jpg": SECRET, "1.jpg.part": SECRET, "d/.hidden": SECRET}
    album = make_album(photos_dir, {**files, **hidden})
    os.mkfifo(album / "fifo")
    (album / "out").symlink_to("../other/secret.jpg")
    (album / "outdir").symlink_to(outside)
    (album / link).symlink_to(target.format(album=album, outside=outside))
    assert contents(storage) == files
    assert sorted(reasons(happened)) == sorted(["outside", "outside", reason])


def test_a_link_below_a_linked_directory_multiplies_nothing(
    photos_dir: Path, storage: LocalStorage, happened: list[Event]
) -> None:
    album = make_album(photos_dir, {"a/1.jpg": b"one", "b/2.jpg": b"two"})
    (album / "a/b").symlink_to("../b")
    (album / "b/a").symlink_to("../a")
    assert contents(storage) == {
        "a/1.jpg": b"one",
        "a/b/2.jpg": b"two",
        "b/2.jpg": b"two",
        "b/a/1.jpg": b"one",
    }
    assert set(reasons(happened)) <= {"nested", "loop"}


def test_links_to_too_much_are_an_error_and_no_endless_work(
    photos_dir: Path, storage: LocalStorage
) -> None:
    album = make_album(photos_dir, {f"d/{number}": b"" for number in range(1000)})
    for number in range(listing_builder.MAX_LINKED // 1000 + 1):
        (album / f"link{number}").symlink_to("d")
    with pytest.raises(StorageUnavailable) as caught:
        storage.list(ARCHIVE)
    assert caught.value.reason == "too many links"


def test_a_link_that_is_left_out_is_told_of_once(
    photos_dir: Path, storage: LocalStorage, happened: list[Event], outside: Path
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"one"})
    (album / "a").symlink_to(outside)
    (album / "b").symlink_to("missing")
    for _ in range(3):
        storage.list(ARCHIVE)
    assert sorted(reasons(happened)) == ["broken", "outside"]


def test_no_link_is_followed_where_none_may_be(photos_dir: Path, native: NativeCalls) -> None:
    album = make_album(photos_dir, {"1.jpg": b"one", "d/2.jpg": b"two"})
    (album / "link").symlink_to("1.jpg")
    (album / "e").symlink_to("d")
    happened: list[Event] = []
    storage = LocalStorage(
        photos_dir,
        Exclusion(()),
        native,
        symlinks="never",
        observe=happened.append,
    )
    assert contents(storage) == {"1.jpg": b"one", "d/2.jpg": b"two"}
    links = (album / "link", album / "e")
    assert set(happened) == {LinkSkipped(ARCHIVE, link.lstat().st_ino, "never") for link in links}
    assert len(happened) == len(links)


def swap_the_link(album: Path, outside: Path) -> None:
    (album / "link").unlink()
    (album / "link").symlink_to(outside / "secret.jpg")


def test_a_link_swapped_after_it_was_listed_changes_nothing(
    photos_dir: Path, storage: LocalStorage, outside: Path
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"one"})
    (album / "link").symlink_to("1.jpg")
    listing = storage.list(ARCHIVE)
    swap_the_link(album, outside)
    assert contents(storage, listing)["link"] == b"one"
    assert set(contents(storage)) == {"1.jpg"}


def put_a_link_in_its_place(album: Path, outside: Path) -> None:
    (album / "d/1.jpg").unlink()
    (album / "d/1.jpg").symlink_to(outside / "d/secret.jpg")


def put_a_link_in_its_directorys_place(album: Path, outside: Path) -> None:
    (album / "d").rename(album / "z")
    (outside / "d/1.jpg").write_bytes(SECRET)
    (album / "d").symlink_to(outside / "d")


@pytest.mark.parametrize("swap", [put_a_link_in_its_place, put_a_link_in_its_directorys_place])
def test_a_link_swapped_into_the_way_to_a_target_is_not_followed(
    photos_dir: Path,
    storage: LocalStorage,
    outside: Path,
    swap: Callable[[Path, Path], None],
) -> None:
    album = make_album(photos_dir, {"d/1.jpg": SECRET[::-1]})
    (album / "link").symlink_to("d/1.jpg")
    listing = storage.list(ARCHIVE)
    source = listing.paths.index(b"link")
    swap(album, outside)
    with storage.files(ARCHIVE, listing) as files, pytest.raises(SourceChanged):
        files.open(source)


def test_a_target_that_was_renamed_makes_another_listing(
    photos_dir: Path, storage: LocalStorage
) -> None:
    album = make_album(photos_dir, {"d/1.jpg": b"one", "d/2.jpg": b"two"})
    (album / "link").symlink_to("d")
    before = fingerprint_of(storage.list(ARCHIVE))
    (album / "d").rename(album / "z")
    (album / "link").unlink()
    (album / "link").symlink_to("z")
    after = storage.list(ARCHIVE)
    assert fingerprint_of(after) != before
    assert contents(storage, after)["link/1.jpg"] == b"one"


def test_links_leave_no_descriptor_open(
    photos_dir: Path, storage: LocalStorage, outside: Path
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"one", "d/2.jpg": b"two"})
    for name, target in (("a", "1.jpg"), ("b", "d"), ("c", "missing"), ("e", str(outside))):
        (album / name).symlink_to(target)
    before = len(os.listdir("/proc/self/fd"))
    contents(storage)
    assert len(os.listdir("/proc/self/fd")) == before
