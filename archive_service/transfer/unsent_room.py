"""How much the kernel buffers of each download beyond the data in flight.

Thousands of slow clients, with a few hundred kilobytes each, would fill the system's memory for
TCP, and then all clients wait.  A quick client empties the buffer at once; the more it holds, the
less often the event loop is woken.  But the loop refills it in one go, and everybody else waits
meanwhile.  So the quick downloads of a process share one room.
"""

from __future__ import annotations

from collections.abc import Hashable

UNSENT_BYTES = 128 * 1024
"""The most for a slow download."""
ROOM_BYTES = 2 * 1024 * 1024
"""The most for all quick downloads together, if that is more for each.  Twice as much saves little
more CPU time."""
_QUICK_PIECE_BYTES = 2 * 1024 * 1024
"""A client that takes pieces of this size is quick."""


class UnsentRoom:
    """Divides the room among the quick downloads of one process."""

    def __init__(self) -> None:
        self._quick: set[Hashable] = set()

    def limit_bytes(self, download: Hashable, *, piece_bytes: int) -> int:
        """Return how much the kernel may buffer of a download, given the size of its pieces."""
        if piece_bytes < _QUICK_PIECE_BYTES:
            self._quick.discard(download)
            return UNSENT_BYTES
        self._quick.add(download)
        return max(ROOM_BYTES // len(self._quick), UNSENT_BYTES)

    def leave(self, download: Hashable) -> None:
        """Give the room of a download to the others."""
        self._quick.discard(download)
