"""Little archives whose files are in memory: all their bytes made in one step.

Theory of operation.  Of a little archive, planning, opening and sending file by file takes longer
than the kernel's work.  So where all checksums are known, the headers are packed once; for each
download they are put around the files, which one call reads and verifies.  What the client does not
take at once is forgotten and made again, a few times in one step: so no memory waits for a client.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from operator import sub

from archive_service.archive.layout import ArchiveLayout
from archive_service.checksums.crc32_column import Crc32Column
from archive_service.checksums.hash_blocks import thread_block
from archive_service.storage.album_disk import FEW_FILES, AlbumDisk, Load
from archive_service.storage.base import AlbumFiles
from archive_service.transfer.batches import NOTHING

LITTLE_BYTES = 1024 * 1024
"""The largest little archive: making and sending it takes a fraction of a millisecond."""


class LittleArchive:
    """Makes ranges of a little archive all of whose checksums are known.

    `open_files` gives access to the files.
    """

    def __init__(
        self,
        layout: ArchiveLayout,
        checksums: Crc32Column,
        open_files: Callable[[], AbstractContextManager[AlbumFiles]],
        disk: AlbumDisk,
    ) -> None:
        self._layout = layout
        self._checksums = checksums
        self._open_files = open_files
        self._disk = disk
        self._headers: Sequence[tuple[int, bytes]] = ()
        """All headers and where they start; the central directory and the end records are one."""
        self._positions = array("Q")
        """Where the data of each entry starts."""

    def made(self, start: int, stop: int) -> memoryview:
        """Make a range in the thread's block, without waiting.

        Return NOTHING unless its files are at hand, in memory and as listed.
        """
        make = partial(self._made, start, stop)
        return self._disk.at_once(make, Load.of_files(self._layout.entries)) or NOTHING

    def _made(self, start: int, stop: int) -> memoryview:
        if not self._headers:
            self._pack()
        block = thread_block(LITTLE_BYTES)
        entries = self._layout.entries_between(start, stop)
        read = slice(entries.start, entries.stop)
        with self._open_files() as files:
            if not files.read_cached(block, self._layout.sources[read], self._positions[read]):
                return NOTHING
        for offset, header in self._headers:
            block[offset : offset + len(header)] = header
        return block[start:stop]

    def _pack(self) -> None:
        layout, entries = self._layout, range(self._layout.entries)
        crc32s = [self._checksums.values[source] for source in layout.sources]
        local = zip(layout.header_offsets, layout.local_file_headers(entries, crc32s), strict=False)
        central = b"".join(layout.central_directory_headers(entries, crc32s)) + layout.end_records
        self._headers = [*local, (layout.central_offsets[0], central)]
        self._positions = array("Q", map(sub, layout.header_offsets[1:], layout.sizes))


def is_little(layout: ArchiveLayout) -> bool:
    """Return whether an archive is made in one step."""
    return len(layout) <= LITTLE_BYTES and layout.entries <= FEW_FILES
