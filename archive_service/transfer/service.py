"""Turns an archive's id into its representation, and that into its bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from weakref import WeakKeyDictionary

from archive_service.archive.errors import AlbumInMotion, ArchiveNotFound, StorageUnavailable
from archive_service.archive.id import ArchiveId
from archive_service.archive.representation import ArchiveOptions, Representation
from archive_service.archive.settling import (
    BEHIND_S,
    NO_SETTLING,
    NO_UPLOAD_LOOK,
    FirstSeen,
    SettlePolicy,
    SettlingWatch,
    UploadLook,
    UploadSign,
    may_be_uploaded,
)
from archive_service.checksums.album_registry import AlbumRegistry
from archive_service.checksums.background.hasher import BackgroundHasher
from archive_service.checksums.crc_index.base import CrcIndex
from archive_service.checksums.hash_threads import HashThreads
from archive_service.checksums.suspected_files import AnnouncedFiles
from archive_service.observe.events import ArchiveAwaited, Observe, UploadAwaited, ignore
from archive_service.storage.album_disk import AlbumDisk
from archive_service.storage.base import Storage
from archive_service.storage.disk_demand import DiskDemand
from archive_service.storage.lane_limits import ONE_THREAD, LaneLimits
from archive_service.storage.newcomers import Newcomers, RestedLock
from archive_service.storage.thread_lanes import Lanes
from archive_service.transfer.content import ArchiveContent
from archive_service.transfer.descriptions import Descriptions, checksums_of
from archive_service.transfer.hanging_disks import HangingDisks
from archive_service.transfer.loop_turns import LoopTurns
from archive_service.transfer.referenced_files import ReferenceLimits
from archive_service.transfer.shared_calls import SharedCalls

_READING = LaneLimits(per_lane=32, usual=128, most=1024)
"""Listing, opening, reading and closing; many at once keep slow storage busy."""
_HASHING = LaneLimits(per_lane=256, usual=8, most=256)
"""More threads than one download may use, so that no visitor's files delay another's."""
_COMPUTING = LaneLimits(per_lane=1, usual=4, most=4)
"""More threads that compute for one album would only wait for each other, and delay the rest."""
_LOOKING_AT_ROOT = LaneLimits(per_lane=1, usual=2, most=2)
ROOT_TIMEOUT_S = 5.0
"""How long a check of the root is waited for."""
SETTLED_WITHIN_S = 0.5
"""How long a description waits for suspected files to be read again."""
INDEX_ENDS_WITHIN_S = 5.0
"""How long `close` waits for the index to take what was learned."""
_ROOT, _INDEX = "root", "index"
_TIDYING = "tidy"
"""A thread apart from that of the root, because it reads LISTS_DIR, too, which may hang."""
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class WaitPolicy:
    """How long a request waits for an album."""

    settling: SettlePolicy = NO_SETTLING
    listing_timeout_s: float = 30.0
    uploads: UploadLook = NO_UPLOAD_LOOK
    """Checks files for signs that they are incomplete."""
    reads_behind: bool = False
    """Whether all suspected files are read behind a request; else an index ahead reads them."""


class ArchiveService:
    """Describes archives and returns their bytes."""

    def __init__(
        self,
        storage: Storage,
        index: CrcIndex,
        options: ArchiveOptions,
        waits: WaitPolicy = WaitPolicy(),
        observe: Observe = ignore,
    ) -> None:
        self._storage, self._index, self._observe = storage, index, observe
        self._settling, self._uploads = waits.settling, waits.uploads
        disks = HangingDisks(observe, self._place)
        self._first_seen, self.newcomers = FirstSeen(), Newcomers()
        self.turns = LoopTurns(self.newcomers)
        lanes = partial(Lanes, newcomers=self.newcomers)
        self._reading = lanes("read", _READING, on_hanging=disks.change)
        self._hashing = lanes("hash", _HASHING, on_hanging=disks.change)
        self._computing = lanes("compute", _COMPUTING)
        self._contents: WeakKeyDictionary[Representation, ArchiveContent] = WeakKeyDictionary()
        self._root = Lanes("root", _LOOKING_AT_ROOT)
        self._root_lane, self._tidying_lane = map(self._root.of, (_ROOT, _TIDYING))
        self._indexing = Lanes("index", ONE_THREAD, on_hanging=disks.change)
        self._index_lane = self._indexing.of(_INDEX)
        self._checks = SharedCalls(self._begin_check)
        self._packing = RestedLock(self.newcomers, self.turns.has_downloads)
        self._demand, self._references = DiskDemand(), ReferenceLimits.of_system()
        lane = self._hashing.of("hash")
        threads = HashThreads(index, lane, self._index_lane, observe, self._demand)
        threads.reads_behind = waits.reads_behind
        self._write_watches = threads.write_watches
        self._write_watches.prepare()
        self._albums = AlbumRegistry(storage, threads)
        self._descriptions = Descriptions(
            options,
            self._disk_of,
            self._albums,
            timeout_s=waits.listing_timeout_s,
            uploads=waits.uploads,
        )

    async def represent(self, archive: ArchiveId, files: Sequence[str] = ()) -> Representation:
        """Describe an archive, or the part of it that `files` names, once the album is settled.

        No file is read, except suspected ones.  Each pause is reported as ArchiveAwaited.

        A name is that in the archive, or that before it was made portable.  A name with a trailing
        slash is a directory with everything below it.
        Raise ArchiveNotFound, FileNotInAlbum, AlbumInMotion or StorageUnavailable.
        """
        watch = SettlingWatch(archive, self._settling, self._first_seen, clock_s=time.monotonic())
        is_compared = False
        while True:
            try:
                found = await self._descriptions.whole(archive)
            except AlbumInMotion:
                pause_s = watch.look_again_s(clock_s=time.monotonic())
            except ArchiveNotFound:
                await self.check()  # the disk may be missing, not this album
                raise
            else:
                pause_s = watch.pause_s(
                    found.layout.listing,
                    found.fingerprint,
                    now_ns=time.time_ns(),
                    clock_s=time.monotonic(),
                    behind_s=0.0 if self._storage.is_prompt(archive) else BEHIND_S,
                )
                if not pause_s and await self._is_uploaded(watch, found):
                    pause_s = watch.look_again_s(clock_s=time.monotonic())
                if not (pause_s or self._settling.settle_time_s):
                    await self._note_writers(found)
                if not pause_s and not is_compared and await self._is_superseded(found):
                    is_compared = True
                    continue
                if not pause_s:
                    return await self._descriptions.part(found, files) if files else found
            self._observe(ArchiveAwaited(archive))
            await asyncio.sleep(pause_s)

    async def _is_superseded(self, found: Representation) -> bool:
        """Read suspected files for a moment; return whether the entity tag is of older content."""
        contents = checksums_of(found)
        settling = contents.begin_settling()
        if settling and not settling.done():
            waiting = asyncio.gather(asyncio.wrap_future(settling), return_exceptions=True)
            await asyncio.wait({waiting}, timeout=SETTLED_WITHIN_S)
        return contents.is_superseded

    async def _is_uploaded(self, watch: SettlingWatch, found: Representation) -> bool:
        """Return whether a file of a settled album is incomplete."""
        if not watch.needs_look(found.layout.listing, now_ns=time.time_ns()):
            return False
        sign = await self._descriptions.upload_sign(found)
        if sign is None:
            return False
        self._observe(UploadAwaited(found.archive, sign.value))
        return True

    async def _note_writers(self, found: Representation) -> None:
        """Note whether a program writes to a file of an album that is sent as it is.

        What is read of it now may change without a new time.
        """
        contents, listing = checksums_of(found), found.layout.listing
        if not may_be_uploaded(listing, now_ns=time.time_ns()) or contents.is_complete():
            return
        if self._storage.is_prompt(found.archive):  # on other disks nothing shows it
            sign = await self._descriptions.upload_sign(found)
            contents.is_written |= sign is UploadSign.OPEN

    def content(self, representation: Representation) -> ArchiveContent:
        """Give access to the bytes of an archive, the same for all of its downloads."""
        content = self._contents.get(representation)
        if content is None:
            content = self._contents[representation] = self._content(representation)
        return content

    def _content(self, representation: Representation) -> ArchiveContent:
        archive, layout = representation.archive, representation.layout
        listing = layout.listing
        disk = self._disk_of(archive)
        checksums = checksums_of(representation)
        checksums.kept.close_by(disk.close)

        def open_album() -> AnnouncedFiles:
            files = self._storage.files(archive, listing, disk.close)
            return AnnouncedFiles(
                files,
                listing,
                checksums.announced,
                kept=checksums.kept.taken,
                is_unwritten=checksums.unread.is_unwritten,
            )

        return ArchiveContent(
            layout,
            checksums,
            open_album=open_album,
            disk=disk,
            references=self._references,
        )

    def _disk_of(self, archive: ArchiveId) -> AlbumDisk:
        return AlbumDisk(
            self._reading.of(archive),
            self._demand,
            is_prompt=partial(self._storage.is_prompt, archive),
            is_at_hand=partial(self._storage.is_at_hand, archive),
            is_led_on=partial(self._reading.is_led_on, archive),
            packing=self._packing,
        )

    def compute(self, archive: ArchiveId, work: Callable[[], _Result]) -> Future[_Result]:
        """Do work for an album that needs no disk, in the one thread it has for that."""
        return self._computing.of(archive).submit(work)

    def background_hasher(self) -> BackgroundHasher:
        """Return the hasher that works ahead of requests; close it before the service."""
        return BackgroundHasher(self._storage, self._albums, self._demand, uploads=self._uploads)

    async def check(self) -> None:
        """Check that albums can be listed; raise StorageUnavailable.

        If the root is empty and the index knows albums, its disk is not mounted.
        """
        try:
            has_albums = await self._checks.result(_ROOT, within_s=ROOT_TIMEOUT_S)
        except asyncio.TimeoutError:
            raise StorageUnavailable("timeout") from None
        if not has_albums and await self._index_has_albums():
            raise StorageUnavailable("empty")

    async def tidy_index(self) -> None:
        """Make room in the CRC index; raise StorageUnavailable."""
        archives = await asyncio.wrap_future(self._tidying_lane.submit(self._storage.archives))
        await self._albums.tidy(archives)

    def close(self) -> None:
        """Write the learned checksums and end the threads; call it when nothing is being sent.

        What the disk of the index has not taken within INDEX_ENDS_WITHIN_S is lost.
        """
        self._storage.close()
        self._descriptions.close()
        for lanes in (self._root, self._reading, self._hashing, self._computing):
            lanes.close()
        self._write_watches.close()
        wait([self._index_lane.submit(self._index.close)], INDEX_ENDS_WITHIN_S)
        self._indexing.close()

    def _begin_check(self, _key: str) -> Future[bool]:
        return self._root_lane.submit(self._storage.check)

    async def _index_has_albums(self) -> bool:
        asking = asyncio.wrap_future(self._index_lane.submit(self._index.has_albums))
        done, _ = await asyncio.wait({asking}, timeout=ROOT_TIMEOUT_S)
        return bool(done) and asking.result()

    def _place(self, key: Hashable) -> str:
        """Name the mount that the work of a lane waits for."""
        if isinstance(key, ArchiveId):
            return self._storage.place(key)
        return self._index.place() if key == _INDEX else ""
