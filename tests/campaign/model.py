"""The albums of the soak: what they hold, and what befalls them.

Each change is made on the disk and in memory, so it is known at any time what an archive must hold.
"""

from __future__ import annotations

import mmap
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import BinaryIO

from archive_service.archive.listing import CLOCK_TICK_NS
from archive_service.archive.segments import LARGE_FILE_BYTES

_SIZES = (0, 1, 100, 5_000, LARGE_FILE_BYTES - 1, LARGE_FILE_BYTES, 300_000, 2_000_000, 4_000_000)
_DIRECTORIES = ("", "", "day 1/", "день/")
_MOST_FILES = 10
_NS_PER_S = 1_000_000_000


@dataclass
class Upload:
    """A file that its program has open, and what is still to be written."""

    file: BinaryIO
    name: str
    data: bytes
    order: list[int]
    """The pieces to come, by number."""


_PIECES = 4
_BLOCK_BYTES = 4096
"""Of a file system: what was never written to is a hole."""


@dataclass
class Album:
    """An album; `version` counts what can be seen of it from outside."""

    path: Path
    contents: dict[str, bytes] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    is_there: bool = False
    version: int = 0
    is_doubtful: bool = False
    """Whether a file has another content under its old size and time, and was not read since."""
    upload: object | None = None
    """An upload under way, of the kind that those changes make."""

    @property
    def name(self) -> str:
        return self.path.name

    def has_gap(self) -> bool:
        """Return whether an upload that broke off may have left a hole in a file.

        It may also have left zeros at both ends.
        """
        return any(map(_has_gap, self.contents.values()))


def _has_gap(data: bytes) -> bool:
    blocks = [data[at : at + _BLOCK_BYTES] for at in range(0, len(data), _BLOCK_BYTES)]
    ends = data[:_BLOCK_BYTES] + data[-_BLOCK_BYTES:]
    return any(not block.strip(b"\0") for block in [*blocks, ends])


class Changes:
    """Makes random changes of albums."""

    def __init__(
        self, chance: Random, others: Path, *, may_forbid: bool, smallest: int = 0
    ) -> None:
        """`others` is a directory on the same file system, for what is in no album."""
        self._chance = chance
        self._smallest = smallest
        self._sizes = [size for size in _SIZES if size >= smallest]
        self._others = others
        self._numbers = count()
        self._all: list[Callable[[Album], None]] = [
            self._add,
            self._add,
            self._remove,
            self._truncate,
            self._grow,
            self._replace,
            self._rewrite,
            self._move,
            self._litter,
            self._give_to_its_owner,
            self._link_elsewhere,
            self._relabel,
            self._copy_over,
            self._add_twin,
            self._exchange,
            self._rewrite_mapped,
            self._fill_hole,
            self._become_directory,
            self._date_ahead,
            *([self._forbid] if may_forbid else []),
        ]

    def make(self, album: Album) -> str:
        """Let something happen to an album; return its name."""
        if album.upload:
            change = self._go_on_with_upload
        elif not album.is_there:
            change = self._appear
        elif self._chance.random() < 0.03:
            change = self._disappear
        else:
            change = self._chance.choice(self._all)
        change(album)
        # Two changes within one step of the file system's clock look the same.
        time.sleep(CLOCK_TICK_NS / 1e9 + 0.001)
        return change.__name__

    def _appear(self, album: Album) -> None:
        album.path.mkdir()
        album.is_there = True
        for _ in range(self._chance.randrange(_MOST_FILES)):
            self._add(album)
        album.version += 1

    def _disappear(self, album: Album) -> None:
        shutil.rmtree(album.path)
        album.is_there = False
        album.contents.clear()
        album.unreadable.clear()
        album.version += 1

    def _add(self, album: Album) -> None:
        if len(album.contents) >= _MOST_FILES:
            return
        name = f"{self._chance.choice(_DIRECTORIES)}{self._chance.randrange(10**6)}.jpg"
        if name not in album.contents:
            self._write(album, name, self._data(self._chance.choice(self._sizes)))

    def _write(self, album: Album, name: str, data: bytes) -> None:
        path = album.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        album.contents[name] = data
        album.version += 1

    def _remove(self, album: Album) -> None:
        if name := self._some_file(album):
            self._unlink(album, name)
            album.version += 1

    def _unlink(self, album: Album, name: str) -> None:
        path = album.path / name
        path.unlink()
        del album.contents[name]
        album.unreadable.discard(name)
        if path.parent != album.path and not any(path.parent.iterdir()):
            path.parent.rmdir()  # or else it were an entry of its own

    def _truncate(self, album: Album) -> None:
        if name := self._some_file(album):
            data = album.contents[name]
            size = self._chance.randrange(min(self._smallest, len(data)), len(data) + 1)
            os.truncate(album.path / name, size)
            album.contents[name] = data[:size]
            self._note_in_place(album)

    def _grow(self, album: Album) -> None:
        if name := self._some_file(album):
            more = self._data(self._chance.randrange(1, 3000))
            with (album.path / name).open("ab") as file:
                file.write(more)
            album.contents[name] += more
            album.version += 1

    def _replace(self, album: Album) -> None:
        if name := self._some_file(album):
            path = album.path / name
            status = path.stat()
            data = self._data(status.st_size)
            other = path.with_name(".other.tmp")
            other.write_bytes(data)
            os.utime(other, ns=(0, status.st_mtime_ns))
            other.replace(path)
            album.contents[name] = data
            album.unreadable.discard(name)
            album.version += 1
            album.is_doubtful = True

    def _rewrite(self, album: Album) -> None:
        if name := self._some_file(album):
            path = album.path / name
            status = path.stat()
            data = self._data(status.st_size)
            with path.open("r+b") as file:
                file.write(data)
            os.utime(path, ns=(0, status.st_mtime_ns))
            album.contents[name] = data
            self._note_in_place(album)

    def _move(self, album: Album) -> None:
        if name := self._some_file(album):
            other = f"{self._chance.randrange(10**6)}.png"
            data, is_forbidden = album.contents[name], name in album.unreadable
            os.link(album.path / name, album.path / other)
            self._unlink(album, name)
            album.contents[other] = data
            album.unreadable |= {other} if is_forbidden else set()
            album.version += 1

    def _forbid(self, album: Album) -> None:
        """Make a file unreadable, or those that are readable again."""
        names = album.unreadable or {self._some_file(album)} - {None}
        mode = 0o644 if album.unreadable else 0
        for name in names:
            (album.path / str(name)).chmod(mode)
        album.unreadable = set() if mode else {str(name) for name in names}
        album.version += 1

    def _litter(self, album: Album) -> None:
        """Add what no archive has."""
        (album.path / f"{self._chance.randrange(5)}.part").write_bytes(b"half")

    def _give_to_its_owner(self, album: Album) -> None:
        """Move all ctimes and no byte, as `chown -R` does."""
        for path in (album.path, *album.path.rglob("*")):
            os.chown(path, os.getuid(), os.getgid())

    def _link_elsewhere(self, album: Album) -> None:
        """Give each file one more name, as `cp -al` does."""
        for name in album.contents:
            os.link(album.path / name, self._others / f"{next(self._numbers)}")

    def _relabel(self, album: Album) -> None:
        for name in album.contents:
            os.setxattr(album.path / name, "user.label", self._data(5))

    def _copy_over(self, album: Album) -> None:
        """Replace the album by a copy of the same bytes and times.

        Of a file that was never read nobody knows whether it is the same.
        """
        copy, old = (self._others / f"{next(self._numbers)}" for _ in range(2))
        shutil.copytree(album.path, copy, symlinks=True)
        album.path.rename(old)
        copy.rename(album.path)
        shutil.rmtree(old)
        album.version += 1

    def _add_twin(self, album: Album) -> None:
        """Add a file of the size and time of another."""
        name = self._some_file(album)
        if name and len(album.contents) < _MOST_FILES:
            twin = f"{self._chance.randrange(10**6)}.twin.jpg"
            self._write(album, twin, self._data(len(album.contents[name])))
            os.utime(album.path / twin, ns=(0, (album.path / name).stat().st_mtime_ns))

    def _exchange(self, album: Album) -> None:
        """Let two files swap their names, those of one size if there are any."""
        names = sorted(set(album.contents) - album.unreadable)
        pairs = [(a, b) for a in names for b in names if a < b]
        twins = [(a, b) for a, b in pairs if len(album.contents[a]) == len(album.contents[b])]
        if not pairs:
            return
        one, other = self._chance.choice(twins or pairs)
        aside = self._others / f"{next(self._numbers)}"
        (album.path / one).rename(aside)
        (album.path / other).rename(album.path / one)
        aside.rename(album.path / other)
        contents = album.contents
        contents[one], contents[other] = contents[other], contents[one]
        album.version += 1
        album.is_doubtful = True

    def _rewrite_mapped(self, album: Album) -> None:
        name = self._some_file(album)
        if name and album.contents[name]:
            path = album.path / name
            status = path.stat()
            data = self._data(status.st_size)
            with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
                mapped[:] = data
            os.utime(path, ns=(0, status.st_mtime_ns))
            album.contents[name] = data
            self._note_in_place(album)

    def _fill_hole(self, album: Album) -> None:
        """Fill the hole at the end of a file, and put its time back."""
        if name := self._some_file(album):
            path = album.path / name
            size, hole = len(album.contents[name]), self._chance.randrange(1, 300_000)
            os.truncate(path, size + hole)
            status = path.stat()
            data = self._data(hole)
            with path.open("r+b") as file:
                file.seek(size)
                file.write(data)
            os.utime(path, ns=(0, status.st_mtime_ns))
            album.contents[name] += data
            self._note_in_place(album)

    def _become_directory(self, album: Album) -> None:
        name = self._some_file(album)
        if name and name.endswith(".jpg") and "/" not in name:
            data = album.contents[name]
            self._unlink(album, name)
            self._write(album, f"{name}/{self._chance.randrange(10**6)}.png", data)

    def _date_ahead(self, album: Album) -> None:
        if name := self._some_file(album):
            ahead_ns = time.time_ns() + self._chance.randrange(1, 10**6) * _NS_PER_S
            os.utime(album.path / name, ns=(0, ahead_ns))
            album.version += 1

    def begin_upload(self, album: Album) -> None:
        """Open a new file, and write a part of it or none."""
        data = self._data(self._chance.choice((5_000, 300_000, 2_000_000)))
        name = f"{self._chance.randrange(10**6)}.upload.jpg"
        order = list(range(_PIECES))
        file = (album.path / name).open("wb")
        album.upload = upload = Upload(file, name, data, order)
        if self._chance.random() < 0.5:  # as aria2 does
            file.truncate(len(data))
            self._chance.shuffle(order)
        self._go_on(album, upload)

    def _go_on_with_upload(self, album: Album) -> None:
        if isinstance(album.upload, Upload):
            self._go_on(album, album.upload)

    def _go_on(self, album: Album, upload: Upload) -> None:
        """Write the next piece; close the file behind the last, or sometimes before it."""
        if upload.order and self._chance.random() < 0.9:
            size = -(-len(upload.data) // _PIECES)
            start = upload.order.pop(0) * size
            upload.file.seek(start)
            upload.file.write(upload.data[start : start + size])
            upload.file.flush()
            return
        upload.file.close()
        album.contents[upload.name] = (album.path / upload.name).read_bytes()
        album.upload = None
        album.version += 1

    def remove_links(self) -> None:
        """Remove the other names of files; those that were replaced take up the disk."""
        shutil.rmtree(self._others)
        self._others.mkdir()

    def end_uploads(self, albums: Iterable[Album]) -> None:
        """Close the files that are being uploaded."""
        for album in albums:
            while isinstance(album.upload, Upload):
                self._go_on(album, album.upload)

    def swap(self, one: Album, other: Album) -> None:
        """Rename two albums into each other."""
        if not (one.is_there and other.is_there) or one is other or one.upload or other.upload:
            return
        aside = self._others / f"{next(self._numbers)}"
        one.path.rename(aside)
        other.path.rename(one.path)
        aside.rename(other.path)
        one.contents, other.contents = other.contents, one.contents
        one.unreadable, other.unreadable = other.unreadable, one.unreadable
        for album in (one, other):
            album.version += 1
            album.is_doubtful = True

    def _note_in_place(self, album: Album) -> None:
        album.version += 1
        album.is_doubtful = True

    def _some_file(self, album: Album) -> str | None:
        """Choose a file, rather a large one: it is more often under way."""
        names = sorted(album.contents)
        weights = [len(album.contents[name]) + LARGE_FILE_BYTES for name in names]
        return self._chance.choices(names, weights)[0] if names else None

    def _data(self, size: int) -> bytes:
        """Make data that is no zeros, which would look like an upload."""
        return b"\xff"[:size] + self._chance.randbytes(max(size - 1, 0))
