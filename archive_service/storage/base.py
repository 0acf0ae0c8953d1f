"""What a storage must offer: albums that can be listed, and files that are what was listed.

All calls block and are made from worker threads, but for those that say otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager
from io import FileIO
from types import TracebackType
from typing import Protocol

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.storage.local.page_cache import read_ahead

READ_AHEAD_BYTES = 2 * 1024 * 1024
"""What the kernel reads of a file ahead of its reader; the page cache holds it, not the process."""


class RemoteFile(Protocol):
    """A file whose bytes come from another machine, in order and only as they were listed.

    Every method that returns bytes raises DownloadFailed.
    """

    def __enter__(self) -> RemoteFile: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def begin(self, start: int, stop: int) -> None:
        """Have the bytes from `start` up to `stop` fetched ahead; otherwise all are read."""

    async def chunk(self, limit: int) -> memoryview:
        """Return the next bytes, up to `limit`; none behind the last.

        About twice the limit is fetched ahead.
        """

    def readinto(self, buffer: memoryview) -> int:
        """Read the next bytes; return how many, 0 behind the last."""

    def close(self) -> None:
        """Free what the file holds; never waits."""


class DiskFile(FileIO):
    """A file below a mount of this machine; its methods wait for the disk.

    `close_elsewhere` is given where the file system may not answer at once: it closes the
    descriptor, in a thread.  So to close such a file does not wait, wherever it is done.
    """

    def __init__(
        self, descriptor: int, close_elsewhere: Callable[[int], object] | None = None
    ) -> None:
        super().__init__(descriptor, closefd=close_elsewhere is None)
        self._close_elsewhere = close_elsewhere
        self._ahead: int | None = None
        self._stop = 0

    @property
    def is_prompt(self) -> bool:
        """Whether the file can be looked at, and sent from memory, without waiting."""
        return self._close_elsewhere is None

    def begin(self, start: int, stop: int) -> None:
        """Have the bytes from `start` up to `stop` read ahead, unless the file is prompt.

        A disk's own read-ahead is larger, and to go beyond it in small steps cost more than it won.
        """
        if not self.is_prompt:
            self._stop = stop
            self.read_on(start)

    def needs_read_on(self, position: int) -> bool:
        """Tell whether half of what is read ahead has been used."""
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

    def open(self, source: int) -> SourceFile:
        """Open the file of a source for reading; its size and time are as listed.

        `verify` it behind the last byte.  Of a remote file the first bytes tell whether it is what
        was listed.
        """

    def open_each(self, sources: Iterable[int]) -> Generator[SourceFile, None, None]:
        """Open files for one download, in order; ahead of the caller where storage is slow.

        An exception is raised in its turn.
        """

    def open_to_hash(self, source: int) -> SourceFile:
        """Open a file that is soon to be opened again, and sent: what is read may be kept."""

    def known_crc32(self, source: int) -> int | None:
        """Return the CRC-32 of a file where the storage holds it; the file is not read."""

    def verify(self, file: SourceFile, source: int) -> None:
        """Check that an open file is still what was listed.

        Raise SourceSuspected where only reading tells.
        """

    def read_into(
        self, buffer: memoryview, sources: Sequence[int], positions: Sequence[int]
    ) -> None:
        """Read small files whole, each to its position in the buffer.

        Each is verified after its last byte was read.  A directory has no bytes.  An exception
        names the source; with SourceSuspected that one has been read, and none behind it.
        """


class Storage(Protocol):
    """A place where albums lie."""

    def list(self, archive: ArchiveId, known: Listing | None = None) -> Listing:
        """List an album; return an earlier listing itself where another is seen to be the same.

        Raise ArchiveNotFound, or StorageUnavailable where a part of it can't be read.
        """

    def files(
        self, archive: ArchiveId, listing: Listing, close: Callable[[int], object] = os.close
    ) -> AbstractContextManager[AlbumFiles]:
        """Give access to the files of a listing, for one thread at a time.

        `close` closes descriptors that may have to be waited for.
        """

    def check(self) -> bool:
        """Look whether albums can be found; return whether there may be one.

        Raise StorageUnavailable.
        """

    def albums(self) -> Sequence[str]:
        """Name what may be an album now; raise StorageUnavailable."""

    def place(self, archive: ArchiveId) -> str:
        """Name for the operator what an album lies on, without the whole id.  Never blocks."""

    def close(self) -> None:
        """Free what the storage holds; calls that wait for another machine are cancelled."""
