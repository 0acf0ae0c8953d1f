"""What changes the albums of the soak: on the disk and in memory, so both are the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from shutil import rmtree

from campaign.album import Album

from archive_service.archive.segments import LARGE_FILE_BYTES

SIZES = (1, 100, 5_000, LARGE_FILE_BYTES - 1, LARGE_FILE_BYTES, 300_000, 2_000_000, 4_000_000)
"""No file is empty: a young empty one is waited for like an upload."""
MOST_FILES = 10
_DIRECTORIES = ("", "", "day 1/", "день/")


class Hand:
    """Makes files and takes them away; `others` is a directory for what is in no album."""

    def __init__(self, chance: Random, others: Path) -> None:
        self.chance = chance
        self._others = others
        self._numbers = count()

    def aside(self) -> Path:
        """Return a path that nothing has, on the same file system as the albums."""
        return self._others / f"{next(self._numbers)}"

    def remove_links(self) -> None:
        """Remove the other names of files; those that were replaced take up the disk."""
        rmtree(self._others)
        self._others.mkdir()

    def data(self, size: int) -> bytes:
        """Make data that is no zeros, which would look like an upload."""
        return b"\xff"[:size] + self.chance.randbytes(max(size - 1, 0))

    def some_file(self, album: Album) -> str | None:
        """Choose a file, rather a large one: it is more often under way."""
        names = sorted(album.contents)
        weights = [len(album.contents[name]) + LARGE_FILE_BYTES for name in names]
        return self.chance.choices(names, weights)[0] if names else None

    def new_name(self, ending: str = ".jpg") -> str:
        return f"{self.chance.choice(_DIRECTORIES)}{self.chance.randrange(10**9)}{ending}"

    def write(self, album: Album, name: str, data: bytes) -> None:
        path = album.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        album.contents[name] = data

    def unlink(self, album: Album, name: str) -> None:
        path = album.path / name
        path.unlink()
        del album.contents[name]
        album.unreadable.discard(name)
        if path.parent != album.path and not any(path.parent.iterdir()):
            path.parent.rmdir()  # or else it were an entry of its own


Change = Callable[[Hand, Album], None]
