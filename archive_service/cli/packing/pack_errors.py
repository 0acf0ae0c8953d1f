"""What can go wrong between files and an archive, named for what happened.

    ArchiveServiceError
    └── PackingError         a path, and why
        ├── PackingRefused   the request can't be fulfilled; nothing was written
        └── PackingFailed    packing had begun, and can't be completed

Paths are bytes as stored; make one printable before you print it.
"""

from __future__ import annotations

from archive_service.archive.errors import ArchiveServiceError


class PackingError(ArchiveServiceError):
    """A path prevents an archive; `reason` says why and, if possible, what to do."""

    def __init__(self, path: bytes, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


class PackingRefused(PackingError):
    """A path can't be packed or saved to; nothing was written."""


class PackingFailed(PackingError):
    """A file or the output failed while the archive was being written."""
