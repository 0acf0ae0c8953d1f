"""Where hashing and the index run: threads that the event loop never waits in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as NoAnswer
from threading import Semaphore

from archive_service.checksums.begun_hashes import BegunHashes
from archive_service.checksums.crc_index.base import CrcIndex
from archive_service.checksums.files_kept_open import MOST_KEPT
from archive_service.checksums.hash_queue import HashQueue
from archive_service.observe.events import Observe, ignore
from archive_service.storage.disk_demand import DiskDemand
from archive_service.storage.local.write_watches import WriteWatches

INDEX_WITHIN_S = 3.0
"""How long a description waits for the index, whose own answers have a deadline of a second."""


class HashThreads:
    """The threads; `observe` gets a HashingBacklogChanged as files begin and cease to wait."""

    def __init__(
        self,
        index: CrcIndex,
        hashing: Executor,
        indexing: Executor,
        observe: Observe = ignore,
        demand: DiskDemand | None = None,
    ) -> None:
        self.index = index
        self.hashing = HashQueue(hashing)
        self.begun = BegunHashes()
        self.kept_room = Semaphore(MOST_KEPT)
        self.write_watches = WriteWatches()
        self.observe = observe
        self.demand = demand or DiskDemand()
        self._indexing = indexing
        self.index_within_s = INDEX_WITHIN_S
        self.reads_behind = False
        """Whether all suspected files are read behind a request for their album."""
        self._unanswered: Future[None] | None = None

    def in_index_thread(self, work: Callable[[], None]) -> Future[None]:
        """Run work in the one thread that uses the index, in the order of the calls."""
        return self._indexing.submit(work)

    def wait_for_index(self, work: Future[None]) -> None:
        """Wait for work in the index thread, up to `index_within_s`; raise what it raises; blocks.

        Do not wait at all while an earlier wait is still unanswered.
        """
        last = self._unanswered
        try:
            work.result(0 if last and not last.done() else self.index_within_s)
        except NoAnswer:
            if work.done():
                raise
            self._unanswered = last if last and not last.done() else work
