"""Segments turned into buffers: headers packed, small files read in."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from zlib_ng import zlib_ng

from archive_service.checksums import UNKNOWN, AlbumChecksums
from archive_service.layout import ArchiveLayout
from archive_service.segments import CentralHeaders, EndRecords, Entries, Segment
from archive_service.storage.base import AlbumFiles


class Assembler:
    """Makes the bytes of the segments of one layout.

    A small file is read whole and verified, even for a part of it; one whose CRC-32 is unknown
    is hashed from the same bytes that are sent.
    """

    def __init__(self, layout: ArchiveLayout, checksums: AlbumChecksums) -> None:
        self._layout = layout
        self._checksums = checksums

    def is_unknown(self, entry: int) -> bool:
        """Tell whether an entry's CRC-32 is yet to be learned."""
        return self._checksums.values[self._layout.sources[entry]] == UNKNOWN

    def to_hash(self, segment: Segment) -> list[int]:
        """Return the entries whose CRC-32 must be learned before the segment is made."""
        if isinstance(segment, CentralHeaders):
            named = self._layout.central_headers_between(segment.start, segment.stop)
            return [entry for entry in named if self.is_unknown(entry)]
        if isinstance(segment, Entries):
            # Large data ends a segment: no other than the last entry can have it.
            last = self._layout.entries_between(segment.start, segment.stop)[-1]
            return [last] if self._layout.is_large(last) and self.is_unknown(last) else []
        return []

    def make(self, segment: Entries | CentralHeaders | EndRecords, files: AlbumFiles) -> bytes:
        """Return the segment's bytes; raise DownloadFailed where a file isn't what was listed."""
        if isinstance(segment, Entries):
            return self._entries(segment, files)
        if isinstance(segment, CentralHeaders):
            return self._central_headers(segment)
        return _cut(self._layout.end_records, segment, self._layout.central_offsets[-1])

    def _entries(self, segment: Entries, files: AlbumFiles) -> bytes:
        layout = self._layout
        entries = layout.entries_between(segment.start, segment.stop)
        small = entries[:-1] if layout.is_large(entries[-1]) else entries
        data = self._read(layout.sources[small.start : small.stop], files)
        headers = layout.local_file_headers(entries, self._crc32s(entries))
        parts = chain.from_iterable(zip_longest(headers, data, fillvalue=b""))
        return _cut(b"".join(parts), segment, layout.header_offsets[entries.start])

    def _central_headers(self, segment: CentralHeaders) -> bytes:
        layout = self._layout
        entries = layout.central_headers_between(segment.start, segment.stop)
        headers = layout.central_directory_headers(entries, self._crc32s(entries))
        return _cut(b"".join(headers), segment, layout.central_offsets[entries.start])

    def _read(self, sources: Sequence[int], files: AlbumFiles) -> list[bytes]:
        """Read small files; hash those of unknown CRC-32."""
        read_from_ns = time.time_ns()
        found = list(files.read(sources))
        for source, data in zip(sources, found, strict=True):
            if self._checksums.values[source] == UNKNOWN:
                self._checksums.learn(source, zlib_ng.crc32(data), read_from_ns=read_from_ns)
        return found

    def _crc32s(self, entries: range) -> Iterator[int]:
        sources = self._layout.sources[entries.start : entries.stop]
        return map(self._checksums.values.__getitem__, sources)


def _cut(made: bytes, segment: Entries | CentralHeaders | EndRecords, made_from: int) -> bytes:
    """Cut to the segment what was made of whole entries, from an offset on."""
    return made[segment.start - made_from : segment.stop - made_from]
