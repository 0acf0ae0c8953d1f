"""The objects of one album as files: reads small ones together, fetches large ones ahead."""

from __future__ import annotations

from collections.abc import Sequence

from archive_service.archive.errors import DownloadFailed
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.storage.base import AlbumFiles, SourceFile
from archive_service.storage.s3.answer_checks import Part
from archive_service.storage.s3.fetch_ahead import TRIES
from archive_service.storage.s3.loop import gathered
from archive_service.storage.s3.object_file import FetchedFile, KeepingFile, KeptFile
from archive_service.storage.s3.store_context import StoreContext
from archive_service.storage.s3.store_errors import may_be_tried_again

_AT_ONCE = 16
"""Small objects of one call that are requested at once."""


class S3AlbumFiles(AlbumFiles):
    """The files of one listing; see `AlbumFiles`.

    Their keys begin with `prefix`: that of the album, or for a list that of all albums.
    """

    def __init__(self, context: StoreContext, prefix: str, listing: Listing) -> None:
        self._context = context
        self._prefix = prefix
        self._listing = listing

    def __enter__(self) -> S3AlbumFiles:
        return self

    def __exit__(self, *raised: object) -> None:
        """Do nothing: each read is a request of its own."""

    def open(self, source: SourceIndex) -> SourceFile:
        """Open an object; reading it shows whether it is still the one that was listed."""
        whole = self.whole(source)
        if chunks := self._context.kept.taken(whole):
            return KeptFile(self._context, whole, chunks)
        return FetchedFile(self._context, whole)

    def open_to_hash(self, source: SourceIndex) -> SourceFile:
        """Open an object and keep it if it is small; see `AlbumFiles.open_to_hash`."""
        whole = self.whole(source)
        if self._context.kept.hold(whole.size):
            return KeepingFile(self._context, whole)
        return FetchedFile(self._context, whole)

    def known_crc32(self, source: SourceIndex) -> int | None:
        """Ask the store for the CRC-32 of an object; see `AlbumFiles.known_crc32`."""
        if not self._context.checksum_probe.is_worthwhile():
            return None
        crc32 = self._context.loop.run(self._context.objects.known_crc32(self.whole(source)))
        self._context.checksum_probe.record(crc32)
        return crc32

    def verify(self, file: SourceFile, source: SourceIndex) -> None:
        """Do nothing: each read has already checked the entity tag."""

    def read_into(
        self, buffer: memoryview, sources: Sequence[SourceIndex], positions: Sequence[int]
    ) -> None:
        """Read small objects whole, several at once; see `AlbumFiles.read_into`."""
        self._context.loop.run(self._read_into(buffer, sources, positions))

    def whole(self, source: SourceIndex) -> Part:
        """Return the part that is a source's whole object."""
        listing = self._listing
        paths = listing.listed.origins if listing.listed else listing.paths
        key = self._prefix + paths[source].decode()
        size = listing.sizes[source]
        return Part(key, listing.locations[source].decode(), size, 0, size)

    async def _read_into(
        self, buffer: memoryview, sources: Sequence[SourceIndex], positions: Sequence[int]
    ) -> None:
        wanted = iter(zip(sources, positions, strict=True))

        async def read() -> None:
            for source, position in wanted:
                size = self._listing.sizes[source]
                if size:  # empty objects and directories need no request
                    await self._read(buffer[position : position + size], source)

        await gathered(read() for _ in range(min(_AT_ONCE, len(sources))))

    async def _read(self, buffer: memoryview, source: SourceIndex) -> None:
        whole = self.whole(source)
        for tries in range(1, TRIES + 1):
            try:
                return await self._read_once(buffer, whole)
            except DownloadFailed as error:
                if tries == TRIES or not may_be_tried_again(error):
                    error.source = source
                    raise
        return None

    async def _read_once(self, buffer: memoryview, whole: Part) -> None:
        async with self._context.objects.opened(whole) as body:
            await body.fill(buffer)
