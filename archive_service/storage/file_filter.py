"""Which files a listing gets."""

from __future__ import annotations

import stat
from array import array
from typing import Protocol


class FileFilter(Protocol):
    """Says which of what is no directory a listing gets."""

    def accepts_all(self, modes: array[int], inodes: array[int]) -> bool:
        """Return whether each of a directory is accepted for sure, and none of it is a directory.

        Asked first, for a call for each file takes longer than to look at it.
        """

    def accepts(self, path: bytes, mode: int, inode: int) -> bool:
        """Return whether one is accepted."""


class RegularFiles:
    """Accept what has bytes of its own: no link, no FIFO, socket or device; see `FileFilter`."""

    def accepts_all(self, modes: array[int], inodes: array[int]) -> bool:
        """Look at each mode once."""
        return all(map(stat.S_ISREG, set(modes)))

    def accepts(self, path: bytes, mode: int, inode: int) -> bool:
        """Look at the mode."""
        return stat.S_ISREG(mode)


REGULAR_FILES = RegularFiles()
