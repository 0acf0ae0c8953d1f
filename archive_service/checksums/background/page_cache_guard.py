"""Keeps the page cache as it was while a file is hashed in the background."""

from __future__ import annotations

from archive_service.storage.base import DiskFile, SourceFile
from archive_service.storage.local.page_cache import is_cold
from archive_service.storage.local.page_cache_advice import let_go, read_no_further


class PageCacheGuard:
    """The pages of an open file; make it before the file is read.

    A remote file has none: each byte comes over the network.
    """

    def __init__(self, file: SourceFile) -> None:
        self._descriptor = file.fileno() if isinstance(file, DiskFile) else None
        if self._descriptor is not None:
            read_no_further(self._descriptor)  # otherwise the next block would look cached

    def are_cached(self, offset: int, count: int) -> bool:
        """Return whether bytes may be in memory."""
        return self._descriptor is not None and not is_cold(self._descriptor, offset, count)

    def let_go(self, offset: int, count: int) -> None:
        """Drop bytes that were not in memory before."""
        if self._descriptor is not None:
            let_go(self._descriptor, offset, count)
