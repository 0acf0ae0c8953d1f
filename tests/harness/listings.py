"""Listings of albums that lie on no disk, and their archives."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from operator import add
from zlib import crc32

from archive_service.archive.file_version import stamps_of
from archive_service.archive.fingerprint import fingerprint_of
from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.listing import CHANGE_TOKEN_SIZE, Listing
from archive_service.archive.representation import ArchiveOptions, Representation, represent

_USUAL_MTIME_NS = 10**18


def listing_of(
    paths: Sequence[bytes],
    sizes: Iterable[int],
    mtimes_ns: Iterable[int] | None = None,
    modes: Iterable[int] | None = None,
    *,
    newest_ns: int = 0,
) -> Listing:
    """Return the listing of an album; usually all files have one time, and the mode 644."""
    count = len(paths)
    times_ns = [_USUAL_MTIME_NS] * count if mtimes_ns is None else mtimes_ns
    return Listing(
        paths,
        paths,
        array("Q", sizes),
        array("q", times_ns),
        array("H", [0o644] * count if modes is None else modes),
        bytes(CHANGE_TOKEN_SIZE * count),
        newest_ns,
        newest_ns,
    )


def packed(layout: ArchiveLayout, content: Sequence[bytes]) -> bytes:
    """Put an archive together in memory, given the content of each entry."""
    entries, crc32s = range(layout.entries), list(map(crc32, content))
    local = map(add, layout.local_file_headers(entries, crc32s), content)
    central = layout.central_directory_headers(entries, crc32s)
    return b"".join((*local, *central, layout.end_records))


class ContentsWithoutIndex:
    """The contents of a listing without an index; see `Contents`."""

    def __init__(self, listing: Listing) -> None:
        self.stamps = None if listing.is_of_objects else stamps_of(listing)

    def date_of(self, etag: str) -> None: ...


def represented(
    archive: ArchiveId, layout: ArchiveLayout, options: ArchiveOptions
) -> Representation:
    """Add the validators that an archive has without an index."""
    listing = layout.listing
    contents = ContentsWithoutIndex(listing)
    return represent(archive, layout, fingerprint_of(listing), options, contents)
