"""Walks through a directory tree and makes a listing.

Each directory is opened relative to its parent's descriptor, and never if it is a symbolic link.
So no link, swapped in at any moment, leads out of the tree.
"""

from __future__ import annotations

import errno
import os
import stat
from array import array
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from archive_service.archive.errors import AlbumInMotion, AlbumUnpackable
from archive_service.archive.listing import Listing
from archive_service.storage.concurrency import MOST_AT_ONCE, InFlight
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.directory_look import (
    DirectoryLook,
    Place,
    encoded,
    rows_of,
    stable_names,
)
from archive_service.storage.local.filesystem_type import is_prompt
from archive_service.storage.local.kept_album import KeptAlbum, KeptAlbumBuilder
from archive_service.storage.local.known_mounts import MetMounts
from archive_service.storage.local.listing_builder import ListingBuilder
from archive_service.storage.local.native import AS_COMPILED, NativeCalls
from archive_service.storage.local.open_beneath import OPEN_DIRECTORY, Opened
from archive_service.storage.local.stat_record import (
    COLUMNS,
    INODE,
    MODE,
    ROW,
    ctime_ns,
    empty_row,
    mtime_ns,
    row,
)
from archive_service.storage.local.symlinks import AlbumLinks, LinkTarget

MAX_DEPTH = 64
"""How deep directories may be nested; each level holds a descriptor while it is walked."""
VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""The errors of opening a file that was replaced or removed since its name was read."""
_Named = tuple[bytes, "bytes | None"]
"""The name of a directory; if that is a link, where the directory is, else None."""


def are_regular(modes: AbstractSet[int], _inodes: array[int]) -> bool:
    """Return whether all are regular files."""
    return all(map(stat.S_ISREG, modes))


class FileFilter(NamedTuple):
    """Which files are listed."""

    accepts: Callable[[bytes, int, int], bool]
    """Returns whether a file that is neither a directory nor a followed link is listed, by its
    path, mode and inode number."""
    accepts_all: Callable[[AbstractSet[int], array[int]], bool] = are_regular
    """Returns whether it is certain that all files of a directory are listed, and none of them is
    a directory, by their modes and inode numbers.  It is asked first: a call for each file takes
    half as long as its `stat`."""


class Walk:
    """Collects the columns of a listing, a directory at a time.

    On slow storage several directories and files are listed ahead at the same time.  They are
    collected in order.
    """

    def __init__(
        self,
        exclusion: Exclusion,
        file_filter: FileFilter,
        *,
        in_flight: InFlight,
        links: AlbumLinks | None = None,
        native: NativeCalls = AS_COMPILED,
    ) -> None:
        self.reached = b""
        """The directory entered last, where an error occurred."""
        self.is_prompt = True
        """Whether all directories lie on file systems that answer at once."""
        self.met = MetMounts()
        self._exclusion = exclusion
        self._filter = file_filter
        self._in_flight = in_flight
        self._links = links
        self._native = native
        self._columns = ListingBuilder()
        self._kept = KeptAlbumBuilder(room=0)

    def __len__(self) -> int:
        return len(self._columns)

    def listing(self) -> Listing:
        """Return the listing."""
        return self._columns.listing()

    def file(self, path: bytes, status: os.stat_result) -> None:
        """Collect one file."""
        self._columns.add([path], row(status), {})

    def tree(self, path: Path) -> None:
        """Collect what a directory holds, under paths that begin with its own.

        Raise OSError, or StorageUnavailable where directories are nested too deep or a file's size
        is impossible.
        """
        self.reached = bytes(path).rstrip(b"/") + b"/"
        with opened_directory(path) as descriptor:
            self.directory(descriptor, Place(self.reached, self.reached))

    def keep(self, entries: int) -> None:
        """Also collect what later shows that the album is unchanged, unless it has more entries."""
        self._kept = KeptAlbumBuilder(entries)

    def kept_album(self) -> KeptAlbum | None:
        """Return what was collected for `keep`; None if the album is too large or has links."""
        return self._kept.album()

    def directory(self, descriptor: int, place: Place, device: int | None = None) -> bool:
        """Collect what a directory holds; return whether it is empty or leads to an empty one.

        Each empty directory is collected, except the album itself: see `Listing`.  `device` is that
        of the directory above it.
        """
        return self._collect(self._look(descriptor, place, device))

    def _look(self, descriptor: int, place: Place, device: int | None) -> DirectoryLook:
        if place.depth > MAX_DEPTH:
            raise AlbumUnpackable("too deep")
        names, status = stable_names(descriptor, self._exclusion)
        kept = place.kept(encoded(names.kept))
        found = self._in_flight.in_slices(
            lambda start, stop: self._rows(descriptor, kept[start:stop]), len(kept)
        )
        there = list(chain.from_iterable(names for names, _ in found))
        rows = b"".join(rows for _, rows in found)
        uploads, upload_rows = self._rows(descriptor, encoded(names.uploads))
        return DirectoryLook(
            descriptor,
            place,
            status,
            names,
            there,
            rows,
            uploads,
            upload_rows,
            status_behind=os.fstat(descriptor),
            is_prompt=is_prompt(descriptor),
            is_mount=device not in (None, status.st_dev),
        )

    def _rows(self, descriptor: int, names: list[bytes]) -> tuple[list[bytes], bytes]:
        return rows_of(descriptor, names, self._native)

    def _collect(self, look: DirectoryLook) -> bool:
        place, status = look.place, look.status
        before = len(self)
        self._kept.add(look)
        self.is_prompt = self.is_prompt and look.is_prompt
        self.met.add(place.location, is_mount=look.is_mount, is_bare=look.is_bare)
        self._note_left_out(look)
        below = self._add_files(*look.without_placeholders(), place)
        leads_to_empty = self._collect_below(
            look, [directory for directory in below if place.leads_to(directory[0])]
        )
        behind = os.fstat(look.descriptor) if below else look.status_behind
        if behind.st_ctime_ns != status.st_ctime_ns:
            raise AlbumInMotion  # the directory changed while we read it: entries may be missing
        self._columns.note_times(ctime_ns(status), mtime_ns(status))
        is_kept = leads_to_empty or (len(self) == before and place.wanted is None)
        if place.prefix and is_kept:
            self._columns.add([place.prefix], empty_row(status), {})
        return is_kept

    def _note_left_out(self, look: DirectoryLook) -> None:
        location = look.place.location
        if look.sorted_names.has_litter:
            self._columns.note_litter()
        if look.uploads:
            self._columns.note_uploads([location + n for n in look.uploads], look.upload_rows)

    def _collect_below(self, look: DirectoryLook, directories: Sequence[_Named]) -> bool:
        """Collect what directories hold; return whether one is empty or leads to an empty one."""
        leads_to_empty = False
        looks = self._in_flight.in_order(
            partial(self._look_below, look),
            directories,
            at_once=MOST_AT_ONCE >> look.place.depth,
            discard=_close,
        )
        with closing(looks):
            for name, target in directories:
                self.reached = look.place.below(name, target).prefix
                below = next(looks)
                if below:
                    with closing(below):
                        leads_to_empty |= self._collect(below)
        return leads_to_empty

    def _add_files(self, names: list[bytes], rows: bytes, place: Place) -> list[_Named]:
        """Collect files; return the directories among them, those behind links with the target."""
        columns = array("Q", rows)
        if self._filter.accepts_all(set(columns[MODE::COLUMNS]), columns[INODE::COLUMNS]):
            self._add(place, names, rows, {})
            return []
        directories: list[_Named] = []
        kept: list[bytes] = []
        kept_rows: list[bytes] = []
        linked: dict[int, bytes] = {}
        for name, fields in zip(names, ROW.iter_unpack(rows), strict=True):
            mode, inode = fields[MODE], fields[INODE]
            if stat.S_ISDIR(mode):
                directories.append((name, None))
            elif stat.S_ISLNK(mode) and self._links is not None:
                target = self._followed(self._links, name, inode, place)
                if target and stat.S_ISDIR(target.status.st_mode):
                    directories.append((name, target.path))
                elif target:
                    linked[len(kept)] = target.path
                    kept.append(name)
                    kept_rows.append(row(target.status))
            elif self._filter.accepts(place.prefix + name, mode, inode):
                kept.append(name)
                kept_rows.append(ROW.pack(*fields))
        self._add(place, kept, b"".join(kept_rows), linked)
        return directories

    def _followed(
        self, links: AlbumLinks, name: bytes, inode: int, place: Place
    ) -> LinkTarget | None:
        """Return the file or directory that a link leads to, or None where it is left out."""
        path = place.location + name
        target = links.follow(path, inode)
        if target is None or stat.S_ISREG(target.status.st_mode):
            return target
        if not stat.S_ISDIR(target.status.st_mode):
            links.skip(inode, "no file")
        elif not target.path or path.startswith(target.path + b"/"):
            links.skip(inode, "loop")
        elif place.is_linked:  # links within linked directories would multiply the album
            links.skip(inode, "nested")
        else:
            return target
        return None

    def _look_below(self, above: DirectoryLook, named: _Named) -> DirectoryLook | None:
        """Look at a directory in another; return None if it is gone."""
        name, target = named
        try:
            descriptor = self._opened(above.descriptor, name, target)
        except OSError as error:
            if error.errno in VANISHED:
                return None
            raise
        try:
            device = above.status.st_dev if target is None else None
            return self._look(descriptor, above.place.below(name, target), device)
        except BaseException:
            os.close(descriptor)
            raise

    def _opened(self, parent: int, name: bytes, target: bytes | None) -> int:
        if target is None or self._links is None:
            return os.open(name, OPEN_DIRECTORY, dir_fd=parent)
        return self._links.open_directory(target)

    def _add(
        self, place: Place, names: list[bytes], rows: bytes, linked: Mapping[int, bytes]
    ) -> None:
        """Collect files of one directory; `linked` has the targets of links, by number."""
        if place.is_linked:
            linked = {**dict(enumerate(place.location + name for name in names)), **linked}
        self._columns.add([place.prefix + name for name in names], rows, linked)


def opened_directory(path: Path) -> Opened:
    """Open a directory, by descriptor; it may be a link, because the operator named it."""
    return Opened(os.open(path, OPEN_DIRECTORY & ~os.O_NOFOLLOW))


def _close(look: DirectoryLook | None) -> None:
    if look:
        look.close()
