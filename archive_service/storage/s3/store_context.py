"""The parts that all files of a store share."""

from __future__ import annotations

from archive_service.storage.s3.checksum_probe import ChecksumProbe
from archive_service.storage.s3.loop import LoopThread
from archive_service.storage.s3.memory_budget import Kept, MemoryBudget
from archive_service.storage.s3.objects import Objects


class StoreContext:
    """The loop that fetches objects, and the memory budgets for their bytes."""

    def __init__(self, loop: LoopThread, objects: Objects, *, memory_bytes: int) -> None:
        self.loop = loop
        self.objects = objects
        self.kept = Kept(memory_bytes // 2)
        """Objects that are hashed and wait to be sent."""
        self.ahead = MemoryBudget(memory_bytes - memory_bytes // 2)
        """Bytes fetched ahead of their readers."""
        self.checksum_probe = ChecksumProbe()
