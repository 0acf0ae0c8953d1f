"""Lists of files as objects of a store: `<hash>.json` below one prefix; see `ListPlace`."""

from __future__ import annotations

from collections.abc import Sequence

from archive_service.archive.errors import DownloadFailed, StorageUnavailable
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import held_ns
from archive_service.archive.units import NS_PER_S
from archive_service.storage.file_lists.list_place import (
    SUFFIX,
    ListFile,
    ListTimes,
    check_size,
    ids_of,
)
from archive_service.storage.s3.answer_checks import Found, Part
from archive_service.storage.s3.bucket import Bucket
from archive_service.storage.s3.client import Clients
from archive_service.storage.s3.location import S3Location
from archive_service.storage.s3.loop import LoopThread


class StoredLists:
    """Lists below a prefix of a bucket; one of more bytes than `most_bytes` is not read."""

    def __init__(self, location: S3Location, most_bytes: int, *, timeout_s: float) -> None:
        self._prefix = location.prefix
        self._most_bytes = most_bytes
        self._loop = LoopThread("lists")
        self._clients = Clients(timeout_s=timeout_s, addressing=location.addressing)
        self._objects = Bucket(self._clients, location.bucket)

    def read(self, archive: ArchiveId, known_version: bytes) -> ListFile | None:
        """Return a list; see `ListPlace.read`."""
        return self._loop.run(self._read(archive, known_version))

    def names(self) -> Sequence[str]:
        """Return the ids of all lists; see `ListPlace.names`."""
        return self._loop.run(self._names())

    def close(self) -> None:
        """Cancel all requests and end the thread; see `ListPlace.close`."""
        self._loop.close(self._clients.close())

    async def _read(self, archive: ArchiveId, known_version: bytes) -> ListFile | None:
        key = f"{self._prefix}{archive.value}{SUFFIX}"
        found = await self._found(key)
        if found is None:
            return None
        modified_ns = max(0, held_ns(found.modified_s * NS_PER_S))
        times = ListTimes(modified_ns, modified_ns)
        if found.etag == known_version:
            return ListFile(found.etag, times, None)
        check_size(found.size, self._most_bytes)
        try:
            content = await self._content(Part(key, found.etag.decode(), found.size, 0, found.size))
        except DownloadFailed as error:  # written anew meanwhile, or not to be read
            raise StorageUnavailable(error.reason) from None
        return ListFile(found.etag, times, content)

    async def _found(self, key: str) -> Found | None:
        async for page in self._objects.pages(key, MaxKeys=1):
            return next((found for found in page.objects if found.key == key.encode()), None)
        return None

    async def _content(self, whole: Part) -> bytes:
        content = bytearray(whole.size)
        async with self._objects.opened(whole) as body:
            await body.fill(memoryview(content))
        return bytes(content)

    async def _names(self) -> Sequence[str]:
        names: list[str] = []
        async for page in self._objects.pages(self._prefix, Delimiter="/"):
            keys = (found.key[len(self._prefix.encode()) :] for found in page.objects)
            names += (key.decode(errors="surrogateescape") for key in keys)
        return ids_of(names)
