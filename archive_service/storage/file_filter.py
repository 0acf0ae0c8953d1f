"""Decides which non-directories are listed."""

from __future__ import annotations

import stat
from array import array
from typing import Protocol


class FileFilter(Protocol):
    """Decides which non-directories are listed."""

    def accepts_all(self, modes: array[int], inodes: array[int]) -> bool:
        """Return whether all entries of a directory are accepted, and none is a directory.

        Called first: one call for each file would take longer than its `stat`.
        """

    def accepts(self, path: bytes, mode: int, inode: int) -> bool:
        """Return whether one entry is accepted."""


class RegularFiles:
    """Accepts regular files alone: no link, FIFO, socket or device; see `FileFilter`."""

    def accepts_all(self, modes: array[int], inodes: array[int]) -> bool:
        """Return whether all modes are those of regular files."""
        return all(map(stat.S_ISREG, set(modes)))

    def accepts(self, path: bytes, mode: int, inode: int) -> bool:
        """Return whether the mode is that of a regular file."""
        return stat.S_ISREG(mode)


REGULAR_FILES = RegularFiles()
