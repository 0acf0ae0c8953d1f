"""The rate at which a slow disk gives the large files of one download."""

from __future__ import annotations

import math

_RECENT_BYTES = 8 * 1024 * 1024
"""The latest bytes count whole, those before them half or less."""


class DiskRate:
    """Knows how long a download has waited for the bytes of its files; only such waits count."""

    def __init__(self) -> None:
        self._count = 0
        self._waited_s = 0.0

    def note(self, count: int, waited_s: float) -> None:
        """Note a wait for some bytes."""
        if self._count > _RECENT_BYTES:
            self._count //= 2
            self._waited_s /= 2
        self._count += count
        self._waited_s += waited_s

    def bytes_in(self, seconds: float) -> float:
        """Return how many bytes the disk gives in a time; infinite as long as nothing is known."""
        return self._count / self._waited_s * seconds if self._waited_s else math.inf
