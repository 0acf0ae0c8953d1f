"""Albums in a store that speaks S3: the objects below one prefix, a directory for each hash.

Theory of operation.  One thread runs an event loop with the client of the store.  As in every
storage, worker threads call the methods; each runs its requests in that loop and waits.  Only large
objects are not waited for: their bytes are fetched ahead of the reader (`fetch_ahead`), and the
loop that sends them awaits them.

A listing holds the entity tag of each object, and every read sends it as `If-Match`.  So the store
returns what was listed or reports that it is gone.  Some stores ignore the condition, so the entity
tag of every answer is compared here, too.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from archive_service.archive.errors import ArchiveNotFound
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.observe.events import Observe, ignore
from archive_service.observe.recurrence import once
from archive_service.observe.storage_events import ObjectSkipped
from archive_service.storage.base import Storage
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.s3.album_objects import S3AlbumFiles
from archive_service.storage.s3.bucket import Bucket
from archive_service.storage.s3.client import Clients
from archive_service.storage.s3.keys import Tree, lookups
from archive_service.storage.s3.location import S3Location
from archive_service.storage.s3.loop import LoopThread, gathered
from archive_service.storage.s3.store_context import StoreContext
from archive_service.storage.s3.store_probe import Flaw, flaws_of
from archive_service.storage.wanted_tree import WantedTree

_REQUESTS_AT_ONCE = 32
"""For one list: pages of keys that are asked for at once."""


class S3Storage(Storage):
    """The albums below one prefix of a bucket; see `Storage`.

    `observe` gets one ObjectSkipped for each album with objects that are left out.
    """

    def __init__(
        self,
        location: S3Location,
        exclusion: Exclusion,
        *,
        timeout_s: float,
        memory_bytes: int,
        observe: Observe = ignore,
    ) -> None:
        self._location = location
        self._prefix = location.prefix
        self._exclusion = exclusion
        self._observe = once(observe)
        self._loop = LoopThread("s3")
        self._clients = Clients(timeout_s=timeout_s, addressing=location.addressing)
        self._objects = Bucket(self._clients, location.bucket)
        self._context = StoreContext(self._loop, self._objects, memory_bytes=memory_bytes)

    @property
    def held_bytes(self) -> int:
        """The bytes of memory taken: for bytes that wait for a reader, and for those to come."""
        return self._context.ahead.used + self._context.kept.used

    def list(self, archive: ArchiveId) -> Listing:
        """List the objects of an album; see `Storage.list`."""
        tree = self._loop.run(self._tree(archive))
        if not tree:
            raise ArchiveNotFound
        return tree.listing()

    def select(
        self, archive: ArchiveId, wanted: Mapping[ArchiveId, WantedTree]
    ) -> Sequence[Listing | None]:
        """List some files of albums; see `Storage.select`."""
        return self._loop.run(self._select(wanted))

    def files(
        self, archive: ArchiveId, listing: Listing, close: Callable[[int], object] = os.close
    ) -> S3AlbumFiles:
        """Give access to the objects of a listing; see `Storage.files`."""
        prefix = self._prefix if listing.listed else self._prefix_of(archive)
        return S3AlbumFiles(self._context, prefix, listing)

    def flaws(self, archive: ArchiveId, listing: Listing) -> Sequence[Flaw] | None:
        """Probe the store with an object of a listing; return None if none has two bytes.

        Raise DownloadFailed.
        """
        source = next((source for source in listing.sources() if listing.sizes[source] > 1), None)
        if source is None:
            return None
        whole = self.files(archive, listing).whole(source)
        return self._loop.run(flaws_of(self._objects, whole))

    def check(self) -> bool:
        """Return whether there is an object below the prefix; see `Storage.check`."""
        return self._loop.run(self._check())

    def albums(self) -> Sequence[str]:
        """Return the names directly below the prefix; see `Storage.albums`."""
        return self._loop.run(self._albums())

    def place(self, archive: ArchiveId) -> str:
        """Return the address of bucket and prefix; see `Storage.place`."""
        return str(self._location)

    def close(self) -> None:
        """Cancel all requests and end the thread; see `Storage.close`."""
        self._loop.close(self._clients.close())

    def _prefix_of(self, archive: ArchiveId) -> str:
        return f"{self._prefix}{archive.value}/"

    async def _tree(self, archive: ArchiveId) -> Tree:
        prefix = self._prefix_of(archive)
        tree = Tree(prefix.encode(), self._exclusion, partial(self._skipped, archive))
        async for page in self._objects.pages(prefix):
            tree.add(page.objects)
        return tree

    async def _select(self, wanted: Mapping[ArchiveId, WantedTree]) -> Sequence[Listing | None]:
        requests = asyncio.Semaphore(_REQUESTS_AT_ONCE)
        trees = [self._selected(album, tree, requests) for album, tree in wanted.items()]
        return await gathered(trees)

    async def _selected(
        self, album: ArchiveId, wanted: WantedTree, requests: asyncio.Semaphore
    ) -> Listing | None:
        prefix = self._prefix_of(album)
        tree = Tree(prefix.encode(), self._exclusion, partial(self._skipped, album))

        async def look(key: str, **more: object) -> None:
            async with requests:
                async for page in self._objects.pages(key, **more):
                    tree.add(page.objects)

        await gathered(
            [
                look(prefix + path.decode(), **({} if is_deep else {"Delimiter": "/"}))
                for path, is_deep in lookups(wanted)
            ]
        )
        return tree.listing(None if wanted.is_whole else wanted) if tree else None

    async def _check(self) -> bool:
        async for page in self._objects.pages(self._prefix, MaxKeys=1):
            return bool(page.objects)
        return False

    async def _albums(self) -> Sequence[str]:
        names: list[bytes] = []
        async for page in self._objects.pages(self._prefix, Delimiter="/"):
            names += (prefix[len(self._prefix.encode()) : -1] for prefix in page.prefixes)
        return [name.decode(errors="surrogateescape") for name in names]

    def _skipped(self, archive: ArchiveId, reason: str) -> None:
        self._observe(ObjectSkipped(archive, reason))
