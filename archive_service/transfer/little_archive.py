"""Little archives whose files are in memory: all their bytes made in one step.

Theory of operation.  Of a little archive, planning, opening and sending file by file takes longer
than the kernel's work.  So where all checksums are known, the headers are packed once; for each
download they are put around the files, which one call reads and verifies.  What the client does not
take at once is forgotten and made again, a few times in one step: so no memory waits for a client.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from archive_service.archive.layout import ArchiveLayout
from archive_service.checksums.hash_blocks import thread_block
from archive_service.storage.base import AlbumFiles
from archive_service.transfer.batches import NOTHING

LITTLE_BYTES = 1024 * 1024
"""The largest little archive: making and sending it takes a fraction of a millisecond."""
_LITTLE_ENTRIES = 64


class LittleArchive:
    """The headers of a little archive, and where its files belong."""

    def __init__(self, layout: ArchiveLayout, crc32s: Sequence[int]) -> None:
        """Pack the headers, given the final CRC-32 of each entry."""
        self._layout = layout
        entries = range(layout.entries)
        local = zip(layout.header_offsets, layout.local_file_headers(entries, crc32s), strict=False)
        central = b"".join(layout.central_directory_headers(entries, crc32s)) + layout.end_records
        self._headers = [*local, (layout.central_offsets[0], central)]
        ends = layout.header_offsets[1:]
        self._positions = array("Q", map(int.__sub__, ends, layout.sizes))

    def read(self, files: AlbumFiles, start: int, stop: int) -> memoryview:
        """Make a range in the thread's block, without waiting on prompt file systems.

        Return NOTHING unless its files are in memory and as listed.
        """
        block = thread_block(LITTLE_BYTES)
        entries = self._layout.entries_between(start, stop)
        read = slice(entries.start, entries.stop)
        if not files.read_cached(block, self._layout.sources[read], self._positions[read]):
            return NOTHING
        for offset, header in self._headers:
            block[offset : offset + len(header)] = header
        return block[start:stop]


def is_little(layout: ArchiveLayout) -> bool:
    """Return whether an archive is made in one step."""
    return len(layout) <= LITTLE_BYTES and layout.entries <= _LITTLE_ENTRIES
