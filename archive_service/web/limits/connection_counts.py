"""How many connections each of several processes has, where all of them see it."""

from __future__ import annotations

import mmap
from struct import Struct

_COUNT = Struct("I")


def shared_counts(processes: int) -> memoryview:
    """Make a count for each of the processes that are to be forked."""
    return memoryview(mmap.mmap(-1, _COUNT.size * processes)).cast("I")


class Load:
    """The count of one process.

    Nobody else writes it, so there is no lock; the others may be a moment behind.
    Connections that idle count too: the next request may come on any of them.
    """

    def __init__(self, counts: memoryview, number: int) -> None:
        counts[number] = 0  # an earlier process of this number may have left another
        self._counts = counts
        self._number = number

    def change(self, by: int) -> None:
        """Count connections that came or, below zero, went."""
        self._counts[self._number] += by

    def own(self) -> int:
        """Return how many connections this process has."""
        return int(self._counts[self._number])

    def is_above_least(self) -> bool:
        """Tell whether another process has fewer."""
        return self.own() > min(self._counts)
