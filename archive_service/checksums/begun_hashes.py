"""Keeps unfinished hashes of large files."""

from __future__ import annotations

from threading import Lock

from archive_service.archive.lru import WeightedLRU
from archive_service.checksums.hash_blocks import HashState, begin_hash

_KEPT = 10_000
"""States kept, a few hundred bytes each."""
HashKey = tuple[str, bytes, bytes]
"""Album, path and version of a file."""


class BegunHashes:
    """States by file, so that a new attempt continues the last one; for calls from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._states: WeightedLRU[HashKey, HashState] = WeightedLRU(_KEPT)

    def state(self, key: HashKey) -> HashState:
        """Return the state to continue from; without a kept one, that of a new hash."""
        with self._lock:
            return self._states.get(key) or begin_hash()

    def keep(self, key: HashKey, state: HashState) -> None:
        """Keep a state, unless a later one of the same file is there."""
        with self._lock:
            known = self._states.get(key)
            if known is None or known.offset < state.offset:
                self._states.put(key, state, weight=1)

    def forget(self, key: HashKey) -> None:
        """Drop the state of a file, so that its next hash begins anew."""
        with self._lock:
            self._states.drop(key)
