"""What a storage must offer: albums that can be listed, and files that are what was listed.

All calls block; they are made from worker threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from io import FileIO
from typing import Protocol

from archive_service.archive_id import ArchiveId
from archive_service.listing import Listing


class AlbumFiles(Protocol):
    """The files of one album, opened only as the listing describes them.

    Every method raises SourceChanged where a file is no longer what was listed, and
    SourceUnreadable where the system refuses to open or read it.
    """

    def open(self, source: int) -> FileIO:
        """Open the file of a source, verified, for reading."""

    def verify(self, file: FileIO, source: int) -> None:
        """Check that an open file is still what was listed."""

    def read_into(
        self, buffer: memoryview, sources: Sequence[int], positions: Sequence[int]
    ) -> None:
        """Read small files whole, each to its position in the buffer.

        Each is verified after its last byte was read.  A directory has no bytes.  An exception
        names the source.
        """


class Storage(Protocol):
    """A place where albums lie."""

    def list(self, archive: ArchiveId) -> Listing:
        """List an album.

        Raise ArchiveNotFound, or StorageUnavailable where a part of it can't be read.
        """

    def files(self, archive: ArchiveId, listing: Listing) -> AbstractContextManager[AlbumFiles]:
        """Give access to the files of a listing, for one thread at a time."""

    def check(self) -> None:
        """Look whether albums can be found at all; raise StorageUnavailable."""

    def albums(self) -> Sequence[str]:
        """Name what may be an album now; raise StorageUnavailable."""
