"""Albums as directories on a local disk (or what is mounted like one).

Nothing is ever opened by a path: each component is opened relative to the descriptor of its parent
and never followed if it is a symbolic link.  So no link, swapped in at any moment, leads out of the
album.  The target of a link is opened by the path that `symlinks` has found.  A file is opened
without blocking, so a FIFO put in a file's place can't hang a thread.

The change token is the pair of ctime and inode number: a file's owner can set its mtime back, as
FTP clients do, but not its ctime.  A file is suspected if only its token has changed since the
listing: it may have been rewritten, or only its owner has changed.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Literal

from archive_service.archive.errors import ArchiveNotFound, StorageUnavailable, errno_name
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.archive.lru import WeightedLRU
from archive_service.observe.events import Observe, ignore
from archive_service.observe.recurrence import once
from archive_service.observe.storage_events import LinkSkipped
from archive_service.storage.exclusion import Exclusion
from archive_service.storage.in_flight import InFlight, InFlights
from archive_service.storage.local.album_files import LocalAlbumFiles, album_place
from archive_service.storage.local.directory_look import Place
from archive_service.storage.local.filesystem_type import is_prompt, mount_point
from archive_service.storage.local.kept_album import KEPT_ENTRIES, KeptAlbum
from archive_service.storage.local.native import AS_COMPILED, NativeCalls
from archive_service.storage.local.open_beneath import OPEN_DIRECTORY
from archive_service.storage.local.symlinks import AlbumLinks, Links, NoLinks
from archive_service.storage.local.walk import VANISHED, Walk, opened_directory
from archive_service.storage.wanted_tree import WantedTree

_NO_ALBUM = (*VANISHED, errno.ENAMETOOLONG)
_ENTRIES_PER_ALBUM = 30
"""What an album takes of the room for KEPT_ENTRIES, besides its entries."""
SymlinkPolicy = Literal["inside", "never"]


class LocalStorage:
    """The albums below one root directory.

    `observe` gets one LinkSkipped for each link that is left out.
    """

    def __init__(
        self,
        root: Path,
        exclusion: Exclusion,
        native: NativeCalls = AS_COMPILED,
        *,
        symlinks: SymlinkPolicy = "inside",
        observe: Observe = ignore,
    ) -> None:
        self._root = root
        self._exclusion = exclusion
        self._native = native
        self._symlinks = symlinks
        self._in_flights = InFlights()
        self._lock = Lock()
        self._kept: WeightedLRU[ArchiveId, tuple[KeptAlbum, Listing]] = WeightedLRU(KEPT_ENTRIES)
        self._observe = once(observe)

    def list(self, archive: ArchiveId) -> Listing:
        """List the album's files and empty directories; see `Storage.list`."""
        try:
            with opened_directory(self._root) as root:
                return self._list_album(archive, root)
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None

    def select(
        self, archive: ArchiveId, wanted: Mapping[ArchiveId, WantedTree]
    ) -> Sequence[Listing | None]:
        """List some files of albums; see `Storage.select`."""
        in_flight = self._in_flights.of(archive)
        try:
            with opened_directory(self._root) as root:
                select = partial(self._selected, root, in_flight)
                walks = list(in_flight.in_order(select, wanted.items()))
                are_prompt = all(walk is None or walk.is_prompt for walk in walks)
                in_flight.note_listing(is_prompt=are_prompt and is_prompt(root))
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None
        return [None if walk is None else walk.listing() for walk in walks]

    def files(
        self, archive: ArchiveId, listing: Listing, close: Callable[[int], object] = os.close
    ) -> LocalAlbumFiles:
        """Give access to the files of a listing; see `Storage.files`."""
        place = album_place(self._root, archive, listing)
        in_flight = self._in_flights.of(archive)
        return LocalAlbumFiles(place, listing, self._native, in_flight=in_flight, close=close)

    def check(self) -> bool:
        """Look for the first directory below the root; see `Storage.check`."""
        try:
            with opened_directory(self._root) as root, os.scandir(root) as children:
                return any(child.is_dir(follow_symlinks=False) for child in children)
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None

    def albums(self) -> Sequence[str]:
        """Name the directories below the root; see `Storage.albums`."""
        try:
            with os.scandir(self._root) as children:
                return [child.name for child in children if child.is_dir(follow_symlinks=False)]
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None

    def archives(self) -> Sequence[str]:
        """Return the same; see `Storage.archives`."""
        return self.albums()

    def place(self, archive: ArchiveId) -> str:
        """Name the mount that an album lies on; see `Storage.place`."""
        root = Path(os.path.abspath(self._root))  # noqa: PTH100 - looks at nothing
        mount = mount_point(root / archive.value)
        return f"{root}/{archive}" if mount.is_relative_to(root) and mount != root else str(mount)

    def is_prompt(self, archive: ArchiveId) -> bool:
        """Return whether the album lies on local disks; see `Storage.is_prompt`."""
        return self._in_flights.of(archive).is_prompt

    def is_at_hand(self, archive: ArchiveId) -> bool:
        """Return whether the album lies on local disks and is cached; see `Storage.is_at_hand`."""
        return self._in_flights.of(archive).is_at_hand

    def close(self) -> None:
        """End the threads that helped; see `Storage.close`."""
        self._in_flights.close()

    def _list_album(self, archive: ArchiveId, root: int) -> Listing:
        with self._opened_album(archive, root) as album:
            in_flight = self._in_flights.of(archive)
            if known := self._unchanged(archive, album, in_flight):
                in_flight.note_listing(is_prompt=True)
                return known
            listed_from_ns = time.time_ns()
            walk = self._walk(archive, album, in_flight)
            walk.keep(KEPT_ENTRIES)
            walk.directory(album, Place())
            listing = walk.listing()
            are_prompt = walk.is_prompt and is_prompt(root)
            in_flight.note_listing(is_prompt=are_prompt)
            kept = walk.kept_album()
            if kept and are_prompt and listing.has_settled(listed_from_ns):
                self._keep(archive, kept, listing)
            return listing

    def _keep(self, archive: ArchiveId, kept: KeptAlbum, listing: Listing) -> None:
        with self._lock:
            weight = len(listing) + _ENTRIES_PER_ALBUM
            self._kept.put(archive, (kept, listing), weight=weight)

    def _unchanged(self, archive: ArchiveId, album: int, in_flight: InFlight) -> Listing | None:
        """Return the last listing of an album on a prompt file system, if it still holds."""
        if in_flight.is_slow:  # only a listing finds out when that is over
            return None
        with self._lock:
            kept, listing = self._kept.get(archive) or (None, None)
        if kept and kept.is_unchanged(album, in_flight, self._native):
            return listing
        return None

    def _selected(
        self, root: int, in_flight: InFlight, wanted: tuple[ArchiveId, WantedTree]
    ) -> Walk | None:
        archive, tree = wanted
        try:
            with self._opened_album(archive, root) as album:
                place = Place(wanted=None if tree.is_whole else tree)
                walk = self._walk(archive, album, in_flight)
                walk.directory(album, place)
                return walk
        except ArchiveNotFound:
            return None

    def _walk(self, archive: ArchiveId, album: int, in_flight: InFlight) -> Walk:
        links = self._links(archive, album)
        return Walk(self._exclusion, in_flight=in_flight, links=links, native=self._native)

    @contextmanager
    def _opened_album(self, archive: ArchiveId, root: int) -> Iterator[int]:
        """Open an album; raise ArchiveNotFound."""
        try:
            album = os.open(archive.value, OPEN_DIRECTORY, dir_fd=root)
        except OSError as error:
            if error.errno in _NO_ALBUM:
                raise ArchiveNotFound from None
            raise
        try:
            yield album
        finally:
            os.close(album)

    def _links(self, archive: ArchiveId, album: int) -> Links:
        skipped = partial(self._skipped, archive)
        if self._symlinks == "never":
            return NoLinks(skipped)
        places = partial(self._places, archive)
        return AlbumLinks(album, places, exclusion=self._exclusion, skipped=skipped)

    def _skipped(self, archive: ArchiveId, inode: int, reason: str) -> None:
        self._observe(LinkSkipped(archive, inode, reason))

    def _places(self, archive: ArchiveId) -> Sequence[bytes]:
        """Return the absolute paths of an album."""
        roots = (self._root.absolute(), self._root.resolve())
        return [bytes(root / archive.value) for root in roots]
