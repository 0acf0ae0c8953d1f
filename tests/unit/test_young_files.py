"""Looks at the files of an album for signs that they are not whole."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from harness.albums import HASH, make_album, noise
from harness.server import environment

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.archive.settling import LOOKED_AT_S, OPEN_S, YOUNG_S, UploadSign
from archive_service.observe.events import Event
from archive_service.observe.storage_events import OpenFileIgnored
from archive_service.storage.excluded_names import DEFAULT_PATTERNS, Exclusion
from archive_service.storage.local.native import AS_COMPILED, NOTHING_COMPILED, NativeCalls
from archive_service.storage.local.read_lease import Lease, Leases, NoLeases
from archive_service.storage.local.storage import LocalStorage
from archive_service.storage.local.unclosed_files import UnclosedFiles
from archive_service.storage.local.young_files import YoungFiles

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
ARCHIVE = ArchiveId(HASH)


@pytest.fixture(params=[AS_COMPILED, NOTHING_COMPILED], ids=["compiled", "in Python"])
def native(request: pytest.FixtureRequest) -> NativeCalls:
    """Both ways of looking at files, which find the same."""
    found: NativeCalls = request.param
    return found


class Look:
    """Looks at one album, `later_s` seconds from now."""

    def __init__(
        self, photos_dir: Path, native: NativeCalls, leases: Leases | NoLeases | None = None
    ) -> None:
        self.events: list[Event] = []
        self.written = UnclosedFiles()
        self._storage = LocalStorage(photos_dir, Exclusion(DEFAULT_PATTERNS))
        self._writers = YoungFiles(
            photos_dir, leases or Leases(), self.written, self.events.append, native
        )

    def listing(self) -> Listing:
        return self._storage.list(ARCHIVE)

    def sign(self, *, later_s: float = 0.0, listing: Listing | None = None) -> UploadSign | None:
        now_ns = time.time_ns() + int(later_s * 1e9)
        return self._writers.sign(ARCHIVE, listing or self.listing(), now_ns=now_ns)


@pytest.mark.parametrize("name", ["1.jpg", "a/b/1.jpg", ".1.jpg.AbC123", "a/1.jpg.part"])
def test_an_open_file_shows_for_a_while(photos_dir: Path, native: NativeCalls, name: str) -> None:
    album = make_album(photos_dir, {"a/b/0.jpg": b"zero", name: b"x"})
    look = Look(photos_dir, native)
    assert look.sign() is None
    with (album / name).open("ab") as file:
        assert look.sign() is UploadSign.OPEN
        assert look.sign(later_s=OPEN_S - 60) is UploadSign.OPEN
        assert not look.events
        assert look.sign(later_s=OPEN_S + 60) is None
        assert look.sign(later_s=OPEN_S + 61) is None
        assert look.events == [OpenFileIgnored(ARCHIVE)]
        file.write(b"more")
        file.flush()
        assert look.sign() is UploadSign.OPEN
    assert look.sign() is None


def test_a_shared_mapping_is_open_for_writing(photos_dir: Path, native: NativeCalls) -> None:
    import mmap  # noqa: PLC0415

    album = make_album(photos_dir, {"1.jpg": bytes(range(256))})
    with (album / "1.jpg").open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    look = Look(photos_dir, native)
    assert look.sign() is UploadSign.OPEN
    mapped.close()
    assert look.sign() is None


@pytest.mark.parametrize("order", [("1.jpg", "2.jpg"), ("2.jpg", "1.jpg")])
def test_an_open_file_counts_more_than_one_of_zeros(
    photos_dir: Path, native: NativeCalls, order: tuple[str, str]
) -> None:
    zeros, written = order
    album = make_album(photos_dir, {zeros: bytes(5_000), written: b"x"})
    look = Look(photos_dir, native)
    assert look.sign() is UploadSign.ZEROS
    with (album / written).open("ab"):
        assert look.sign() is UploadSign.OPEN


def test_old_files_are_not_opened(photos_dir: Path, native: NativeCalls) -> None:
    album = make_album(photos_dir, {"1.jpg": b"one"})
    look = Look(photos_dir, native)
    listing = look.listing()
    (album / "1.jpg").unlink()  # a look would not find it
    assert look.sign(listing=listing) is UploadSign.CHANGED
    assert look.sign(listing=listing, later_s=LOOKED_AT_S + 60) is None


def test_a_change_since_the_listing_shows(photos_dir: Path, native: NativeCalls) -> None:
    album = make_album(photos_dir, {"1.jpg": b"one"})
    look = Look(photos_dir, native)
    listing = look.listing()
    (album / "1.jpg").write_bytes(b"whole")
    assert look.sign(listing=listing) is UploadSign.CHANGED


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_takes_the_place_of_a_file_is_a_change(
    photos_dir: Path, native: NativeCalls, make: Callable[[Path], None]
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"one"})
    look = Look(photos_dir, native)
    listing = look.listing()
    (album / "1.jpg").unlink()
    make(album / "1.jpg")
    assert look.sign(listing=listing) is UploadSign.CHANGED


@pytest.mark.parametrize(
    ("data", "sign"),
    [
        (bytes(100_000), UploadSign.ZEROS),
        (bytes(1), UploadSign.ZEROS),
        (bytes(4096) + noise(10_000) + bytes(4096), UploadSign.ZEROS),
        (bytes(4095) + noise(10_000) + bytes(4096), None),
        (bytes(4096) + noise(10_000) + bytes(4095), None),
        (b"\xff\xd8" + bytes(100_000), None),
        (b"", None),
    ],
)
def test_zeros_at_both_ends_of_a_young_file_show(
    photos_dir: Path, native: NativeCalls, data: bytes, sign: UploadSign | None
) -> None:
    make_album(photos_dir, {"1.jpg": data})
    look = Look(photos_dir, native)
    assert look.sign() is sign
    assert look.sign(later_s=YOUNG_S + 1) is None


def leave_a_hole(file: IO[bytes]) -> None:
    file.truncate(1_000_000)


def allocate_more(file: IO[bytes]) -> None:
    os.posix_fallocate(file.fileno(), 0, 1_000_000)


@pytest.mark.parametrize("leave", [leave_a_hole, allocate_more])
@pytest.mark.parametrize("end", [b"", b"the last piece"])
def test_holes_of_a_young_file_show(
    photos_dir: Path, native: NativeCalls, leave: Callable[[IO[bytes]], None], end: bytes
) -> None:
    path = make_album(photos_dir, {"1.jpg": noise(100_000)}) / "1.jpg"
    look = Look(photos_dir, native)
    with path.open("r+b") as file:
        leave(file)
        file.seek(-len(end), os.SEEK_END)
        file.write(end)
    assert look.sign() is UploadSign.HOLES
    assert look.sign(later_s=YOUNG_S + 1) is None
    path.write_bytes(noise(1_000_000))
    assert look.sign() is None


def test_what_was_written_to_shows_where_leases_tell_nothing(
    photos_dir: Path, native: NativeCalls
) -> None:
    album = make_album(photos_dir, {"a/1.jpg": b"one", "2.jpg": b"two"})
    look = Look(photos_dir, native, NoLeases())
    assert look.sign() is None
    look.written.note_made(1, HASH, "1.jpg")
    assert look.sign() is None  # it was linked
    look.written.note_written(1, HASH, "1.jpg")
    assert look.sign() is UploadSign.OPEN
    os.link(album / "a/1.jpg", album / "3.jpg")
    assert look.sign() is None
    (album / "a/1.jpg").write_bytes(b"one")
    look.written.note_written(1, HASH, "1.jpg")
    assert look.sign() is UploadSign.OPEN
    look.written.note_closed(1, HASH, "1.jpg")
    assert look.sign() is None


def test_a_lease_that_is_free_counts_more_than_what_was_reported(
    photos_dir: Path, native: NativeCalls
) -> None:
    make_album(photos_dir, {"1.jpg": b"one"})
    look = Look(photos_dir, native)
    look.written.note_written(1, HASH, "1.jpg")
    assert look.sign() is None


def test_a_file_that_may_not_be_whole_ends_the_look_at_many(photos_dir: Path) -> None:
    if AS_COMPILED is NOTHING_COMPILED:
        pytest.skip("nothing is compiled")
    content = {"1.jpg": b"one", "2.jpg": b"two", "a/3.jpg": bytes(8), "a/4.jpg": b"four"}
    album = make_album(photos_dir, content)
    storage = LocalStorage(photos_dir, Exclusion(DEFAULT_PATTERNS))
    listing = storage.list(ARCHIVE)
    sources = list(listing.files())
    young_from_ns = time.time_ns() - int(YOUNG_S * 1e9)

    def whole(*, young_from_ns: int = young_from_ns) -> int:
        with storage.files(ARCHIVE, listing) as files:
            return files.count_whole(sources, young_from_ns=young_from_ns)

    assert whole() == 2
    assert whole(young_from_ns=time.time_ns() + 10**9) == 4
    with (album / "2.jpg").open("ab"):
        assert whole() == 1
    (album / "1.jpg").write_bytes(b"other")
    assert whole() == 0
    (album / "1.jpg").unlink()
    assert whole() == 0


def test_a_lease_that_is_broken_harms_neither_side(tmp_path: Path) -> None:
    """A writer that comes at the wrong moment waits, and the signal of that ends nothing."""
    path = tmp_path / "1.jpg"
    path.write_bytes(b"x")
    writer = subprocess.Popen(
        [sys.executable, "-c", f"while 1: open({str(path)!r}, 'ab').close()"], env=environment()
    )
    try:
        descriptor = os.open(path, os.O_RDONLY)
        seen: set[Lease] = set()
        while not seen >= {Lease.FREE, Lease.WRITTEN}:
            seen |= {Leases().of(descriptor) for _ in range(1000)}
            assert writer.poll() is None
        os.close(descriptor)
    finally:
        writer.kill()
        writer.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_leases_on_files_of_others_are_denied(tmp_path: Path) -> None:
    path = tmp_path / "1.jpg"
    path.write_bytes(b"x")
    descriptor = os.open(path, os.O_RDONLY)
    pid = os.fork()
    if not pid:
        os.setuid(65534)
        os._exit(Leases().of(descriptor) is not Lease.DENIED)
    os.close(descriptor)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
