"""A CRC index that lives as long as the process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from archive_service.archive.id import ArchiveId
from archive_service.checksums.crc_index.base import CrcIndex, Rows

MOST_ROWS = 200_000
"""About 50 MB of rows."""


class MemoryCrcIndex(CrcIndex):
    """CRC-32 values in dictionaries; see `CrcIndex`.

    When there are too many rows, the albums stored first are evicted.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._albums: dict[str, dict[bytes, tuple[bytes, int]]] = {}

    def load(self, archive: ArchiveId) -> Mapping[bytes, tuple[bytes, int]]:
        """Return version and CRC-32 by path."""
        return dict(self._albums.get(archive.value, {}))

    def store(self, archive: ArchiveId, rows: Rows) -> None:
        """Store rows."""
        if not rows:
            return
        album = self._albums.setdefault(archive.value, {})
        self._rows -= len(album)
        album.update((path, (version, crc32)) for path, version, crc32 in rows)
        self._rows += len(album)
        while self._rows > MOST_ROWS:
            self._drop(next(iter(self._albums)))

    def forget(self, archive: ArchiveId, paths: Iterable[bytes]) -> None:
        """Drop rows."""
        album = self._albums.get(archive.value)
        if album is None:
            return
        self._rows -= len(album)
        for path in paths:
            album.pop(path, None)
        self._rows += len(album)
        if not album:
            del self._albums[archive.value]

    def prune(self, albums: Iterable[str]) -> None:
        """Drop the rows of all albums but these."""
        kept = set(albums)
        for album in self._albums.keys() - kept:
            self._drop(album)

    def has_albums(self) -> bool:
        """Return whether there are rows."""
        return bool(self._albums)

    def oldest(self, most_rows: int) -> tuple[ArchiveId, Rows] | None:
        """Return rows of the album that was stored first; None if there are no rows."""
        for album, rows in self._albums.items():
            some = islice(rows.items(), most_rows)
            return ArchiveId(album), Rows.of([(path, *row) for path, row in some])
        return None

    def _drop(self, album: str) -> None:
        self._rows -= len(self._albums.pop(album))

    def close(self) -> None:
        """Do nothing: nothing outlives the process."""
