"""The data: albums made from a seed, the same on every machine."""

from __future__ import annotations

import ctypes
import mmap
import os
import random
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

KIB, MIB = 1024, 1024 * 1024
_READ = 4 * MIB


@dataclass(frozen=True)
class Album:
    """The recipe of an album."""

    name: str
    directories: int
    files: int
    """In each directory."""
    size: int
    """Bytes of each file."""
    is_sparse: bool = False
    """Nothing but holes, for what no disk would hold."""

    @property
    def count(self) -> int:
        """Files of the whole album."""
        return self.directories * self.files

    def described(self) -> str:
        """Return a description of the album."""
        size = f"{self.size // MIB} MiB" if self.size >= MIB else f"{self.size // KIB} KiB"
        inside = f" in {self.directories} directories" if self.directories > 1 else ""
        return f"{self.count:,} × {size}{inside}"


def make(photos: Path, album: Album) -> Path:
    """Make an album unless it exists; return its path."""
    path = photos / album.name
    if path.exists():
        return path
    unfinished = photos / f"{album.name}.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    for number in range(album.directories):
        directory = unfinished / f"day {number:03d}"
        directory.mkdir(parents=True)
        if album.is_sparse:
            _fill_with_holes(directory, album)
        else:
            _fill_with_noise(directory, album)
    unfinished.rename(path)
    return path


def make_linked(photos: Path, album: Album) -> Path:
    """Make the same album with a symbolic link in it, which has it listed for each request."""
    path = photos / f"{album.name}-linked"
    if path.exists():
        return path
    unfinished = photos / f"{path.name}.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(make(photos, album), unfinished, copy_function=os.link)
    target = next(files(unfinished))
    (target.parent / "link.JPG").symlink_to(target.name)
    unfinished.rename(path)
    return path


def _fill_with_holes(directory: Path, album: Album) -> None:
    for number in range(album.files):
        path = directory / f"IMG_{number:04d}.JPG"
        path.touch()
        os.truncate(path, album.size)


def _fill_with_noise(directory: Path, album: Album) -> None:
    noise = random.Random(f"{album.name}/{directory.name}").randbytes(2 * MIB)
    for number in range(album.files):
        start = number * 1009 % MIB
        data = (noise[start:] * (album.size // MIB + 1))[: album.size]
        (directory / f"IMG_{number:04d}.JPG").write_bytes(data)


def files(path: Path) -> Iterator[Path]:
    """Yield the files of an album."""
    for directory, _, names in os.walk(path):
        for name in names:
            yield Path(directory, name)


def checksums(path: Path) -> list[int]:
    """Return the CRC-32 of each file, sorted."""
    return sorted(zlib.crc32(file.read_bytes()) for file in files(path))


def warm(path: Path) -> None:
    """Read a file, or a directory's files, so that they are in the page cache."""
    buffer = bytearray(_READ)
    for file in [path] if path.is_file() else files(path):
        with file.open("rb", buffering=0) as stream:
            while stream.readinto(buffer):
                pass


def evict(path: Path) -> None:
    """Take an album's files out of the page cache."""
    os.sync()  # what is not written yet stays
    for file in files(path):
        descriptor = os.open(file, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


@contextmanager
def pinned(path: Path) -> Iterator[None]:
    """Lock an album's files in memory: some systems drop pages after seconds without use.

    Raise OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
    libc.mlock.argtypes = libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    maps: list[tuple[int, int]] = []
    try:
        for file in files(path):
            with file.open("rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                address = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, stream.fileno(), 0)
            if address == ctypes.c_void_p(-1).value:
                raise OSError(ctypes.get_errno(), "mmap failed")
            maps.append((address, size))
            if libc.mlock(address, size):
                raise OSError(ctypes.get_errno(), "mlock failed")
        yield
    finally:
        for address, size in maps:
            libc.munmap(address, size)
