"""What shows that a little album is still as it was listed.

As long as no time of a directory moves, it has the same names.  So the `stat` of the directories
and of their files is enough, and nothing is read, sorted or built anew.
"""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Sequence
from typing import NamedTuple

from archive_service.storage.local.directory_look import DirectoryLook, rows_of
from archive_service.storage.local.native import NativeCalls
from archive_service.storage.local.open_beneath import opened_to_pass
from archive_service.storage.local.stat_record import COLUMNS, MODE

MOST_ENTRIES = 64
"""Files and directories.  Larger albums take memory, and their listing costs little in comparison
to their bytes."""


class KnownDirectory(NamedTuple):
    """A directory and what is in it, unfinished uploads included, as one look found them."""

    location: bytes
    identity: tuple[int, ...]
    names: list[bytes]
    rows: bytes

    def is_unchanged(self, album: int, native: NativeCalls) -> bool:
        """Return whether the directory in an open album, and all files in it, are the same."""
        try:
            descriptor = opened_to_pass(album, self.location)
        except OSError:
            return False
        try:
            if _identity(os.fstat(descriptor)) != self.identity:
                return False
            return rows_of(descriptor, self.names, native) == (self.names, self.rows)
        finally:
            os.close(descriptor)


class LittleAlbum(NamedTuple):
    """The directories of an album without links."""

    directories: Sequence[KnownDirectory]

    def is_unchanged(self, album: int, native: NativeCalls) -> bool:
        """Return whether an open album is the same."""
        return all(directory.is_unchanged(album, native) for directory in self.directories)


class LittleAlbumBuilder:
    """Collects the looks at an album's directories, while it is little."""

    def __init__(self) -> None:
        self._directories: list[KnownDirectory] = []
        self._room = MOST_ENTRIES

    def add(self, look: DirectoryLook) -> None:
        """Collect a look, unless the album is too large or has links by now."""
        names = look.names + look.uploads
        self._room -= len(names)
        if self._room < 0:
            return
        rows = look.rows + look.upload_rows
        if not all(stat.S_ISREG(m) or stat.S_ISDIR(m) for m in array("Q", rows)[MODE::COLUMNS]):
            self._room = -1
            return
        identity = _identity(look.status)
        self._directories.append(KnownDirectory(look.place.location, identity, names, rows))

    def album(self) -> LittleAlbum | None:
        """Return the album; None where it is no little one."""
        return LittleAlbum(self._directories) if self._room >= 0 else None


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_ctime_ns, status.st_mtime_ns
