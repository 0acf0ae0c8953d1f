"""Turns segments into buffers: packs headers, reads small files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from zlib_ng import zlib_ng

from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.listing import SourceIndex
from archive_service.archive.long_columns import in_pieces
from archive_service.archive.segments import (
    CentralHeaders,
    EndRecords,
    Entries,
    EntryIndex,
    FileData,
    Segment,
)
from archive_service.checksums.crc32_column import UNKNOWN, Crc32Column
from archive_service.storage.base import AlbumFiles
from archive_service.transfer.entry_buffer import EntryBuffer

HEADERS_AT_ONCE = 64
"""The most headers packed on the event loop; each takes a few microseconds."""
_LARGE_BYTES, _LARGE_CENTRAL_BYTES = 1024 * 1024, 128 * 1024
"""Of entries, and of headers in the central directory.  Only downloads that have come far make so
much at once."""


class Assembler:
    """Makes the bytes of the segments of one layout.

    A small file is read whole and verified, even for a part of it; one whose CRC-32 is unknown
    is hashed from the same bytes that are sent.  So is every one if the disk is not prompt,
    because `stat` may answer from a cache there; see `sent_crc32`.

    Many headers are packed within `packing`, which gives way to newcomers and lets one thread in.
    The interpreter runs one thread at a time anyway; but of several that compute, each would get it
    before the event loop does.
    """

    def __init__(
        self,
        layout: ArchiveLayout,
        checksums: Crc32Column,
        *,
        is_prompt: Callable[[], bool],
        packing: AbstractContextManager[object],
    ) -> None:
        self._layout = layout
        self._checksums = checksums
        self._is_prompt = is_prompt
        self._packing = packing

    def to_hash(self, segment: Segment) -> list[SourceIndex]:
        """Return the sources whose CRC-32 must be learned before the segment is made."""
        sources = self._layout.sources
        if isinstance(segment, FileData):
            source = sources[segment.entry]
            return [source] if self._checksums.is_suspected(source) else []
        if isinstance(segment, CentralHeaders):
            named = self._layout.central_headers_between(segment.start, segment.stop)
            return list(filter(self._checksums.is_unknown, sources[named.start : named.stop]))
        if isinstance(segment, Entries):
            # Large data ends a segment: only the last entry can have it.
            entries = self._layout.entries_between(segment.start, segment.stop)
            first, last = EntryIndex(entries.start), EntryIndex(entries[-1])
            if self._layout.is_large(last) and self._checksums.is_unknown(sources[last]):
                return [] if self._is_header_part(segment, first) else [sources[last]]
        return []

    def is_quick(self, segment: Segment) -> bool:
        """Return whether a segment is quickly made from memory alone."""
        if isinstance(segment, EndRecords):
            return True
        if isinstance(segment, CentralHeaders):
            named = self._layout.central_headers_between(segment.start, segment.stop)
            return len(named) <= HEADERS_AT_ONCE
        if isinstance(segment, Entries):
            entries = self._layout.entries_between(segment.start, segment.stop)
            return self._is_header_part(segment, EntryIndex(entries.start))
        return False

    def make(self, segment: Entries | CentralHeaders | EndRecords, files: AlbumFiles) -> memoryview:
        """Return the segment's bytes; raise DownloadFailed if a file isn't what was listed."""
        if isinstance(segment, Entries):
            return self._entries(segment, files)
        if isinstance(segment, CentralHeaders):
            return self._central_headers(segment)
        return _cut(self._layout.end_records, segment, self._layout.central_offsets[-1])

    def _entries(self, segment: Entries, files: AlbumFiles) -> memoryview:
        layout = self._layout
        entries = layout.entries_between(segment.start, segment.stop)
        first = EntryIndex(entries.start)
        if self._is_header_part(segment, first):
            return self._header_part(segment, first)
        made = EntryBuffer(layout, entries)
        read_from_ns = time.time_ns()
        made.read(files)
        if to_hash := self._small_to_hash(made.small):
            crc32s = map(zlib_ng.crc32, made.data(to_hash))
            self._checksums.learn(self._sources(to_hash), crc32s, read_from_ns=read_from_ns)
        with self._packing_of(len(made.bytes), _LARGE_BYTES):
            made.put_headers(self._crc32s(made.entries))
        return _cut(made.bytes, segment, made.start)

    def _small_to_hash(self, small: range) -> Sequence[int]:
        """Return the entries whose CRC-32 is unknown, or has to be compared."""
        if not self._is_prompt() or self._checksums.are_unknown(self._sources(small)):
            return small
        known = list(self._crc32s(small))
        if UNKNOWN not in known:
            return ()
        return [entry for entry, crc32 in zip(small, known, strict=True) if crc32 == UNKNOWN]

    def _sources(self, entries: Sequence[int]) -> Sequence[SourceIndex]:
        if isinstance(entries, range):
            return self._layout.sources[entries.start : entries.stop]
        return [self._layout.sources[entry] for entry in entries]

    def _is_header_part(self, segment: Entries, entry: EntryIndex) -> bool:
        """Return whether all bytes belong to the first entry's header and need none of its file."""
        if segment.stop > self._layout.data_offset(entry):
            return False
        needs_crc32 = self._layout.covers_crc32(entry, segment.start, segment.stop)
        return not (needs_crc32 and self._checksums.is_unknown(self._layout.sources[entry]))

    def _header_part(self, segment: Entries, entry: EntryIndex) -> memoryview:
        """Pack a part of one header; it has no byte of an unknown CRC-32."""
        crc32 = max(self._checksums.values[self._layout.sources[entry]], 0)
        header = self._layout.local_file_header(entry, crc32)
        return _cut(header, segment, self._layout.header_offsets[entry])

    def _central_headers(self, segment: CentralHeaders) -> memoryview:
        layout = self._layout
        entries = layout.central_headers_between(segment.start, segment.stop)
        headers = layout.central_directory_headers(entries, self._crc32s(entries))
        # Few are packed on the event loop, which must not wait, however long their names are.
        count = segment.stop - segment.start if len(entries) > HEADERS_AT_ONCE else 0
        with self._packing_of(count, _LARGE_CENTRAL_BYTES):
            made = b"".join(map(b"".join, in_pieces(headers)))
        return _cut(made, segment, layout.central_offsets[entries.start])

    def _packing_of(self, count: int, large: int) -> AbstractContextManager[object]:
        return self._packing if count >= large else nullcontext()

    def _crc32s(self, entries: range) -> Iterator[int]:
        return map(self._checksums.values.__getitem__, self._sources(entries))


def _cut(
    made: bytes | memoryview, segment: Entries | CentralHeaders | EndRecords, made_from: int
) -> memoryview:
    """Cut the bytes of whole entries, which begin at `made_from`, to the segment."""
    return memoryview(made)[segment.start - made_from : segment.stop - made_from]
