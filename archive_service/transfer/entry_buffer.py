"""Puts consecutive small entries together in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import add, sub

from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.segments import EntryIndex
from archive_service.storage.base import AlbumFiles


class EntryBuffer:
    """Local file headers and data of consecutive entries in one buffer.

    Only the last entry can be a large file; its data is not in the buffer.
    """

    def __init__(self, layout: ArchiveLayout, entries: range) -> None:
        self.entries = entries
        self.small = entries[:-1] if layout.is_large(EntryIndex(entries[-1])) else entries
        """The entries with their data."""
        self.start = layout.header_offsets[entries.start]
        """The offset in the archive of the first byte."""
        self._layout = layout
        stop = layout.header_offsets[entries.stop]
        if len(self.small) < len(entries):
            stop -= layout.sizes[entries[-1]]
        self.bytes = memoryview(bytearray(stop - self.start))
        self._positions: Sequence[int] = ()
        """Where the data of each small file stands in the buffer."""

    def read(self, files: AlbumFiles) -> None:
        """Read the data of the small files; raise DownloadFailed."""
        first, last = self.small.start, self.small.stop
        ends = self._layout.header_offsets[first + 1 : last + 1]
        starts = map(sub, ends, self._layout.sizes[first:last])
        self._positions = list(map(sub, starts, repeat(self.start)))
        files.read_into(self.bytes, self._layout.sources[first:last], self._positions)

    def data(self, entries: Sequence[int]) -> Iterator[memoryview]:
        """Return the data of each of some small files, once it was read."""
        positions, sizes = self._positions, self._layout.sizes
        if entries != self.small:
            positions = [positions[entry - self.small.start] for entry in entries]
        stops = map(add, positions, map(sizes.__getitem__, entries))
        return map(self.bytes.__getitem__, map(slice, positions, stops))

    def put_headers(self, crc32s: Iterable[int]) -> None:
        """Put the headers in front of the data, given the CRC-32 of each entry."""
        offsets = self._layout.header_offsets[self.entries.start : self.entries.stop]
        headers = self._layout.local_file_headers(self.entries, crc32s)
        for offset, header in zip(offsets, headers, strict=True):
            position = offset - self.start
            self.bytes[position : position + len(header)] = header
