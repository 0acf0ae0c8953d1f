"""Hashing ahead of the send position, so that headers don't wait for their CRC-32.

Small files don't need it: they are hashed when they are read to be sent.  Hashed ahead are first
the large files that are yet to be sent: the next one always, others within a distance.  Then come
the files that the range skips but whose CRC-32 its part of the central directory needs.

A job has few files while the sender is close behind it, and more when it is far away: to begin
and to end a job takes as long as to hash a megabyte.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress

from archive_service.archive.errors import DownloadFailed
from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.listing import SourceIndex
from archive_service.archive.segments import EntryIndex
from archive_service.checksums.album import AlbumChecksums
from archive_service.checksums.file_hashing import hash_groups
from archive_service.checksums.hash_job import HashJob
from archive_service.checksums.hash_queue import SMALL_BYTES

HASH_AHEAD_BYTES = 64 * 1024 * 1024
"""How far ahead of the send position files are hashed, beyond the one that is next."""
JOBS_AT_ONCE = 2
"""Hash jobs of one download under way at once."""
_JOB_BYTES, _JOB_PART = SMALL_BYTES, 4
"""The most bytes of several files in one job, and the part of the bytes that the sender has yet to
send before it needs the first of them: then it seldom waits for the others."""
_PROMPT_JOB_BYTES = 2 * 1024 * 1024
"""What a job may have anyway on a local disk.  With a file in each, hashing photographs would be
slower than the sender, which would stay close behind."""


class HashingAhead:
    """The hashing that the bytes from `start` up to `stop` of an archive need; for one download.

    It ignores failures: the download meets them when it asks for the value.
    """

    def __init__(self, layout: ArchiveLayout, checksums: AlbumChecksums) -> None:
        self._layout = layout
        self._checksums = checksums
        self._position = 0
        self._moved = asyncio.Event()
        self._jobs: deque[HashJob] = deque()

    async def run(self, start: int, stop: int) -> None:
        """Keep hashing ahead of the position until everything is under way or cancelled."""
        try:
            await self._hash_unsent(start, stop)
            for sources in hash_groups(self._layout.listing, self._skipped(start, stop)):
                await self._hash(sources)
            while self._jobs:
                await self._finish_oldest()
        finally:
            for job in self._jobs:
                job.leave()

    def reached(self, offset: int) -> None:
        """Note the send position, bytes from the start of the archive."""
        self._position = offset
        self._moved.set()

    async def _hash_unsent(self, start: int, stop: int) -> None:
        layout, jobs = self._layout, self._checksums.jobs
        unsent = self._unsent(start, stop)
        entry = next(unsent, None)
        previous = 0
        while entry is not None:
            await self._until(min(previous, layout.header_offsets[entry] - HASH_AHEAD_BYTES))
            together, room = [layout.sources[entry]], self._room_beside(entry)
            previous = layout.header_offsets[entry]
            while (entry := next(unsent, None)) is not None:
                room -= layout.sizes[entry]
                if room < 0 or jobs.has(layout.sources[entry]):
                    break
                together.append(layout.sources[entry])
                previous = layout.header_offsets[entry]
            await self._hash(together)

    def _unsent(self, start: int, stop: int) -> Iterator[EntryIndex]:
        """Yield the large files whose CRC-32 is unknown, and in the range."""
        large, entries = self._layout.large_entries, self._layout.entries_between(start, stop)
        unsent = large[bisect_left(large, entries.start) : bisect_left(large, entries.stop)]
        for entry in map(EntryIndex, unsent):
            is_unknown = self._checksums.is_unknown(self._layout.sources[entry])
            if is_unknown and self._layout.covers_crc32(entry, start, stop):
                yield entry

    def _room_beside(self, entry: EntryIndex) -> int:
        """Return how many bytes of other files are hashed in the job of a file."""
        unsent_bytes = self._layout.header_offsets[entry] - self._position
        least_bytes = _PROMPT_JOB_BYTES if self._checksums.is_prompt() else 0
        room = max(least_bytes, min(_JOB_BYTES, unsent_bytes // _JOB_PART))
        return room - self._layout.sizes[entry]

    def _skipped(self, start: int, stop: int) -> Iterator[SourceIndex]:
        """Yield the sources before the range that its central directory headers name."""
        for entry in self._layout.central_headers_between(start, stop):
            if self._layout.header_offsets[entry] >= start:
                break
            source = self._layout.sources[entry]
            if self._checksums.is_unknown(source):
                yield source

    async def _until(self, position: int) -> None:
        while self._position < position:
            self._moved.clear()
            await self._moved.wait()

    async def _hash(self, sources: Sequence[SourceIndex]) -> None:
        """Have files hashed in one job, or join those that other downloads have begun."""
        while sources:
            while len(self._jobs) >= JOBS_AT_ONCE:
                await self._finish_oldest()
            unknown = list(filter(self._checksums.is_unknown, sources))
            if not unknown:
                return
            job = self._checksums.jobs.request(unknown)
            self._jobs.append(job)
            sources = [source for source in unknown[1:] if source not in job.sources]

    async def _finish_oldest(self) -> None:
        with suppress(DownloadFailed):
            await self._jobs[0].finished()
        self._jobs.popleft().leave()
