"""The layout of an archive: where each byte of it comes from, without the bytes.

Offsets are prefix sums over the lengths of the records and files, so the length of the archive is
the last of them and any byte is found by bisection.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from archive_service.archive.entry_columns import (
    archived_modes,
    by_name,
    columns_of,
    file_count_of,
    large_entries_of,
    offsets_of,
    seconds,
)
from archive_service.archive.errors import AlbumUnpackable, ArchiveTooLarge
from archive_service.archive.listing import MOST_BYTES, Listing, SourceIndex
from archive_service.archive.long_columns import as_list, greatest, in_pieces
from archive_service.archive.segments import (
    LARGE_FILE_BYTES,
    CentralHeaders,
    EndRecords,
    Entries,
    EntryIndex,
    FileData,
    Segment,
)
from archive_service.archive.zip import headers
from archive_service.archive.zip.dos_time import dos_times
from archive_service.archive.zip.end_records import end_records

MAX_ENTRIES_PER_SEGMENT = 4096
"""The most entries of a segment: bounds its work if entries are tiny, such as empty files."""
MAX_ARCHIVE_BYTES = MOST_BYTES
"""The largest file offset; most clients read lengths into a signed 64-bit integer, too."""


@dataclass(frozen=True, slots=True, eq=False)
class ArchiveLayout:
    """An archive as columns; entries are numbered in the order of their names' bytes."""

    listing: Listing
    sources: Sequence[SourceIndex]
    """The source in the listing of each entry."""
    names: Sequence[bytes]
    """The name in the archive of each entry, UTF-8; a trailing slash marks a directory."""
    sizes: array[int]
    """The bytes of file data of each entry."""
    mtimes_ns: array[int]
    """When each entry was modified, Unix time."""
    dos_times: array[int]
    """The same in local time, as the headers hold it; see `dos_times`."""
    modes: array[int]
    """The archived permission bits of each entry."""
    header_offsets: array[int]
    """Where each entry's local file header starts, then where the central directory starts."""
    central_offsets: array[int]
    """Where each entry's central directory header starts, then where the end records start."""
    end_records: bytes
    large_entries: array[int]
    """The entries whose data is a segment of its own."""
    is_plain: bool
    """Whether all entries have the simplest headers; see `headers.are_plain`."""
    file_count: int
    """The number of entries that are files, not directories."""

    def __len__(self) -> int:
        return self.central_offsets[-1] + len(self.end_records)

    @property
    def entries(self) -> int:
        """The number of entries, directories included."""
        return len(self.names)

    def files(self) -> Iterator[EntryIndex]:
        """Yield the entries that are files, not directories."""
        names = enumerate(self.names)
        return (EntryIndex(entry) for entry, name in names if not name.endswith(b"/"))

    def holds_files(self) -> bool:
        """Return whether there is anything but directories."""
        return self.file_count > 0

    def is_large(self, entry: EntryIndex) -> bool:
        """Return whether an entry's data is a segment of its own."""
        found = bisect_left(self.large_entries, entry)
        return found < len(self.large_entries) and self.large_entries[found] == entry

    def data_offset(self, entry: EntryIndex) -> int:
        """Return where an entry's data starts."""
        return self.header_offsets[entry + 1] - self.sizes[entry]

    def covers_crc32(self, entry: EntryIndex, start: int, stop: int) -> bool:
        """Return whether the bytes from `start` up to `stop` overlap an entry's local CRC-32."""
        crc32 = self.header_offsets[entry] + headers.LOCAL_CRC32_OFFSET
        return start < crc32 + headers.CRC32_BYTES and crc32 < stop

    def segments(
        self, start: int, stop: int, *, piece_bytes: Callable[[], int]
    ) -> Iterator[Segment]:
        """Yield the segments of the bytes from `start` up to `stop`, in order.

        `piece_bytes` is asked for each segment how many bytes it should have at most.  A segment
        ends between two entries, in front of a large file's data, or at `stop`; so a single small
        entry may make it longer.  FileData has all the data of its file.
        """
        while start < stop:
            segment = self._segment(start, stop, piece_bytes)
            yield segment
            start = segment.stop

    def local_file_header(self, entry: EntryIndex, crc32: int) -> bytes:
        """Pack the local file header of an entry."""
        return next(self.local_file_headers(range(entry, entry + 1), [crc32]))

    def local_file_headers(self, entries: range, crc32s: Iterable[int]) -> Iterator[bytes]:
        """Pack the local file headers of entries."""
        return headers.local_file_headers(self._members(entries), crc32s, is_plain=self.is_plain)

    def central_directory_headers(self, entries: range, crc32s: Iterable[int]) -> Iterator[bytes]:
        """Pack the central directory headers of entries."""
        return headers.central_directory_headers(
            self._members(entries), crc32s, is_plain=self.is_plain
        )

    def entries_between(self, start: int, stop: int) -> range:
        """Return the entries whose header or data overlaps the bytes `start` up to `stop`."""
        return _between(self.header_offsets, start, stop)

    def central_headers_between(self, start: int, stop: int) -> range:
        """Return the entries whose central directory header overlaps these bytes."""
        return _between(self.central_offsets, start, stop)

    def _segment(self, start: int, stop: int, piece_bytes: Callable[[], int]) -> Segment:
        if start >= self.central_offsets[-1]:
            return EndRecords(start, stop)
        if start >= self.header_offsets[-1]:
            return CentralHeaders(start, min(stop, _end(self.central_offsets, start, piece_bytes)))
        entry = bisect_right(self.header_offsets, start) - 1
        found = bisect_left(self.large_entries, entry)
        if found == len(self.large_entries):
            return Entries(start, min(stop, _end(self.header_offsets, start, piece_bytes)))
        large = self.large_entries[found]
        large_data = self.data_offset(EntryIndex(large))
        if start >= large_data:
            return FileData(start, min(stop, self.header_offsets[large + 1]), EntryIndex(large))
        end = _end(self.header_offsets, start, piece_bytes)
        return Entries(start, min(stop, end, large_data))

    def _members(self, entries: range) -> headers.Members:
        first, last = entries.start, entries.stop
        return headers.Members(
            self.names[first:last],
            self.sizes[first:last],
            list(seconds(self.mtimes_ns[first:last])),
            self.dos_times[first:last],
            self.modes[first:last],
            self.header_offsets[first:last],
        )


def lay_out(
    listing: Listing,
    names: Sequence[bytes] | Mapping[SourceIndex, bytes],
    sources: Iterable[SourceIndex],
    *,
    zone: tzinfo,
    large_file_bytes: int = LARGE_FILE_BYTES,
) -> ArchiveLayout:
    """Lay out an archive of sources of a listing; `names` has a name for each of them.

    `zone` is the time zone of the DOS times.
    Raise AlbumUnpackable for a name that no zip can hold (APPNOTE 4.4.10: two bytes of length),
    and ArchiveTooLarge.
    """
    ordered, entry_names = by_name(sources, names)
    if greatest(map(len, entry_names), default=0) > headers.MAX_NAME_BYTES:
        raise AlbumUnpackable("name too long")
    sizes, mtimes_ns, listed_modes = columns_of(listing, ordered)
    if sum(map(sum, in_pieces(sizes))) > MAX_ARCHIVE_BYTES:
        raise ArchiveTooLarge
    mtimes_s = as_list(seconds(mtimes_ns))
    modes = archived_modes(entry_names, sizes, listed_modes)
    offsets = offsets_of(entry_names, sizes, modes, mtimes_s)
    directory_size = offsets.central[-1] - offsets.local[-1]
    ending = end_records(len(ordered), directory_size, offsets.local[-1])
    if offsets.central[-1] + len(ending) > MAX_ARCHIVE_BYTES:
        raise ArchiveTooLarge
    return ArchiveLayout(
        listing,
        ordered,
        entry_names,
        sizes,
        mtimes_ns,
        dos_times(mtimes_s, zone),
        modes,
        offsets.local,
        offsets.central,
        ending,
        large_entries_of(sizes, large_file_bytes),
        offsets.is_plain,
        file_count_of(entry_names),
    )


def _between(offsets: array[int], start: int, stop: int) -> range:
    first = max(bisect_right(offsets, start) - 1, 0)
    return range(first, bisect_left(offsets, stop, hi=len(offsets) - 1))


def _end(offsets: array[int], start: int, piece_bytes: Callable[[], int]) -> int:
    """Return the last offset within a piece after `start`, else the first offset after it."""
    following = bisect_right(offsets, start)
    limit = min(following + MAX_ENTRIES_PER_SEGMENT, len(offsets))
    found = bisect_right(offsets, start + piece_bytes(), following, limit) - 1
    return offsets[max(found, following)]
