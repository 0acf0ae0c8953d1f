"""Keeps the page cache as it was while a file is hashed in the background."""

from __future__ import annotations

from typing import Protocol

from archive_service.storage.base import DiskFile, SourceFile
from archive_service.storage.local.page_advice import let_go, read_no_further
from archive_service.storage.local.page_cache import is_cold


class Pages(Protocol):
    """The pages of one file."""

    def are_cached(self, offset: int, count: int) -> bool:
        """Return whether bytes may be in memory."""

    def let_go(self, offset: int, count: int) -> None:
        """Drop bytes that were not in memory before."""


class LocalPages:
    """Pages of a file on a disk; see `Pages`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        read_no_further(descriptor)  # otherwise the next block would look cached

    def are_cached(self, offset: int, count: int) -> bool:
        """Ask the system; see `Pages.are_cached`."""
        return not is_cold(self._descriptor, offset, count)

    def let_go(self, offset: int, count: int) -> None:
        """Drop the pages from memory; see `Pages.let_go`."""
        let_go(self._descriptor, offset, count)


class NoPages:
    """A remote file has no pages: each byte comes over the network; see `Pages`."""

    def are_cached(self, offset: int, count: int) -> bool:
        """See `Pages.are_cached`."""
        return False

    def let_go(self, offset: int, count: int) -> None:
        """See `Pages.let_go`."""


def pages_of(file: SourceFile) -> Pages:
    """Return the pages of an open file; call it before the file is read."""
    return LocalPages(file.fileno()) if isinstance(file, DiskFile) else NoPages()
