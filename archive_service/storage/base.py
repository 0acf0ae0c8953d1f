"""What a storage must offer: albums that can be listed, and files that are as listed.

All calls block and are made from worker threads, unless they say otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from io import FileIO
from typing import Protocol

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.storage.local.page_cache_advice import read_ahead
from archive_service.storage.wanted_tree import WantedTree

READ_AHEAD_BYTES = 2 * 1024 * 1024
"""How far the kernel reads a file ahead of its reader, into the page cache."""


class RemoteFile(Protocol):
    """A file on another machine; its bytes come in order, and only those of the listed version.

    Every method that returns bytes raises DownloadFailed.
    """

    def __enter__(self) -> RemoteFile: ...

    def __exit__(self, *raised: object) -> None: ...

    def begin(self, start: int, stop: int) -> None:
        """Have the bytes from `start` up to `stop` fetched ahead; otherwise all are read."""

    async def chunk(self, limit: int) -> memoryview:
        """Return the next bytes, up to `limit`; empty behind the last.

        About twice the limit is fetched ahead.
        """

    def readinto(self, buffer: memoryview) -> int:
        """Read the next bytes; return how many, 0 behind the last."""

    def close(self) -> None:
        """Free the resources of the file; never waits."""


class DiskFile(FileIO):
    """A file below a mount of this machine; its methods wait for the disk.

    `close_elsewhere` is given if the file system may be slow to answer.  It closes the descriptor
    in a thread, so `close` never waits.
    """

    def __init__(
        self, descriptor: int, close_elsewhere: Callable[[int], object] | None = None
    ) -> None:
        self.is_prompt = close_elsewhere is None
        """Whether `fstat`, and sending from the page cache, return at once."""
        super().__init__(descriptor, closefd=self.is_prompt)
        self._close_elsewhere = close_elsewhere
        self._ahead: int | None = None
        self._stop = 0

    def begin(self, start: int, stop: int) -> None:
        """Have the bytes from `start` up to `stop` read ahead, unless the file is prompt.

        The read-ahead of a local disk is larger; small steps beyond it cost more than they gained.
        """
        if not self.is_prompt:
            self._stop = stop
            self.read_on(start)

    def needs_read_on(self, position: int) -> bool:
        """Return whether half of what is read ahead has been used."""
        ahead = self._ahead
        return ahead is not None and position + READ_AHEAD_BYTES // 2 > ahead < self._stop

    def read_on(self, position: int) -> None:
        """Have the bytes from a position on read ahead."""
        start, stop = max(position, self._ahead or 0), min(position + READ_AHEAD_BYTES, self._stop)
        if start < stop:
            read_ahead(self.fileno(), start, stop - start)
        self._ahead = max(start, stop)

    def duplicate(self, close_elsewhere: Callable[[int], object] | None) -> DiskFile:
        """Return the same open file on another descriptor, as if not read yet; raise OSError."""
        return DiskFile(os.dup(self.fileno()), close_elsewhere)

    def close(self) -> None:
        """Close the file, or have it closed; never waits."""
        if not self.closed:
            descriptor = self.fileno()
            super().close()
            if self._close_elsewhere:
                self._close_elsewhere(descriptor)


SourceFile = DiskFile | RemoteFile


class AlbumFiles(Protocol):
    """The files of one album, opened only as the listing describes them.

    Every method raises SourceChanged where a file is no longer what was listed, and
    SourceUnreadable where the system refuses to open or read it.
    """

    def open(self, source: SourceIndex) -> SourceFile:
        """Open the file of a source for reading; its size and time are as listed.

        `verify` it behind the last byte.  A remote file is checked when its first bytes come.
        """

    def open_each(self, sources: Iterable[SourceIndex]) -> Generator[SourceFile, None, None]:
        """Open files for one download, in order; ahead of the caller if storage is slow.

        The exception of a file is raised when its turn comes.
        """
        yield from map(self.open, sources)

    def open_to_hash(self, source: SourceIndex) -> SourceFile:
        """Open a file that will soon be opened again and sent, so that read bytes may be kept."""
        return self.open(source)

    def known_crc32(self, source: SourceIndex) -> int | None:
        """Return the CRC-32 of a file if the storage has it; the file is not read."""
        return None

    def verify(self, file: SourceFile, source: SourceIndex) -> None:
        """Check that an open file is still what was listed, at any time and from any thread.

        Raise SourceSuspected if only reading can show it.
        """

    def read_into(
        self, buffer: memoryview, sources: Sequence[SourceIndex], positions: Sequence[int]
    ) -> None:
        """Read small files whole, each to its position in the buffer.

        Each is verified after its last byte was read.  A directory has no bytes.  An exception
        names the source.  With SourceSuspected that source has been read, and no later one.
        """

    def read_cached(
        self, buffer: memoryview, sources: Sequence[SourceIndex], positions: Sequence[int]
    ) -> bool:
        """Do the same if all files are in memory and as listed; return whether it was done.

        Never wait on prompt file systems.  Raise nothing: `read_into` says what is wrong.
        """
        return False


class Storage(Protocol):
    """A place where albums lie."""

    def list(self, archive: ArchiveId) -> Listing:
        """List an album.

        Raise ArchiveNotFound, or StorageUnavailable where a part of it can't be read.
        """

    def select(
        self, archive: ArchiveId, wanted: Mapping[ArchiveId, WantedTree]
    ) -> Sequence[Listing | None]:
        """List some files of albums for a list, whose id is `archive`; None for a missing album.

        What is missing, or left out of its album, is not in the listing.  Raise StorageUnavailable.
        """

    def files(
        self, archive: ArchiveId, listing: Listing, close: Callable[[int], object] = os.close
    ) -> AbstractContextManager[AlbumFiles]:
        """Give access to the files of a listing, for one thread at a time.

        `close` closes descriptors on file systems that may be slow to answer.
        """

    def check(self) -> bool:
        """Check that albums can be listed; return whether there may be one.

        Raise StorageUnavailable.
        """

    def albums(self) -> Sequence[str]:
        """Return the names of what may be albums; raise StorageUnavailable."""

    def archives(self) -> Sequence[str]:
        """Return the same, and the ids of lists; none where no album is, or not all are listed.

        Without albums, more likely a disk is not mounted than all of them are gone.
        """
        return self.albums()

    def place(self, archive: ArchiveId) -> str:
        """Return the mount or address of an album, for the log; never waits."""

    def is_prompt(self, archive: ArchiveId) -> bool:
        """Return whether the last listing of an album found local disks alone; never waits."""
        return False

    def is_at_hand(self, archive: ArchiveId) -> bool:
        """Return whether an album is listed, and its files open, without waiting; never waits.

        The listing of a moment ago found that.  Such an album is listed in place, because handing
        it to a thread takes longer than the work.
        """
        return False

    def close(self) -> None:
        """Free the storage's resources; cancel calls that wait for another machine."""
