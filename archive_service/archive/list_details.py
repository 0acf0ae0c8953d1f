"""What a listing has beside its columns where a list names its files, and not one directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class ListDetails:
    """Where the sources of a list lie, and what the list itself says."""

    origins: Sequence[bytes]
    """The path of each source below the root, its album in front; that of a text has none."""
    texts: Mapping[int, bytes]
    """The content of those sources that the list itself holds."""
    missing: Sequence[str] = ()
    """The names of missing files, which the list permits to leave out."""
    download_name: str | None = None
    """The file name of the archive where its link has none."""

    def origin(self, source: int) -> tuple[str, bytes]:
        """Return the album that a source lies in, and its path in that album."""
        album, _, path = self.origins[source].partition(b"/")
        return album.decode(), path
