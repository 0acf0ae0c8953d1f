"""The rows of a listing in the CRC index: each is of the album that its file lies in.

So what a list's download learns serves the albums, and the other way round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import ListDetails, Listing, SourceIndex


class AlbumRows(NamedTuple):
    """Sources of one album, and their paths in it."""

    album: ArchiveId
    sources: Sequence[SourceIndex]
    paths: Sequence[bytes]


def rows_by_album(
    archive: ArchiveId, listing: Listing, sources: Iterable[SourceIndex]
) -> Iterator[AlbumRows]:
    """Yield sources of the listing of an archive, by the albums that they lie in."""
    named = list(sources)
    if listing.listed is None:
        yield AlbumRows(archive, named, list(map(listing.paths.__getitem__, named)))
    else:
        yield from _of_list(listing.listed, named)


def _of_list(listed: ListDetails, sources: Iterable[SourceIndex]) -> Iterator[AlbumRows]:
    found: defaultdict[bytes, tuple[list[SourceIndex], list[bytes]]]
    found = defaultdict(lambda: ([], []))
    for source in sources:
        album, _, path = listed.origins[source].partition(b"/")
        if album:  # no text
            of_album = found[album]
            of_album[0].append(source)
            of_album[1].append(path)
    for album, (named, paths) in found.items():
        yield AlbumRows(ArchiveId(album.decode()), named, paths)
