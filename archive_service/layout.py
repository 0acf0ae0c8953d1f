"""The layout of an archive: where each byte of it comes from, without the bytes.

Offsets are prefix sums over the lengths of the records and files, so the length of the archive is
the last of them and any byte is found by bisection.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import accumulate

from archive_service.listing import Listing
from archive_service.segments import CentralHeader, EndRecords, FileData, LocalHeader, Segment
from archive_service.zipformat import records

_OWNER_FILE, _OWNER_DIRECTORY = 0o600, 0o700
_PERMISSIONS = 0o777
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class ArchiveLayout:
    """An archive as offsets; entries are numbered in the order of their names' bytes."""

    listing: Listing
    names: Sequence[bytes]
    """The name in the archive of each source of the listing, UTF-8."""
    sources: Sequence[int]
    """The source of each entry, in the archive's order."""
    zone: tzinfo
    """The time zone of the DOS times."""
    header_offsets: array[int]
    """Where each entry's local file header starts, then where the central directory starts."""
    central_offsets: array[int]
    """Where each entry's central directory header starts, then where the end records start."""
    end_records: bytes

    def __len__(self) -> int:
        return self.central_offsets[-1] + len(self.end_records)

    @property
    def entries(self) -> int:
        """The number of entries, directories included."""
        return len(self.sources)

    def size(self, entry: int) -> int:
        """Return the bytes of file data of an entry."""
        return self.listing.sizes[self.sources[entry]]

    def is_file(self, entry: int) -> bool:
        """Tell a file from a directory."""
        return not self.names[self.sources[entry]].endswith(b"/")

    def mode(self, entry: int) -> int:
        """Return the archived permission bits of an entry."""
        source = self.sources[entry]
        return archived_mode(self.names[source], self.listing.modes[source])

    def slice(self, start: int, stop: int) -> Iterator[Segment]:
        """Yield the segments of the bytes from `start` up to `stop`, in order."""
        directory, end = self.header_offsets[-1], self.central_offsets[-1]
        if start < directory:
            yield from self._slice_entries(start, min(stop, directory))
        if start < end and stop > directory:
            yield from self._slice_directory(max(start, directory), min(stop, end))
        if start < stop and stop > end:
            yield EndRecords(max(start - end, 0), stop - end)

    def local_file_header(self, entry: int, crc32: int) -> bytes:
        """Pack the local file header of an entry."""
        return records.local_file_header(self._member(entry), crc32, self.zone)

    def central_directory_header(self, entry: int, crc32: int) -> bytes:
        """Pack the central directory header of an entry."""
        return records.central_directory_header(self._member(entry), crc32, self.zone)

    def offset(self, segment: Segment) -> int:
        """Return where a segment's entry starts, bytes from the start of the archive."""
        if isinstance(segment, (LocalHeader, FileData)):
            return self.header_offsets[segment.entry]
        if isinstance(segment, CentralHeader):
            return self.central_offsets[segment.entry]
        return self.central_offsets[-1]

    def entries_between(self, start: int, stop: int) -> range:
        """Return the entries whose header and data have a part from `start` up to `stop`."""
        return self._between(self.header_offsets, start, stop)

    def directory_entries_between(self, start: int, stop: int) -> range:
        """Return the entries whose central directory header has such a part."""
        return self._between(self.central_offsets, start, stop)

    def _between(self, offsets: array[int], start: int, stop: int) -> range:
        first = max(bisect_right(offsets, start) - 1, 0)
        return range(first, bisect_left(offsets, stop, hi=self.entries))

    def _slice_entries(self, start: int, stop: int) -> Iterator[Segment]:
        offsets = self.header_offsets
        for entry in self.entries_between(start, stop):
            header_offset, end = offsets[entry], offsets[entry + 1]
            data_offset = end - self.size(entry)
            if start < data_offset:
                first, last = max(start, header_offset), min(stop, data_offset)
                yield LocalHeader(entry, first - header_offset, last - header_offset)
            first, last = max(start, data_offset), min(stop, end)
            # An empty file has data too, if of no length: whoever reads it checks the file.
            if first < last or (first == last == end and self.is_file(entry)):
                yield FileData(entry, first - data_offset, last - data_offset)

    def _slice_directory(self, start: int, stop: int) -> Iterator[Segment]:
        offsets = self.central_offsets
        for entry in self.directory_entries_between(start, stop):
            first, last = max(start, offsets[entry]), min(stop, offsets[entry + 1])
            yield CentralHeader(entry, first - offsets[entry], last - offsets[entry])

    def _member(self, entry: int) -> records.Member:
        source = self.sources[entry]
        listing, name = self.listing, self.names[source]
        return records.Member(
            name,
            listing.sizes[source],
            listing.mtimes_ns[source] // _NS_PER_S,
            self.mode(entry),
            self.header_offsets[entry],
        )


def lay_out(
    listing: Listing, names: Sequence[bytes], sources: Sequence[int], zone: tzinfo
) -> ArchiveLayout:
    """Lay out an archive of the given sources, which are in the archive's order.

    Raise ValueError for a name that no zip can hold (APPNOTE 4.4.10: two bytes of length).
    """
    sizes, modes = listing.sizes, listing.modes
    described = [(names[s], sizes[s], archived_mode(names[s], modes[s])) for s in sources]
    if any(len(name) > records.MAX_NAME_BYTES for name, _, _ in described):
        raise ValueError("a name is longer than 65,535 bytes")
    local_lengths = (
        records.local_file_header_length(name, size, mode) + size for name, size, mode in described
    )
    header_offsets = array("Q", accumulate(local_lengths, initial=0))
    central_lengths = (
        records.central_directory_header_length(name, size, mode, offset)
        for (name, size, mode), offset in zip(described, header_offsets, strict=False)
    )
    central_offsets = array("Q", accumulate(central_lengths, initial=header_offsets[-1]))
    directory_size = central_offsets[-1] - header_offsets[-1]
    end = records.end_records(len(described), directory_size, header_offsets[-1])
    return ArchiveLayout(listing, names, sources, zone, header_offsets, central_offsets, end)


def in_archive_order(names: Sequence[bytes], sources: Iterable[int]) -> Sequence[int]:
    """Sort sources by the bytes of their names in the archive."""
    return array("L", sorted(sources, key=names.__getitem__))


def archived_mode(name: bytes, mode: int) -> int:
    """Return the permission bits to archive: without set-id bits, and the owner may use the copy."""
    owner = _OWNER_DIRECTORY if name.endswith(b"/") else _OWNER_FILE
    return mode & _PERMISSIONS | owner
