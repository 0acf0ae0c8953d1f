"""What a CRC index must offer: CRC-32 values that outlive a download.

A row belongs to one path of one album and one version of the file behind it (`Listing.versions`:
size, mtime and change token), so a value is never used for other content.
An index only ever saves time: no method raises, a value that can't be had is not there.
All calls block; they are made from one worker thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing

Row = tuple[bytes, bytes, int]
"""Path within the album, version, CRC-32."""


class CrcIndex(Protocol):
    """CRC-32 values by album, path and version."""

    def versions(self, listing: Listing, sources: Sequence[int]) -> Iterator[bytes]:
        """Yield the versions of files as the rows of this index have them."""

    def load(self, archive: ArchiveId) -> Mapping[bytes, tuple[bytes, int]]:
        """Return version and CRC-32 by path of all that is known of an album."""

    def store(self, archive: ArchiveId, rows: Sequence[Row]) -> None:
        """Remember rows; a row replaces the one of the same path."""

    def forget(self, archive: ArchiveId, paths: Iterable[bytes]) -> None:
        """Drop the rows of paths that the album no longer has."""

    def prune(self, albums: Iterable[str]) -> None:
        """Drop the rows of all albums but these."""

    def tidy(self, albums: Iterable[str]) -> None:
        """Make room, as is done every hour; `albums` are all that this machine has."""

    def has_albums(self) -> bool:
        """Tell whether albums of this machine are known."""

    def close(self) -> None:
        """Write what is pending and let go."""
