"""What the service's index knows of an album, read as the next download will."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import each_version
from archive_service.checksums.crc_index.base import CrcIndex, Rows
from archive_service.checksums.crc_index.memory import MemoryCrcIndex
from archive_service.checksums.crc_index.sqlite import SqliteCrcIndex
from archive_service.observe.events import ignore
from archive_service.storage.excluded_names import DEFAULT_PATTERNS, Exclusion
from archive_service.storage.local.storage import LocalStorage


def unknown_files(photos_dir: Path, cache_dir: Path, album: str) -> set[bytes]:
    """Return the paths of an album whose CRC-32, as they are now, the index does not know."""
    archive = ArchiveId.parse(album)
    listing = LocalStorage(photos_dir, Exclusion(DEFAULT_PATTERNS)).list(archive)
    known = _known(cache_dir, archive)
    versions = listing.versions(range(len(listing)))
    return {
        path
        for path, version in zip(listing.paths, each_version(versions), strict=True)
        if not path.endswith(b"/") and known.get(path, (b"", 0))[0] != version
    }


def learn_otherwise(cache_dir: Path, album: str, path: bytes) -> None:
    """Have the index know another CRC-32 of a file, as where the file had changed unseen."""
    archive = ArchiveId.parse(album)
    with _opened(cache_dir) as index:
        version, crc32 = index.load(archive)[path]
        index.store(archive, Rows.of([(path, version, crc32 ^ 1)]))


def _known(cache_dir: Path, archive: ArchiveId) -> Mapping[bytes, tuple[bytes, int]]:
    with _opened(cache_dir) as index:
        return index.load(archive)


@contextmanager
def _opened(cache_dir: Path) -> Iterator[CrcIndex]:
    found = list(cache_dir.glob("crc-*.sqlite3"))
    with closing(SqliteCrcIndex(found[0], ignore) if found else MemoryCrcIndex()) as index:
        yield index
