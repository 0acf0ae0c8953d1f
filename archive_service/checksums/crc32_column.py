"""The CRC-32 of each file of a listing, or UNKNOWN."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from archive_service.archive.errors import SourceChanged, SourceSuspected
from archive_service.archive.listing import SourceIndex

UNKNOWN = -1


class Crc32Column:
    """CRC-32 values by source; one of them may be set from any thread."""

    def __init__(self, sources: int) -> None:
        self.values = array("q", [UNKNOWN]) * sources
        self._first_unknown = 0
        """Before it no value is unknown."""

    def is_unknown(self, source: SourceIndex) -> bool:
        """Return whether a value is yet to be learned."""
        return self.values[source] == UNKNOWN

    def is_complete(self) -> bool:
        """Return whether no value is unknown; one that is known stays so."""
        return next(self.unknown(), None) is None

    def are_unknown(self, sources: Sequence[SourceIndex]) -> bool:
        """Return whether all of these values are yet to be learned."""
        if isinstance(sources, range):  # as of an album in order: one call for all of them
            return self.values[sources.start : sources.stop].count(UNKNOWN) == len(sources)
        return all(map(self.is_unknown, sources))

    def unknown(self) -> Iterator[SourceIndex]:
        """Yield the sources whose values are unknown, in order.

        What is known from the start on is looked at once, not at each call.
        """
        source = self._first_unknown
        with suppress(ValueError):
            self._first_unknown = source = self.values.index(UNKNOWN, source)
            while True:
                yield SourceIndex(source)
                source = self.values.index(UNKNOWN, source + 1)

    def is_suspected(self, source: SourceIndex) -> bool:
        """Return whether the data of a file, too, waits until its value is learned."""
        return False

    def learn(
        self, sources: Sequence[SourceIndex], crc32s: Iterable[int], *, read_from_ns: int
    ) -> None:
        """Set values; `read_from_ns` is the Unix time when reading began."""
        column = array("q", crc32s)
        if isinstance(sources, range) and len(column) == len(sources):
            self.values[sources.start : sources.stop] = column
            return
        for source, value in zip(sources, column, strict=True):
            self.values[source] = value


def check_suspected(
    suspected: SourceSuspected, source: SourceIndex, *, crc32: int, announced: int
) -> None:
    """Raise SourceChanged unless a suspected file, which was read, is what it was.

    It is so where it has the announced CRC-32.  If none was announced, UNKNOWN, the ctime
    decides: nothing that was sent before could be compared.
    """
    is_same = suspected.is_inode_alone if announced == UNKNOWN else crc32 == announced
    if not is_same:
        raise rewritten(source)


@contextmanager
def checked_suspicion(source: SourceIndex, crc32: int, announced: int) -> Iterator[None]:
    """Do `check_suspected` where the block raises SourceSuspected of a file that was read."""
    try:
        yield
    except SourceSuspected as suspected:
        check_suspected(suspected, source, crc32=crc32, announced=announced)


def rewritten(source: SourceIndex) -> SourceChanged:
    """Return the failure for a file that has another content than announced."""
    error = SourceChanged("rewritten")
    error.source = source
    return error
