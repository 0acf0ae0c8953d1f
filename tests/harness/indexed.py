"""What the service's index knows of an album, read as the next download will."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from archive_service.archive_id import ArchiveId
from archive_service.crcindex.sqlite import SqliteCrcIndex
from archive_service.exclusion import DEFAULT_PATTERNS, Exclusion
from archive_service.storage.local import LocalStorage


def unknown_files(photos_dir: Path, cache_dir: Path, album: str) -> set[bytes]:
    """Return the paths of an album whose CRC-32, as they are now, the index does not know."""
    archive = ArchiveId.parse(album)
    listing = LocalStorage(photos_dir, Exclusion(DEFAULT_PATTERNS)).list(archive)
    known = _known(cache_dir, archive)
    versions = listing.versions(range(len(listing)))
    return {
        path
        for path, version in zip(listing.paths, versions, strict=True)
        if not path.endswith(b"/") and known.get(path, (b"", 0))[0] != version
    }


def _known(cache_dir: Path, archive: ArchiveId) -> Mapping[bytes, tuple[bytes, int]]:
    found = list(cache_dir.glob("crc-*.sqlite3"))
    if not found:
        return {}
    index = SqliteCrcIndex(found[0], lambda _text: None)
    try:
        return index.load(archive)
    finally:
        index.close()
