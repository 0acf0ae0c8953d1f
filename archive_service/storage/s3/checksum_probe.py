"""Whether it is worth a request to ask the store for a checksum."""

from __future__ import annotations

_IN_VAIN = 16
"""After so many answers without a checksum, one object in so many is asked for."""


class ChecksumProbe:
    """Learns from what the store has told: many hold no checksum of any object."""

    def __init__(self) -> None:
        self._in_vain = 0
        self._passed_over = 0

    def is_good(self) -> bool:
        """Tell whether to ask for that of the next object."""
        if self._in_vain < _IN_VAIN:
            return True
        self._passed_over = (self._passed_over + 1) % _IN_VAIN
        return not self._passed_over

    def told(self, crc32: int | None) -> None:
        """Note what came of it."""
        self._in_vain = self._in_vain + 1 if crc32 is None else 0
