"""Albums at the edges where a field of four bytes overflows, and the archives expected of them.

All lengths are sums written down from APPNOTE 6.3.10 and docs/format.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timezone
from pathlib import Path

from harness.albums import LONG_AGO_S
from harness.listings import listing_of
from harness.sparse import HEAD, TAIL, crc32_of_sparse, make_sparse

from archive_service.archive.layout import ArchiveLayout, lay_out

ONES_32 = 0xFFFFFFFF
TIMESTAMP_BYTES = 9
LOCAL_BYTES, CENTRAL_BYTES, END_BYTES = 30, 46, 22
ZIP64_END_BYTES = 56 + 20
LARGE, SMALL, LAST = "large", "a", "z"
SMALL_BYTES = len(HEAD + TAIL)


def local_bytes(name: str) -> int:
    return LOCAL_BYTES + len(name) + TIMESTAMP_BYTES


def central_bytes(name: str) -> int:
    return CENTRAL_BYTES + len(name) + TIMESTAMP_BYTES


@dataclass(frozen=True)
class Edge:
    """An album, and what its archive has to be."""

    files: Mapping[str, int]
    """Sizes by name."""
    archive_bytes: int
    central_offset: int
    zip64_entries: frozenset[str]

    @property
    def is_zip64(self) -> bool:
        return self.central_offset >= ONES_32

    def write(self, album: Path) -> None:
        album.mkdir(parents=True)
        for name, size in self.files.items():
            make_sparse(album / name, size)

    def write_archive(self, path: Path) -> None:
        """Write the archive from a layout, sparse as well, so that no gigabytes are written."""
        layout = self.layout()
        with open(path, "xb") as archive:
            for entry, size in enumerate(layout.sizes):
                archive.seek(layout.header_offsets[entry])
                archive.write(layout.local_file_header(entry, crc32_of_sparse(size)) + HEAD)
                archive.seek(layout.header_offsets[entry + 1] - len(TAIL))
                archive.write(TAIL)
            crc32s = map(crc32_of_sparse, layout.sizes)
            archive.writelines(layout.central_directory_headers(range(layout.entries), crc32s))
            archive.write(layout.end_records)

    def layout(self) -> ArchiveLayout:
        names = [name.encode() for name in self.files]
        count = len(names)
        listing = listing_of(names, self.files.values(), [LONG_AGO_S * 1_000_000_000] * count)
        return lay_out(listing, names, range(count), zone=timezone.utc)


def size_at(size: int) -> Edge:
    """Return an album whose last file has this size."""
    is_wide = size >= ONES_32
    widening = 20 if is_wide else 0  # tag, length, both sizes
    central_offset = local_bytes(SMALL) + SMALL_BYTES + local_bytes(LARGE) + widening + size
    directory = central_bytes(SMALL) + central_bytes(LARGE) + widening
    return Edge(
        {SMALL: SMALL_BYTES, LARGE: size},
        central_offset + directory + ZIP64_END_BYTES + END_BYTES,
        central_offset,
        frozenset({LARGE} if is_wide else ()),
    )


def last_entry_at(offset: int) -> Edge:
    """Return an album whose last local header stands at this offset."""
    is_wide = offset >= ONES_32
    central_offset = offset + local_bytes(LAST) + SMALL_BYTES
    widening = 12 if is_wide else 0  # tag, length, offset
    directory = central_bytes(LARGE) + central_bytes(LAST) + widening
    return Edge(
        {LARGE: offset - local_bytes(LARGE), LAST: SMALL_BYTES},
        central_offset + directory + ZIP64_END_BYTES + END_BYTES,
        central_offset,
        frozenset({LAST} if is_wide else ()),
    )


def directory_at(offset: int) -> Edge:
    """Return an album whose central directory starts at this offset."""
    headers = local_bytes(SMALL) + local_bytes(LARGE)
    end = END_BYTES + (ZIP64_END_BYTES if offset >= ONES_32 else 0)
    return Edge(
        {SMALL: SMALL_BYTES, LARGE: offset - headers - SMALL_BYTES},
        offset + central_bytes(SMALL) + central_bytes(LARGE) + end,
        offset,
        frozenset(),
    )


def followed(size: int) -> Edge:
    """Return an album of a file of this size, from all ones on, and a small one behind it."""
    central_offset = local_bytes(LARGE) + 20 + size + local_bytes(LAST) + SMALL_BYTES
    directory = central_bytes(LARGE) + 20 + central_bytes(LAST) + 12
    return Edge(
        {LARGE: size, LAST: SMALL_BYTES},
        central_offset + directory + ZIP64_END_BYTES + END_BYTES,
        central_offset,
        frozenset({LARGE, LAST}),
    )


AROUND = {"below": ONES_32 - 1, "at": ONES_32, "above": ONES_32 + 1}
EDGES: Mapping[str, Edge] = {
    **{f"size {where}": size_at(value) for where, value in AROUND.items()},
    **{f"offset {where}": last_entry_at(value) for where, value in AROUND.items()},
    **{f"directory {where}": directory_at(value) for where, value in AROUND.items()},
}
