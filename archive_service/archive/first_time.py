"""Remembers what has happened before, so that it is reported once."""

from __future__ import annotations

from collections.abc import Hashable
from threading import Lock

from archive_service.archive.lru import WeightedLRU

NOTED = 10_000
"""Keys remembered; beyond that the least recently seen count as new again."""


class FirstTimes:
    """Remembers keys, so that a thing that recurs is reported once; for calls from any thread."""

    def __init__(self, room: int = NOTED) -> None:
        self._lock = Lock()
        self._noted: WeightedLRU[Hashable, Hashable] = WeightedLRU(room)

    def is_first(self, *key: Hashable) -> bool:
        """Note a key; return whether it is new."""
        with self._lock:
            is_new = self._noted.get(key) is None
            self._noted.put(key, key, weight=1)
        return is_new
