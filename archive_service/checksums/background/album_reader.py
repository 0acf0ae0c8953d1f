"""Hashing an album's files one after another, in a thread that is in no hurry.

What has just been uploaded is still in memory and costs no disk.  A file that is not in memory is
not left there, or else a pass over old albums would drive out what visitors download.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import accumulate

from zlib_ng import zlib_ng

from archive_service.archive.errors import SourceUnreadable
from archive_service.archive.listing import Listing
from archive_service.archive.segments import LARGE_FILE_BYTES
from archive_service.checksums.album import BLOCK_SIZE, UNKNOWN, AlbumChecksums, thread_block
from archive_service.checksums.background.page_hints import pages_of
from archive_service.checksums.background.throttle import Throttle
from archive_service.storage.base import AlbumFiles, SourceFile

_GROUP_FILES, _GROUP_BYTES = 64, 8 * 1024 * 1024
"""Small files read in one call."""
_FROM_MEMORY_S = 50e-6
"""A small file that takes longer, one with another, has come from the disk."""


class Reading:
    """The hashing of one album's files."""

    def __init__(self, listing: Listing, album: AlbumChecksums, pace: Throttle) -> None:
        self.listing = listing
        self.files = 0
        """How many have been hashed."""
        self._album = album
        self._pace = pace

    def read(self, files: AlbumFiles, group: Sequence[int]) -> None:
        """Hash one large file or several small ones, but for those that can't be read.

        Raise SourceChanged or Stopped.
        """
        unknown = [source for source in group if self._is_unknown(source)]
        while unknown:
            try:
                if self.listing.sizes[unknown[0]] >= LARGE_FILE_BYTES:
                    self._large(files, unknown[0])
                else:
                    self._small(files, unknown)
                return
            except SourceUnreadable as error:
                unknown.remove(unknown[0] if error.source is None else error.source)

    def _is_unknown(self, source: int) -> bool:
        return self._album.values[source] == UNKNOWN

    def _small(self, files: AlbumFiles, sources: Sequence[int]) -> None:
        sizes = [self.listing.sizes[source] for source in sources]
        stops = list(accumulate(sizes))
        positions = [stop - size for stop, size in zip(stops, sizes, strict=True)]
        buffer = memoryview(bytearray(stops[-1]))
        read_from_ns, started_s = time.time_ns(), time.monotonic()
        files.read_into(buffer, sources, positions)
        is_cold = time.monotonic() - started_s > len(sources) * _FROM_MEMORY_S
        spans = zip(positions, stops, strict=True)
        crc32s = [zlib_ng.crc32(buffer[start:stop]) for start, stop in spans]
        self._album.learn(sources, crc32s, read_from_ns=read_from_ns)
        self.files += len(sources)
        self._pace.keep(cold_bytes=len(buffer) if is_cold else 0)

    def _large(self, files: AlbumFiles, source: int) -> None:
        read_from_ns = time.time_ns()
        value = files.known_crc32(source)
        if value is None:
            with files.open(source) as file:
                value = self._hashed(file, source)
                files.verify(file, source)
        if value is not None:
            self._album.learn([source], [value], read_from_ns=read_from_ns)
            self.files += 1

    def _hashed(self, file: SourceFile, source: int) -> int | None:
        """Hash a file; None where a download has done so meanwhile."""
        buffer = thread_block()
        position = value = 0
        pages = pages_of(file)
        while self._is_unknown(source):
            wanted = min(BLOCK_SIZE, self.listing.sizes[source] - position)
            is_cold = wanted > 0 and not pages.are_cached(position, wanted)
            try:
                count = file.readinto(buffer)
            except OSError as error:
                raise SourceUnreadable.of(error) from None
            if not count:
                return value
            value = zlib_ng.crc32(buffer[:count], value)
            if is_cold:
                pages.let_go(position, count)
            position += count
            self._pace.keep(cold_bytes=count if is_cold else 0)
        return None


def groups(listing: Listing, album: AlbumChecksums) -> Iterator[list[int]]:
    """Yield the unknown files: each large one alone, small ones in groups."""
    group: list[int] = []
    room = _GROUP_BYTES
    for source, size in enumerate(listing.sizes):
        if album.values[source] != UNKNOWN:
            continue
        if size >= LARGE_FILE_BYTES:
            yield [source]
            continue
        group.append(source)
        room -= size
        if room <= 0 or len(group) >= _GROUP_FILES:
            yield group
            group, room = [], _GROUP_BYTES
    if group:
        yield group
