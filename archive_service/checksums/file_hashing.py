"""Hashes files of one listing: the one place where small files are grouped.

Large files are hashed one by one, small files in groups; a subclass of `Hashing` says what happens
between the blocks.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from zlib_ng import zlib_ng

from archive_service.archive.errors import DownloadFailed, SourceChanged
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.archive.segments import LARGE_FILE_BYTES
from archive_service.checksums.crc32_column import UNKNOWN, checked_suspicion
from archive_service.checksums.hash_blocks import (
    BLOCK_BYTES,
    HashState,
    begin_hash,
    hash_around_holes,
)
from archive_service.storage.base import AlbumFiles, SourceFile

GROUP_FILES, GROUP_BYTES = 64, 8 * 1024 * 1024
"""Small files read in one call."""


def hash_groups(listing: Listing, sources: Iterable[SourceIndex]) -> Iterator[list[SourceIndex]]:
    """Yield sources in the groups they are hashed in: a large file alone, small ones together."""
    group: list[SourceIndex] = []
    room = GROUP_BYTES
    for source in sources:
        size = listing.sizes[source]
        if size >= LARGE_FILE_BYTES:
            yield [source]
            continue
        group.append(source)
        room -= size
        if room <= 0 or len(group) >= GROUP_FILES:
            yield group
            group, room = [], GROUP_BYTES
    if group:
        yield group


class Hashing(ABC):
    """One run over files of one listing; a subclass decides what happens with the results.

    Most methods have a default, and some do nothing, hence the exceptions of B027.
    All methods are called from one thread at a time.
    """

    def __init__(self, files: AlbumFiles, listing: Listing) -> None:
        self.files = files
        self.listing = listing

    @abstractmethod
    def learned(
        self, sources: Sequence[SourceIndex], crc32s: Sequence[int], *, read_from_ns: int
    ) -> None:
        """Take values; `read_from_ns` is the Unix time when reading began."""

    def found(self, source: SourceIndex, crc32: int) -> None:
        """Take a value that the storage knew, so that no byte was read."""
        self.learned([source], [crc32], read_from_ns=time.time_ns())

    @abstractmethod
    def failed(self, source: SourceIndex, error: DownloadFailed) -> None:
        """Note a file that can't be hashed, or raise the error to end the run."""

    def announced(self, source: SourceIndex) -> int:
        """Return the CRC-32 that a file has unless it was rewritten; UNKNOWN if none is known."""
        return UNKNOWN

    def known_crc32(self, source: SourceIndex) -> int | None:
        """Return a value that the storage knows without reading."""
        return self.files.known_crc32(source)

    def begun(self, source: SourceIndex) -> HashState:
        """Return where the hash of a large file begins."""
        return begin_hash()

    def left(self, source: SourceIndex, state: HashState) -> None:  # noqa: B027 - a hook
        """Note how far a large file was hashed when the run was left."""

    def changed(self, source: SourceIndex) -> None:  # noqa: B027 - a hook
        """Note that a large file changed while it was hashed, so that what was read is void."""

    def opened(self, source: SourceIndex, state: HashState) -> SourceFile:
        """Open a large file that is to be hashed from a state on."""
        return self.files.open(source)

    def hashed(self, source: SourceIndex, file: SourceFile) -> None:  # noqa: B027 - a hook
        """Take a large file that was hashed, before it is closed."""

    def before_block(self, offset: int, count: int) -> None:  # noqa: B027 - a hook
        """Prepare to read bytes of a large file."""

    def after_block(self, source: SourceIndex, state: HashState, count: int) -> None:  # noqa: B027 - a hook
        """Note that `count` bytes up to a state were hashed."""

    def after_group(self, files: int, size_bytes: int, *, duration_s: float) -> None:  # noqa: B027 - a hook
        """Note that small files were hashed."""

    def steps(self, sources: Iterable[SourceIndex]) -> Iterator[None]:
        """Hash files; the run can be left, or go on in another thread, after each step."""
        for group in hash_groups(self.listing, sources):
            wanted = group
            while wanted:
                try:
                    yield from self._group(wanted)
                    break
                except DownloadFailed as error:
                    source = wanted[0] if error.source is None else error.source
                    self.failed(source, error)
                    wanted = [other for other in wanted if other != source]

    def _group(self, group: Sequence[SourceIndex]) -> Iterator[None]:
        if self.listing.sizes[group[0]] >= LARGE_FILE_BYTES:
            yield from self._large(group[0])
        else:
            self._small(group)
            yield

    def _large(self, source: SourceIndex) -> Iterator[None]:
        crc32 = self.known_crc32(source)
        if crc32 is not None:
            self.found(source, crc32)
            return
        size, state = self.listing.sizes[source], self.begun(source)
        try:
            with self.opened(source, state) as file:
                blocks = self._blocks(file, source, state)
                while (reached := next(blocks, None)) is not None:
                    state = reached
                    if state.offset < size:  # a run that is left at the end has its value
                        yield
                with checked_suspicion(source, state.crc32, self.announced(source)):
                    self.files.verify(file, source)
                self.hashed(source, file)
        except SourceChanged:
            state = begin_hash()
            self.changed(source)
            raise
        finally:
            if 0 < state.offset < size:
                self.left(source, state)
        self.learned([source], [state.crc32], read_from_ns=state.read_from_ns)
        yield

    def _blocks(
        self, file: SourceFile, source: SourceIndex, state: HashState
    ) -> Iterator[HashState]:
        size = self.listing.sizes[source]
        blocks = hash_around_holes(file, state, size=size)
        while state.offset < size:
            self.before_block(state.offset, min(BLOCK_BYTES, size - state.offset))
            data, state = next(blocks)
            self.after_block(source, state, len(data))
            yield state

    def _small(self, sources: Sequence[SourceIndex]) -> None:
        sizes = [self.listing.sizes[source] for source in sources]
        stops = list(accumulate(sizes))
        positions = [stop - size for stop, size in zip(stops, sizes, strict=True)]
        buffer = memoryview(bytearray(stops[-1]))
        read_from_ns, started_s = time.time_ns(), time.monotonic()
        self.files.read_into(buffer, sources, positions)
        duration_s = time.monotonic() - started_s
        spans = zip(positions, stops, strict=True)
        crc32s = [zlib_ng.crc32(buffer[start:stop]) for start, stop in spans]
        self.learned(sources, crc32s, read_from_ns=read_from_ns)
        self.after_group(len(sources), len(buffer), duration_s=duration_s)
