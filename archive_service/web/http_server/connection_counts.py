"""The connections of each process, in memory that all of them share."""

from __future__ import annotations

import mmap
from struct import Struct

_COUNT = Struct("I")


def shared_counts(processes: int) -> memoryview:
    """Allocate a count for each of the processes to be forked."""
    return memoryview(mmap.mmap(-1, _COUNT.size * processes)).cast("I")


class ConnectionCount:
    """The count of one process.

    Only this process writes it, so it needs no lock; others may read an older value.
    Idle connections count, too: the next request may come on any of them.
    """

    def __init__(self, counts: memoryview, number: int) -> None:
        counts[number] = 0  # an earlier process of this number may have left its count
        self._counts = counts
        self._number = number

    def change(self, by: int) -> None:
        """Add connections; a negative number removes them."""
        self._counts[self._number] += by

    def own(self) -> int:
        """Return how many connections this process has."""
        return int(self._counts[self._number])

    def is_above_least(self) -> bool:
        """Return whether another process has fewer."""
        return self.own() > min(self._counts)
