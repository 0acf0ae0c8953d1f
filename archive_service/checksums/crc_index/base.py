"""The interface of a CRC index, which keeps CRC-32 values between downloads.

A row belongs to one path of one album and one version of the file behind it (`Listing.versions`:
size, mtime and change token), so a value is never used for other content.
An index only saves time: no method raises, and a value that can't be read is treated as unknown.
All calls block; one worker thread makes them.

An index on a server that machines share is a `Store` (`block_store.py`), which `SharedCrcIndex`
wraps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import (
    VERSION_SIZE,
    Listing,
    SourceIndex,
    each_version,
)

Row = tuple[bytes, bytes, int]
"""Path within the album, version, CRC-32."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one album as columns: an object for each would take longer than to store it."""

    paths: Sequence[bytes]
    versions: bytes
    """VERSION_SIZE bytes for each row."""
    crc32s: Sequence[int]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Rows:
        """Return rows as columns."""
        versions = b"".join(version for _, version, _ in rows)
        return cls([path for path, _, _ in rows], versions, [crc32 for _, _, crc32 in rows])

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Row]:
        return zip(self.paths, each_version(self.versions), self.crc32s, strict=True)

    def between(self, start: int, stop: int) -> Rows:
        """Return the rows from `start` up to `stop`."""
        versions = self.versions[start * VERSION_SIZE : stop * VERSION_SIZE]
        return Rows(self.paths[start:stop], versions, self.crc32s[start:stop])


class CrcIndex(Protocol):
    """CRC-32 values by album, path and version."""

    def versions(self, listing: Listing, sources: Sequence[SourceIndex]) -> bytes:
        """Return the versions of files in the form that this index stores; see `Listing`.

        With change tokens, which are valid on one machine.
        """
        return listing.versions(sources)

    def load(self, archive: ArchiveId) -> Mapping[bytes, tuple[bytes, int]]:
        """Return version and CRC-32 by path for all known files of an album."""

    def store(self, archive: ArchiveId, rows: Rows) -> None:
        """Store rows; a row replaces the one of the same path."""

    def forget(self, archive: ArchiveId, paths: Iterable[bytes]) -> None:
        """Drop the rows of paths that the album no longer has."""

    def prune(self, albums: Iterable[str]) -> None:
        """Drop the rows of all albums but these."""

    def tidy(self, albums: Iterable[str]) -> None:
        """Make room, every hour; `albums` are all that this machine has."""
        self.prune(albums)

    def has_albums(self) -> bool:
        """Return whether the index has rows for albums of this machine."""

    def place(self) -> str:
        """Name the directory whose disk the calls may wait for; empty if none of them hangs."""
        return ""

    def close(self) -> None:
        """Write pending rows and close the index."""


def album_digest(archive: str) -> bytes:
    """Return the key of an album in every index, 16 bytes.

    A digest, because the album's id is a password.
    """
    return blake2b(
        archive.encode(errors="surrogateescape"), digest_size=16, person=b"crc index album"
    ).digest()
