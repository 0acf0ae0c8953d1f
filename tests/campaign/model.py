"""The albums of the soak: what they hold, and what befalls them.

Each change is made on the disk and in memory, so it is known at any time what an archive must hold.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from archive_service.archive.listing import CLOCK_TICK_NS
from archive_service.archive.segments import LARGE_FILE_BYTES

_SIZES = (0, 1, 100, 5_000, LARGE_FILE_BYTES - 1, LARGE_FILE_BYTES, 300_000, 2_000_000, 4_000_000)
_DIRECTORIES = ("", "", "day 1/", "день/")
_MOST_FILES = 10


@dataclass
class Album:
    """An album; `version` counts what can be seen of it from outside."""

    path: Path
    contents: dict[str, bytes] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    is_there: bool = False
    version: int = 0
    written_in_place: int = 0
    """The last version made by writing into a file that was there."""

    @property
    def name(self) -> str:
        return self.path.name


class Changes:
    """Makes random changes of albums."""

    def __init__(self, chance: Random, *, may_forbid: bool) -> None:
        self._chance = chance
        self._last_ns = 0
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
            *([self._forbid] if may_forbid else []),
        ]

    def make(self, album: Album) -> None:
        """Let something happen to an album."""
        self._wait_a_tick()
        if not album.is_there:
            self._appear(album)
        elif self._chance.random() < 0.03:
            self._disappear(album)
        else:
            self._chance.choice(self._all)(album)
        self._last_ns = time.time_ns()

    def _wait_a_tick(self) -> None:
        # Two changes within one step of the file system's clock look the same.
        while time.time_ns() <= self._last_ns + CLOCK_TICK_NS:
            time.sleep(CLOCK_TICK_NS / 1e9)

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
            self._write(album, name, self._data(self._chance.choice(_SIZES)))

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
            size = self._chance.randrange(len(data) + 1)
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

    def _note_in_place(self, album: Album) -> None:
        album.version += 1
        album.written_in_place = album.version

    def _some_file(self, album: Album) -> str | None:
        """Choose a file, rather a large one: it is more often under way."""
        names = sorted(album.contents)
        weights = [len(album.contents[name]) + LARGE_FILE_BYTES for name in names]
        return self._chance.choices(names, weights)[0] if names else None

    def _data(self, size: int) -> bytes:
        return self._chance.randbytes(size)
