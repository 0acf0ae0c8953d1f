"""The index of checksums is never a reason to fail, whatever happens to its file.

The service remembers the checksums of the last listings.  A change of the album's own time, which
is no part of the archive, makes it ask the index again.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, noise, settle
from harness.conditions import eventually
from harness.http import get
from harness.oracle import contents_of
from harness.server import Server, serving

from archive_service.archive.id import ArchiveId
from archive_service.checksums.crc_index.sqlite import SqliteCrcIndex
from archive_service.checksums.known_files import ALBUM_PATH

FILES = {f"{number:03d}.bin": noise(3000 + number, seed=number) for number in range(60)}
FILES["large.bin"] = noise(1_000_000)
ROUNDS = 100
SMALL_DISK_BYTES = 1024 * 1024
TARGET = f"/archive/{HASH}/"


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    path = tmp_path / "cache"
    path.mkdir()
    return path


@pytest.fixture
def album(photos_dir: Path) -> Path:
    return settle(make_album(photos_dir, FILES))


def assert_right(server: Server, album: Path) -> None:
    """The album comes out right though the index had to be asked."""
    album.touch()
    settle(album)
    answer = get(server.port, TARGET)
    assert answer.status == 200
    assert contents_of(answer.content) == FILES
    assert server.process.poll() is None


def index_of(cache_dir: Path) -> Path:
    (path,) = cache_dir.glob("*.sqlite3")
    return path


def remembered(cache_dir: Path) -> int:
    """Count the files that the index on the disk knows."""
    with closing(SqliteCrcIndex(index_of(cache_dir), pytest.fail)) as index:
        return len(index.load(ArchiveId.parse(HASH)).keys() - {ALBUM_PATH})


@contextmanager
def small_disk(directory: Path) -> Iterator[None]:
    options = ["-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs"]
    mounted = subprocess.run(["mount", *options, str(directory)], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("this user may not mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def fill(directory: Path) -> None:
    with (directory / "filler").open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue


@pytest.mark.parametrize("is_full_at_start", [True, False])
def test_a_full_disk(
    photos_dir: Path, cache_dir: Path, album: Path, is_full_at_start: bool
) -> None:
    with small_disk(cache_dir):
        if is_full_at_start:
            fill(cache_dir)
        with serving(photos_dir, cache_dir) as server:
            assert_right(server, album)
            fill(cache_dir)
            # What is learned now finds no room.
            for number in range(30):
                path = album / f"{number:03d}.bin"
                path.write_bytes(path.read_bytes())
                assert_right(server, album)
            (cache_dir / "filler").unlink()
            assert_right(server, album)


def test_an_index_deleted_while_it_is_open(photos_dir: Path, cache_dir: Path, album: Path) -> None:
    with serving(photos_dir, cache_dir) as server:
        assert_right(server, album)
        for path in list(cache_dir.glob("*.sqlite3*")):
            path.unlink()
        for _ in range(5):
            assert_right(server, album)
            (album / "000.bin").write_bytes(FILES["000.bin"])


def test_a_directory_of_the_index_removed_while_it_is_open(
    photos_dir: Path, cache_dir: Path, album: Path
) -> None:
    with serving(photos_dir, cache_dir) as server:
        assert_right(server, album)
        for path in list(cache_dir.iterdir()):
            path.unlink()
        cache_dir.rmdir()
        for _ in range(5):
            assert_right(server, album)
            (album / "000.bin").write_bytes(FILES["000.bin"])


def flip_a_byte(path: Path, chance: random.Random) -> None:
    with path.open("r+b") as file:
        offset = chance.randrange(max(1, path.stat().st_size))
        file.seek(offset)
        byte = file.read(1) or b"\0"
        file.seek(offset)
        file.write(bytes([byte[0] ^ chance.randrange(1, 256)]))


def overwrite_the_header(path: Path, chance: random.Random) -> None:
    with path.open("r+b") as file:
        file.write(chance.randbytes(100))


def cut(path: Path, chance: random.Random) -> None:
    os.truncate(path, chance.randrange(path.stat().st_size + 1))


Spoil = Callable[[Path, random.Random], None]
HARMS = {
    "a byte": (flip_a_byte, ("", "-wal", "-shm")),
    "the header": (overwrite_the_header, ("", "-wal")),
    "its end": (cut, ("", "-wal")),
}


@pytest.mark.parametrize(("spoil", "suffixes"), HARMS.values(), ids=HARMS.keys())
def test_an_index_spoilt_again_and_again_while_it_is_open(
    photos_dir: Path, cache_dir: Path, album: Path, spoil: Spoil, suffixes: tuple[str, ...]
) -> None:
    chance = random.Random(1)
    with serving(photos_dir, cache_dir) as server:
        assert_right(server, album)
        for _ in range(ROUNDS):
            path = index_of(cache_dir)
            path = path.with_name(path.name + chance.choice(suffixes))
            if path.exists():
                spoil(path, chance)
            if chance.random() < 0.3:  # so that something is written too
                (album / "000.bin").write_bytes(FILES["000.bin"])
            assert_right(server, album)
    with serving(photos_dir, cache_dir) as server:
        assert_right(server, album)


def test_an_index_that_another_process_has_locked(
    photos_dir: Path, cache_dir: Path, album: Path
) -> None:
    with serving(photos_dir, cache_dir) as server:
        assert_right(server, album)
        eventually(lambda: remembered(cache_dir) == len(FILES))
        with closing(sqlite3.connect(index_of(cache_dir), isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            for number in range(2):
                (album / f"{number:03d}.bin").write_bytes(FILES[f"{number:03d}.bin"])
                assert_right(server, album)
            other.execute("ROLLBACK")
        (album / "003.bin").write_bytes(FILES["003.bin"])
        assert_right(server, album)
    assert remembered(cache_dir) == len(FILES)


def test_an_index_that_another_process_has_locked_at_the_start(
    photos_dir: Path, cache_dir: Path, album: Path
) -> None:
    with serving(photos_dir, cache_dir) as server:
        assert_right(server, album)
    with closing(sqlite3.connect(index_of(cache_dir), isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with serving(photos_dir, cache_dir) as server:
            assert_right(server, album)
            assert_right(server, album)
