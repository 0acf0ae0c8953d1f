"""A CRC index that lives as long as the process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archive_service.archive_id import ArchiveId
from archive_service.crcindex.base import Row


class MemoryCrcIndex:
    """CRC-32 values in dictionaries; see `CrcIndex`."""

    def __init__(self) -> None:
        self._albums: dict[str, dict[bytes, tuple[bytes, int]]] = {}

    def load(self, archive: ArchiveId) -> Mapping[bytes, tuple[bytes, int]]:
        """Return version and CRC-32 by path."""
        return dict(self._albums.get(archive.value, {}))

    def store(self, archive: ArchiveId, rows: Sequence[Row]) -> None:
        """Remember rows."""
        album = self._albums.setdefault(archive.value, {})
        album.update((path, (version, crc32)) for path, version, crc32 in rows)

    def forget(self, archive: ArchiveId, paths: Iterable[bytes]) -> None:
        """Drop rows."""
        album = self._albums.get(archive.value, {})
        for path in paths:
            album.pop(path, None)

    def prune(self, albums: Iterable[str]) -> None:
        """Drop the rows of all albums but these."""
        kept = set(albums)
        self._albums = {album: rows for album, rows in self._albums.items() if album in kept}

    def close(self) -> None:
        """Do nothing: nothing outlives the process."""
