"""Albums as directories on a local disk (or what is mounted like one).

Nothing below the root is ever opened by a path: each component is opened relative to the descriptor
of its parent, the first together with the root, and never followed if it is a symbolic link.  So no
link, swapped in at any moment, leads out of the album.  The target of a link is opened by the path
that `symlinks` has found.  A file is opened without blocking, so a FIFO put in a file's place can't
hang a thread.

The change token is the pair of ctime and inode number: a file's owner can set its mtime back, as
FTP clients do, but not its ctime.  A file is suspected if only its token has changed since the
listing: it may have been rewritten, or only its owner has changed.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Literal

from archive_service.archive.errors import ArchiveNotFound, StorageUnavailable, errno_name
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.observe.events import Observe, ignore
from archive_service.observe.recurrence import once
from archive_service.observe.storage_events import LinkSkipped
from archive_service.storage.base import Storage
from archive_service.storage.concurrency import HALVED_FILES, InFlight, InFlights
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.album_files import LocalAlbumFiles, album_place
from archive_service.storage.local.directory_look import Place
from archive_service.storage.local.filesystem_type import is_automounter, is_prompt, mount_point
from archive_service.storage.local.kept_album import KEPT_ENTRIES
from archive_service.storage.local.kept_listings import Found, FoundAlbum, KeptListings, Wanted
from archive_service.storage.local.known_mounts import (
    KnownMounts,
    KnownRoot,
    raise_if_unmounted,
)
from archive_service.storage.local.native import AS_COMPILED, NativeCalls
from archive_service.storage.local.open_beneath import OPEN_DIRECTORY, Opened
from archive_service.storage.local.symlinks import AlbumLinks, Skipped
from archive_service.storage.local.walk import VANISHED, FileFilter, Walk, opened_directory
from archive_service.storage.wanted_tree import WantedTree

_NO_ALBUM = (*VANISHED, errno.ENAMETOOLONG)
SymlinkPolicy = Literal["inside", "never"]


class LocalStorage(Storage):
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
        self._kept = KeptListings()
        self._mounts = KnownMounts()
        self._known_root = KnownRoot(root)
        self._observe = once(observe)

    def list(self, archive: ArchiveId) -> Listing:
        """List the album's files and empty directories; see `Storage.list`."""
        in_flight = self._in_flights.of(archive)
        known = self._known(archive, None, in_flight).get(archive)
        try:
            found = self._found(archive, None, in_flight=in_flight, known=known)
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None
        in_flight.note_listing(is_prompt=found.is_prompt)
        if found is not known:
            self._kept.keep(archive, None, {archive: found})
        return found.listing

    def select(self, archive: ArchiveId, wanted: Wanted) -> Sequence[Listing | None]:
        """List some files of albums; see `Storage.select`."""
        in_flight = self._in_flights.of(archive)
        known = self._known(archive, wanted, in_flight)
        with self._opened_root() as root:

            def find(album: ArchiveId) -> FoundAlbum | None:
                tree = None if wanted[album].is_whole else wanted[album]
                with suppress(ArchiveNotFound):
                    return self._found(album, tree, in_flight=in_flight, known=known.get(album))
                return None

            def find_all(albums: Sequence[ArchiveId]) -> list[FoundAlbum | None]:
                return list(in_flight.in_order(find, albums))

            is_large = sum(len(each.listing) for each in known.values() if each) >= HALVED_FILES
            albums = list(wanted)
            found = in_flight.in_halves(find_all, albums) if is_large else find_all(albums)
            are_prompt = all(each is None or each.is_prompt for each in found)
            in_flight.note_listing(is_prompt=are_prompt and is_prompt(root))
        self._kept.keep(archive, wanted, dict(zip(wanted, found, strict=True)))
        return [None if each is None else each.listing for each in found]

    def files(
        self, archive: ArchiveId, listing: Listing, close: Callable[[int], object] = os.close
    ) -> LocalAlbumFiles:
        """Give access to the files of a listing; see `Storage.files`."""
        place = album_place(self._root, archive, listing)
        in_flight = self._in_flights.of(archive)
        return LocalAlbumFiles(place, listing, self._native, in_flight=in_flight, close=close)

    def check(self) -> bool:
        """Look for the first directory below the root; see `Storage.check`."""
        with self._opened_root() as root, os.scandir(root) as children:
            if is_automounter(root):
                return True
            has_albums = any(child.is_dir(follow_symlinks=False) for child in children)
            if has_albums:
                self._known_root.note_used()
            else:
                self._known_root.check()
            return has_albums

    def albums(self) -> Sequence[str]:
        """Name the directories below the root; see `Storage.albums`."""
        try:
            with os.scandir(self._root) as children:
                return [child.name for child in children if child.is_dir(follow_symlinks=False)]
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None

    def archives(self) -> Sequence[str]:
        """Return the same, or none that can be relied on; see `Storage.archives`."""
        with self._opened_root() as root:
            return () if is_automounter(root) else self.albums()

    def place(self, archive: ArchiveId) -> str:
        """Name the mount that an album lies on; see `Storage.place`."""
        root = Path(os.path.abspath(self._root))  # noqa: PTH100 - looks at nothing
        mount = mount_point(root / archive.value)
        is_below = mount.is_relative_to(root) and mount != root
        return f"{root}/{archive}" if is_below or self._mounts.has(archive) else str(mount)

    def is_prompt(self, archive: ArchiveId) -> bool:
        """Return whether the album lies on local disks; see `Storage.is_prompt`."""
        return self._in_flights.of(archive).is_prompt

    def is_at_hand(self, archive: ArchiveId) -> bool:
        """Return whether the album lies on local disks and is cached; see `Storage.is_at_hand`."""
        return self._in_flights.of(archive).is_at_hand

    def close(self) -> None:
        """End the threads that helped; see `Storage.close`."""
        self._in_flights.close()

    def _known(self, archive: ArchiveId, wanted: Wanted | None, in_flight: InFlight) -> Found:
        """Return what was found last time and can be looked at again."""
        # If storage was slow, only a listing shows when it is quick again.
        return {} if in_flight.is_slow else self._kept.of(archive, wanted)

    def _found(
        self,
        archive: ArchiveId,
        wanted: WantedTree | None,
        *,
        in_flight: InFlight,
        known: FoundAlbum | None,
    ) -> FoundAlbum:
        """List what is wanted of an album; return the known listing if that still holds."""
        with self._opened_album(archive) as album:
            if known and known.kept and known.kept.is_unchanged(album, in_flight, self._native):
                return known
            listed_from_ns = time.time_ns()
            walk = self._walk(archive, album, in_flight)
            walk.keep(KEPT_ENTRIES)
            is_root_prompt, device = self._look_at_root()
            walk.directory(album, Place(wanted=wanted), device)
            self._mounts.note(archive, walk.met, is_whole=wanted is None)
            listing = walk.listing()
            are_prompt = walk.is_prompt and is_root_prompt
            can_be_kept = are_prompt and listing.has_settled(listed_from_ns)
            return FoundAlbum(listing, are_prompt, walk.kept_album() if can_be_kept else None)

    def _walk(self, archive: ArchiveId, album: int, in_flight: InFlight) -> Walk:
        skipped = partial(self._skipped, archive)
        links = None
        if self._symlinks == "inside":
            places = partial(self._places, archive)
            links = AlbumLinks(album, places, exclusion=self._exclusion, skipped=skipped)
        files = FileFilter(partial(_is_regular, skipped))
        return Walk(self._exclusion, files, in_flight=in_flight, links=links, native=self._native)

    @contextmanager
    def _opened_root(self) -> Iterator[int]:
        """Open the root for a block; raise StorageUnavailable for each error in the block."""
        try:
            with opened_directory(self._root) as root:
                yield root
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None

    def _look_at_root(self) -> tuple[bool, int]:
        """Return whether the root's file system answers at once, and its device."""
        with opened_directory(self._root) as root:
            return is_prompt(root), os.fstat(root).st_dev

    def _opened_album(self, archive: ArchiveId) -> Opened:
        """Open an album together with the root; raise ArchiveNotFound if only the album is missing.

        An id is one component, so nothing but the root's own path is followed.
        """
        try:
            return Opened(os.open(f"{self._root}/{archive.value}", OPEN_DIRECTORY))
        except OSError as error:
            if error.errno not in _NO_ALBUM:
                raise
            with opened_directory(self._root) as root:
                raise_if_unmounted(root, archive)
                raise ArchiveNotFound from None

    def _skipped(self, archive: ArchiveId, inode: int, reason: str) -> None:
        self._observe(LinkSkipped(archive, inode, reason))

    def _places(self, archive: ArchiveId) -> Sequence[bytes]:
        """Return the absolute paths of an album."""
        roots = (self._root.absolute(), self._root.resolve())
        return [bytes(root / archive.value) for root in roots]


def _is_regular(skipped: Skipped, _path: bytes, mode: int, inode: int) -> bool:
    """Return whether a file is listed: a regular one is.  Report a link: it is not followed."""
    if stat.S_ISLNK(mode):
        skipped(inode, "never")
    return stat.S_ISREG(mode)
