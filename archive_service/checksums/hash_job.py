"""The hashing jobs of an album, and the downloads that wait for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from archive_service.archive.errors import DownloadFailed
from archive_service.archive.listing import SourceIndex
from archive_service.observe.events import Observe
from archive_service.observe.index_events import HashingBacklogChanged


class HashJob:
    """Files to hash while a download waits for them."""

    def __init__(self, sources: Sequence[SourceIndex]) -> None:
        self.sources = sources
        self.abandoned = threading.Event()
        self.done: asyncio.Future[None] | None = None
        self._waiters = 0

    def is_under_way(self) -> bool:
        """Return whether a download can join the job."""
        return self.done is None or not self.done.done()

    def join(self) -> None:
        """Add a waiter; match each call by one of `leave`.

        A job that was just abandoned goes on, or ends without its values and is asked for again.
        """
        self._waiters += 1
        self.abandoned.clear()

    def leave(self) -> None:
        """Remove a waiter; the last to leave stops the work."""
        self._waiters -= 1
        if not self._waiters:
            self.abandoned.set()

    async def finished(self) -> None:
        """Wait until the values are known; raise DownloadFailed where a file can't be hashed."""
        if self.done is not None:
            await asyncio.shield(self.done)


class HashJobs:
    """The jobs of one album; for calls from one event loop.

    `begin` has a job run in threads.  `observe` gets a HashingBacklogChanged as files begin and
    cease to wait.
    """

    def __init__(
        self,
        is_unknown: Callable[[SourceIndex], bool],
        begin: Callable[[HashJob], Future[None]],
        observe: Observe,
    ) -> None:
        self._is_unknown = is_unknown
        self._begin = begin
        self._observe = observe
        self._jobs: dict[SourceIndex, HashJob] = {}

    def request(self, sources: Sequence[SourceIndex]) -> HashJob:
        """Have files hashed, or join the work under way; the caller has to `leave` the job."""
        job = self._under_way(sources[0]) or self._start(sources)
        job.join()
        return job

    def has(self, source: SourceIndex) -> bool:
        """Return whether a job has the file; for calls from any thread."""
        return source in self._jobs

    async def hashed(self, source: SourceIndex) -> None:
        """Wait until a value is known; raise DownloadFailed where the file can't be hashed."""
        while self._is_unknown(source):
            job = self.request([source])
            try:
                await job.finished()
            except DownloadFailed:
                # Otherwise it was another file's failure, in a job of another download.
                if job.sources == [source]:
                    raise
            finally:
                job.leave()

    def _start(self, sources: Sequence[SourceIndex]) -> HashJob:
        job = HashJob([s for s in sources if self._is_unknown(s) and not self._under_way(s)])
        self._jobs.update(dict.fromkeys(job.sources, job))
        self._observe(HashingBacklogChanged(len(job.sources)))
        job.done = asyncio.wrap_future(self._begin(job))
        job.done.add_done_callback(lambda done: self._end(job, done))
        return job

    def _under_way(self, source: SourceIndex) -> HashJob | None:
        job = self._jobs.get(source)
        return job if job is not None and job.is_under_way() else None

    def _end(self, job: HashJob, done: asyncio.Future[None]) -> None:
        self._observe(HashingBacklogChanged(-len(job.sources)))
        for source in job.sources:
            if self._jobs.get(source) is job:
                del self._jobs[source]
        if not done.cancelled():
            done.exception()  # retrieved here too: all waiters may have left
