"""What shows that a little album without subdirectories is still as it was listed.

As long as no time of a directory moves, it has the same names.  So the `stat` of the directory and
of its files is enough, and nothing is read, sorted or built anew.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from archive_service.storage.local.directory_look import DirectoryLook, rows_of
from archive_service.storage.local.native import NativeCalls

MOST_FILES = 64
"""Larger albums take memory, and their listing costs little in comparison to their bytes."""


class FlatAlbum(NamedTuple):
    """The directory and its files, those of uploads included, as one look found them."""

    directory: tuple[int, ...]
    names: list[bytes]
    rows: bytes

    def is_unchanged(self, descriptor: int, native: NativeCalls) -> bool:
        """Return whether the open directory, and all files in it, are the same."""
        if _identity(os.fstat(descriptor)) != self.directory:
            return False
        return rows_of(descriptor, self.names, native) == (self.names, self.rows)


def flat_album(look: DirectoryLook) -> FlatAlbum | None:
    """Return what a look at an album's directory found; None where it is too large."""
    names = look.names + look.uploads
    if len(names) > MOST_FILES:
        return None
    return FlatAlbum(_identity(look.status), names, look.rows + look.upload_rows)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_ctime_ns, status.st_mtime_ns
