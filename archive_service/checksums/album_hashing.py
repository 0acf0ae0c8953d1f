"""Hashing of the files of one album: where values go, and which files stay open."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from archive_service.archive.errors import DownloadFailed, SourceChanged
from archive_service.archive.listing import SourceIndex
from archive_service.checksums.file_hashing import Hashing
from archive_service.checksums.hash_blocks import HashState
from archive_service.storage.base import AlbumFiles, DiskFile, SourceFile

if TYPE_CHECKING:
    from archive_service.checksums.album import AlbumChecksums


class AlbumHashing(Hashing):
    """Goes on where the last hash of a file has stopped; values go to the album."""

    def __init__(self, files: AlbumFiles, album: AlbumChecksums) -> None:
        super().__init__(files, album.listing)
        self.album = album

    def learned(
        self, sources: Sequence[SourceIndex], crc32s: Sequence[int], *, read_from_ns: int
    ) -> None:
        """Take values, as the album has them."""
        self.album.learn(sources, crc32s, read_from_ns=read_from_ns)

    def announced(self, source: SourceIndex) -> int:
        """Return the CRC-32 that a file should have."""
        return self.album.announced(source)

    def begun(self, source: SourceIndex) -> HashState:
        """Continue from where a hash was left."""
        return self.album.begun.state(self.album.hash_key(source))

    def left(self, source: SourceIndex, state: HashState) -> None:
        """Keep how far a file is hashed."""
        self.album.begun.keep(self.album.hash_key(source), state)

    def changed(self, source: SourceIndex) -> None:
        """Drop what was hashed of a file."""
        self.album.begun.forget(self.album.hash_key(source))


class JobHashing(AlbumHashing):
    """Hashes the files of a job for downloads; the first failure ends it."""

    def failed(self, source: SourceIndex, error: DownloadFailed) -> None:
        """End the job."""
        raise error

    def opened(self, source: SourceIndex, state: HashState) -> SourceFile:
        """Open a large file; have it kept, and read ahead, if it is read from its start."""
        # What is not read from its start can't be kept whole.
        if state.offset:
            return self.files.open(source)
        file = self.files.open_to_hash(source)
        if isinstance(file, DiskFile):
            file.begin(0, self.listing.sizes[source])
        return file

    def hashed(self, source: SourceIndex, file: SourceFile) -> None:
        """Keep a file open until it is sent."""
        if isinstance(file, DiskFile):
            self.album.kept.keep(source, file)


class SettlingHashing(JobHashing):
    """Hashes suspected files when one of them has turned out to be rewritten."""

    def learned(
        self, sources: Sequence[SourceIndex], crc32s: Sequence[int], *, read_from_ns: int
    ) -> None:
        """Take values; continue after a file that was rewritten."""
        with suppress(SourceChanged):  # each that was rewritten has its new row now
            super().learned(sources, crc32s, read_from_ns=read_from_ns)

    def failed(self, source: SourceIndex, error: DownloadFailed) -> None:
        """Continue: the next listing shows what became of the file."""
