"""The parts that all files of a store share."""

from __future__ import annotations

from archive_service.storage.s3.bucket import Bucket
from archive_service.storage.s3.loop import LoopThread
from archive_service.storage.s3.memory_budget import Kept, MemoryBudget

_IN_VAIN = 16
"""After this many answers without a checksum, the store is asked once for as many objects."""


class ChecksumProbe:
    """Learns from the store's answers: many stores have no checksums at all."""

    def __init__(self) -> None:
        self._in_vain = 0
        self._passed_over = 0

    def is_worthwhile(self) -> bool:
        """Return whether to ask for the next object's checksum."""
        if self._in_vain < _IN_VAIN:
            return True
        self._passed_over = (self._passed_over + 1) % _IN_VAIN
        return not self._passed_over

    def record(self, crc32: int | None) -> None:
        """Record the store's answer."""
        self._in_vain = self._in_vain + 1 if crc32 is None else 0


class StoreContext:
    """The loop that fetches objects, and the memory budgets for their bytes."""

    def __init__(self, loop: LoopThread, objects: Bucket, *, memory_bytes: int) -> None:
        self.loop = loop
        self.objects = objects
        self.kept = Kept(memory_bytes // 2)
        """Objects that are hashed and wait to be sent."""
        self.ahead = MemoryBudget(memory_bytes - memory_bytes // 2)
        """Bytes fetched ahead of their readers."""
        self.checksum_probe = ChecksumProbe()
