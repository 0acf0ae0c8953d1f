"""What shows that an album is still as it was listed.

As long as no time of a directory moves, it has the same names.  So the `stat` of the directories
and of their files is enough, and nothing is read, sorted or built anew.
"""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from archive_service.storage.concurrency import HALVED_FILES, InFlight
from archive_service.storage.local.directory_look import DirectoryLook, rows_of
from archive_service.storage.local.native import NativeCalls
from archive_service.storage.local.open_beneath import Opened, opened_to_pass
from archive_service.storage.local.stat_record import COLUMNS, MODE, ROW

KEPT_ENTRIES = 120_000
"""Files and directories of all archives whose last listing is kept, some 60 bytes each.

Of a list some 160, because nothing else holds the listings of its albums.  An album of 50,000 files
and a list of as many out of 500 albums have room beside each other.
"""


class KeptDirectory(NamedTuple):
    """A directory and what of it was looked at, unfinished uploads included, as one look found it.

    For a list that is what the list wants: other files of the directory decide nothing.
    """

    location: bytes
    identity: tuple[int, ...]
    names: bytes
    """Separated by zeros, because an object for each would take twice as much."""
    rows: bytes

    def is_unchanged(self, album: int, in_flight: InFlight, native: NativeCalls) -> bool:
        """Return whether the directory in an open album, and these files in it, are the same."""
        if not self.location:
            return self._is_same(album, in_flight, native)
        try:
            opened = Opened(opened_to_pass(album, self.location))
        except OSError:
            return False
        with opened as descriptor:
            return self._is_same(descriptor, in_flight, native)

    def _is_same(self, descriptor: int, in_flight: InFlight, native: NativeCalls) -> bool:
        if _identity(os.fstat(descriptor)) != self.identity:
            return False
        names = self.names.split(b"\0") if self.names else []
        rows = partial(_rows, descriptor, names, native)
        return b"".join(in_flight.in_slices(rows, len(names))) == self.rows


class KeptAlbum(NamedTuple):
    """The directories of an album, as far as an archive wants it, without links."""

    directories: Sequence[KeptDirectory]

    def is_unchanged(self, album: int, in_flight: InFlight, native: NativeCalls) -> bool:
        """Return whether an open album is the same."""

        def look(directories: Sequence[KeptDirectory]) -> list[bool]:
            return [all(kept.is_unchanged(album, in_flight, native) for kept in directories)]

        is_large = sum(len(kept.rows) for kept in self.directories) >= HALVED_FILES * ROW.size
        found = in_flight.in_halves(look, self.directories) if is_large else look(self.directories)
        return all(found)


class KeptAlbumBuilder:
    """Collects the looks at an album's directories, as long as the album can be kept.

    `room` is for files and directories.
    """

    def __init__(self, room: int) -> None:
        self._directories: list[KeptDirectory] = []
        self._room = room

    def add(self, look: DirectoryLook) -> None:
        """Collect a look, unless the album is too large or has links by now."""
        if self._room < 0:
            return
        names, rows = look.names + look.uploads, look.rows + look.upload_rows
        self._room = self._room - len(names) if _have_no_links(rows) else -1
        if self._room < 0:
            self._directories.clear()
        else:
            kept = look.place.location, _identity(look.status), b"\0".join(names), rows
            self._directories.append(KeptDirectory(*kept))

    def album(self) -> KeptAlbum | None:
        """Return the album; None if it is too large or has links."""
        return KeptAlbum(self._directories) if self._room >= 0 else None


def _rows(directory: int, names: list[bytes], native: NativeCalls, start: int, stop: int) -> bytes:
    return rows_of(directory, names[start:stop], native)[1]


def _have_no_links(rows: bytes) -> bool:
    """Return whether all rows are those of files and directories."""
    modes = set(array("Q", rows)[MODE::COLUMNS])
    return all(stat.S_ISREG(mode) or stat.S_ISDIR(mode) for mode in modes)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_ctime_ns, status.st_mtime_ns
