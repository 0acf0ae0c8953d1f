"""The rows of a listing in the CRC index: each is of the album that its file lies in.

So what a list's download learns serves the albums, and the other way round.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from zlib_ng import zlib_ng

from archive_service.archive.id import ArchiveId
from archive_service.archive.list_details import ListDetails
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.checksums.crc32_column import UNKNOWN
from archive_service.checksums.crc_index.base import CrcIndex

_OF_NOTHING = 0  # the CRC-32 of a directory


class _AlbumRows(NamedTuple):
    """Sources of one album, and their paths in it."""

    album: ArchiveId
    sources: Sequence[SourceIndex]
    paths: Sequence[bytes]


class IndexRows:
    """The rows of one listing, whose archive is given; all calls block."""

    def __init__(self, archive: ArchiveId, listing: Listing, index: CrcIndex) -> None:
        self._archive = archive
        self._listing = listing
        self._index = index

    def load(self, values: array[int]) -> None:
        """Put what is known into a column."""
        for source, path in enumerate(self._listing.paths):
            if path.endswith(b"/"):
                values[source] = _OF_NOTHING
        listed = self._listing.listed
        for source, text in listed.texts.items() if listed else ():
            values[source] = zlib_ng.crc32(text)
        for rows in self._by_album(range(len(self._listing))):
            self._load(rows, values)

    def store(self, sources: Sequence[SourceIndex], values: array[int]) -> None:
        """Store the values of sources."""
        for album, named, paths in self._by_album(sources):
            versions = self._index.versions(self._listing, named)
            crc32s = map(values.__getitem__, named)
            self._index.store(album, list(zip(paths, versions, crc32s, strict=True)))

    def _load(self, rows: _AlbumRows, values: array[int]) -> None:
        known = self._index.load(rows.album)
        if not known:
            return
        matched = 0
        versions = self._index.versions(self._listing, rows.sources)
        for source, path, version in zip(rows.sources, rows.paths, versions, strict=True):
            known_version, value = known.get(path, (b"", UNKNOWN))
            if version == known_version:
                values[source] = value
                matched += 1
        # A list does not say what else its albums hold.
        is_all = self._listing.listed is None and matched < len(known)
        if is_all and (gone := known.keys() - set(self._listing.paths)):
            self._index.forget(self._archive, gone)

    def _by_album(self, sources: Sequence[int]) -> Iterator[_AlbumRows]:
        named = [SourceIndex(source) for source in sources]
        listed = self._listing.listed
        if listed is None:
            paths = list(map(self._listing.paths.__getitem__, named))
            yield _AlbumRows(self._archive, named, paths)
        else:
            yield from _of_list(listed, named)


def _of_list(listed: ListDetails, sources: Sequence[SourceIndex]) -> Iterator[_AlbumRows]:
    found: defaultdict[bytes, tuple[list[SourceIndex], list[bytes]]]
    found = defaultdict(lambda: ([], []))
    for source in sources:
        album, _, path = listed.origins[source].partition(b"/")
        if album:  # no text
            of_album = found[album]
            of_album[0].append(source)
            of_album[1].append(path)
    for album, (named, paths) in found.items():
        yield _AlbumRows(ArchiveId(album.decode()), named, paths)
