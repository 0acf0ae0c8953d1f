"""What the rows of an index say of the files of a listing."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from zlib_ng import zlib_ng

from archive_service.archive.file_version import (
    Known,
    known,
    stamps_of,
    with_doubt,
    with_new_content,
    with_stamp,
)
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import ListDetails, Listing, SourceIndex, each_version
from archive_service.archive.long_columns import as_list
from archive_service.checksums.crc32_column import UNKNOWN
from archive_service.checksums.crc_index.base import CrcIndex, Rows
from archive_service.checksums.unread_files import UnreadFiles

_OF_NOTHING = 0  # the CRC-32 of a directory
ALBUM_PATH = b""
"""The path of the row that is about the archive itself; no file has it."""
_Row = tuple[bytes, int]
"""Version and CRC-32."""


class _AlbumRows(NamedTuple):
    """Sources of one album, and their paths in it."""

    album: ArchiveId
    sources: Sequence[SourceIndex]
    paths: Sequence[bytes]


class KnownFiles:
    """CRC-32 values by source, and stamps, of the listing of an archive; methods may block."""

    def __init__(self, archive: ArchiveId, listing: Listing) -> None:
        self.crc32s: dict[SourceIndex, int] = {}
        self.suspected: dict[SourceIndex, int] = {}
        """The CRC-32 that a suspected file has unless it was rewritten; reading it decides."""
        self.stamps: array[int] | None = None if listing.is_of_objects else stamps_of(listing)
        """The stamps of all sources; see `file_version`.  None for objects."""
        self.gone: AbstractSet[bytes] = frozenset()
        """Paths of rows whose files the album has no more."""
        self._inherited: set[SourceIndex] = set()
        self._doubted: set[SourceIndex] = set()
        self.date: tuple[str, int] | None = None
        """An entity tag of the archive and the date that it had."""
        self._archive = archive
        self._listing = listing
        self._matched = 0
        self.crc32s.update(dict.fromkeys(listing.directories(), _OF_NOTHING))
        for source, text in listing.listed.texts.items() if listing.listed else ():
            self.crc32s[SourceIndex(source)] = zlib_ng.crc32(text)

    def load(self, index: CrcIndex) -> None:
        """Take what the rows of an index say."""
        listing = self._listing
        for album in _all_rows_by_album(self._archive, listing):
            rows = index.load(album.album)
            if rows:
                self._take(index, album, rows)
                self._note_gone(rows)
        if listing.listed is not None:
            self._note_date(index.load(self._archive))

    def inherit(self, unread: UnreadFiles, stamps: array[int] | None) -> None:
        """Keep the stamps of an earlier listing whose content is proven to be the present one."""
        listing, earlier = self._listing, unread.listing
        known = self.crc32s.keys() | self.suspected.keys()
        mine = {listing.paths[source]: source for source in listing.files() if source not in known}
        for theirs in unread.unwritten():
            source = mine.get(earlier.paths[theirs])
            if source is None or stamps is None or self.stamps is None:
                continue
            if listing.is_same_file(source, earlier, theirs):
                self.stamps[source] = stamps[theirs]
                self._inherited.add(source)

    def store(
        self,
        index: CrcIndex,
        learned: Iterable[SourceIndex],
        values: Mapping[SourceIndex, int] | Sequence[int],
    ) -> None:
        """Store values that were learned by reading, given those of these sources at least."""
        for album in _rows_by_album(self._archive, self._listing, learned):
            index.store(album.album, self._rows(index, album, values))

    def forget(self, index: CrcIndex, sources: Iterable[SourceIndex]) -> None:
        """Drop the rows of sources, but for doubted ones: no time would show their change."""
        unseen = [source for source in sources if source not in self._doubted]
        for album in _rows_by_album(self._archive, self._listing, unseen):
            index.forget(album.album, album.paths)

    def announced(self, source: SourceIndex) -> int:
        """Return the CRC-32 that a file has unless it was rewritten; UNKNOWN if none is known."""
        return self.crc32s.get(source, self.suspected.get(source, UNKNOWN))

    def contradict(self, source: SourceIndex, crc32: int) -> None:
        """Note that a file has another CRC-32 than its row says, though its times are the same."""
        self.suspected.pop(source, None)
        self.crc32s[source] = crc32
        self._doubted.add(source)

    def doubt(self, index: CrcIndex, crc32s: Mapping[SourceIndex, int]) -> None:
        """Have files read again before anything of them is sent, though no time shows a change."""
        stamps = self.stamps
        if stamps is None:  # an object's entity tag shows its change
            return
        for album in _rows_by_album(self._archive, self._listing, crc32s):
            versions = each_version(index.versions(self._listing, album.sources))
            of_album = zip(album.sources, versions, strict=True)
            doubted = b"".join(with_doubt(listed, stamps[s]) for s, listed in of_album)
            values = as_list(map(crc32s.__getitem__, album.sources))
            index.store(album.album, Rows(album.paths, doubted, values))

    def others(self, learned: Mapping[SourceIndex, int]) -> dict[SourceIndex, int]:
        """Return the values of files with other content than their size and mtime suggest."""
        if not (self.suspected or self.crc32s):
            return {}
        return {s: crc32 for s, crc32 in learned.items() if self._is_another(s, crc32)}

    def _is_another(self, source: SourceIndex, crc32: int) -> bool:
        return self.suspected.get(source, self.crc32s.get(source, crc32)) != crc32

    def _take(self, index: CrcIndex, album: _AlbumRows, rows: Mapping[bytes, _Row]) -> None:
        versions = each_version(index.versions(self._listing, album.sources))
        for source, path, listed in zip(album.sources, album.paths, versions, strict=True):
            row = rows.get(path)
            if row is None:
                continue
            self._matched += 1
            if row[0] == listed:
                self.crc32s[source] = row[1]
            elif self.stamps is not None and (found := known(row[0], listed)):
                self.stamps[source] = found.stamp
                (self.suspected if found.is_suspected else self.crc32s)[source] = row[1]
                if found.is_doubted:
                    self._doubted.add(source)

    def _note_gone(self, rows: Mapping[bytes, _Row]) -> None:
        if self._listing.listed is not None:  # a list does not say what else its albums hold
            return
        self._note_date(rows)
        # All files at once: more likely what was mounted here is not mounted.
        if len(rows) > self._matched and self._listing.has_files():
            self.gone = rows.keys() - {*self._listing.paths, ALBUM_PATH}

    def _note_date(self, rows: Mapping[bytes, _Row]) -> None:
        if row := rows.get(ALBUM_PATH):
            self.date = f'"{row[0].decode(errors="replace")}"', row[1]

    def _rows(
        self,
        index: CrcIndex,
        album: _AlbumRows,
        values: Mapping[SourceIndex, int] | Sequence[int],
    ) -> Rows:
        versions = index.versions(self._listing, album.sources)
        if self.suspected or self.crc32s or self._inherited:  # else all are as listed
            versions = b"".join(
                self._version(source, listed, values[source])
                for source, listed in zip(album.sources, each_version(versions), strict=True)
            )
        return Rows(album.paths, versions, as_list(map(values.__getitem__, album.sources)))

    def _version(self, source: SourceIndex, listed: bytes, crc32: int) -> bytes:
        if self.stamps is None:
            return listed
        if self._is_another(source, crc32):
            is_doubted = source in self._doubted
            before = Known(self.stamps[source], source in self.suspected, is_doubted)
            return with_new_content(listed, crc32, before)
        has_row = source in self.suspected or source in self.crc32s
        has_stamp = has_row or source in self._inherited
        return with_stamp(listed, self.stamps[source]) if has_stamp else listed


def _rows_by_album(
    archive: ArchiveId, listing: Listing, sources: Iterable[SourceIndex]
) -> Iterator[_AlbumRows]:
    """Yield sources of the listing of an archive, by the albums that they lie in.

    A row of the index is of its file's album, so albums and lists share what they learn.
    """
    named = as_list(sources)
    if listing.listed is None:
        yield _AlbumRows(archive, named, as_list(map(listing.paths.__getitem__, named)))
    else:
        yield from _of_list(listing.listed, named)


def _all_rows_by_album(archive: ArchiveId, listing: Listing) -> Iterator[_AlbumRows]:
    """Yield all sources of a listing in the same way."""
    if listing.listed is None:
        yield _AlbumRows(archive, listing.sources(), listing.paths)
    else:
        yield from _of_list(listing.listed, listing.sources())


def _of_list(listed: ListDetails, sources: Iterable[SourceIndex]) -> Iterator[_AlbumRows]:
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
