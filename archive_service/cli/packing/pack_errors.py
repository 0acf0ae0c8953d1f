"""What can go wrong between named files and an archive, named for what happened.

    ArchiveServiceError
    └── PackingError         a path, and why
        ├── PackingRefused   what was asked for can't be done; nothing was written
        └── PackingFailed    it was begun, and can't be completed

Paths are bytes as stored; make one printable before you print it.
"""

from __future__ import annotations

from archive_service.archive.errors import ArchiveServiceError


class PackingError(ArchiveServiceError):
    """A path is in the way of an archive; `reason` says why, and where it can what to do."""

    def __init__(self, path: bytes, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


class PackingRefused(PackingError):
    """A path can't be packed, or be saved to; nothing was written."""


class PackingFailed(PackingError):
    """A file or the output failed while the archive was being written."""
