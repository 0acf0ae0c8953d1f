"""What all files of a store share."""

from __future__ import annotations

from archive_service.storage.s3.checksum_probe import ChecksumProbe
from archive_service.storage.s3.loop import LoopThread
from archive_service.storage.s3.memory_budget import Kept, MemoryBudget
from archive_service.storage.s3.objects import Objects


class StoreContext:
    """The loop in which objects are fetched, and the memory that may hold their bytes."""

    def __init__(self, loop: LoopThread, objects: Objects, *, memory_bytes: int) -> None:
        self.loop = loop
        self.objects = objects
        self.kept = Kept(memory_bytes // 2)
        """Between being hashed and being sent."""
        self.ahead = MemoryBudget(memory_bytes - memory_bytes // 2)
        """Fetched ahead of the reader."""
        self.expectation = ChecksumProbe()
