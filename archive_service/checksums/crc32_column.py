"""The CRC-32 of each file of a listing, or UNKNOWN."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from archive_service.archive.listing import SourceIndex

UNKNOWN = -1


class Crc32Column:
    """CRC-32 values by source; one of them may be set from any thread."""

    def __init__(self, sources: int) -> None:
        self.values = array("q", [UNKNOWN]) * sources

    def is_unknown(self, source: SourceIndex) -> bool:
        """Return whether a value is yet to be learned."""
        return self.values[source] == UNKNOWN

    def learn(
        self, sources: Sequence[SourceIndex], crc32s: Iterable[int], *, read_from_ns: int
    ) -> None:
        """Set values; `read_from_ns` is the Unix time when reading began."""
        for source, value in zip(sources, crc32s, strict=True):
            self.values[source] = value
