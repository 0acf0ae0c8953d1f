"""A walk through a directory tree, which ends in a listing.

Each directory is opened relative to its parent's descriptor and not when it is a symbolic link, so
no link, swapped in at any moment, leads out of the tree.
"""

from __future__ import annotations

import errno
import os
import stat
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from archive_service.archive.errors import AlbumInMotion, StorageUnavailable
from archive_service.archive.listing import Listing
from archive_service.storage.exclusion import Exclusion, SortedNames
from archive_service.storage.file_filter import REGULAR_FILES, FileFilter
from archive_service.storage.local.filesystem_type import is_prompt
from archive_service.storage.local.listing_builder import Columns
from archive_service.storage.local.native import AS_COMPILED, NativeCalls
from archive_service.storage.local.open_beneath import OPEN_DIRECTORY
from archive_service.storage.local.stat_record import (
    COLUMNS,
    INODE,
    MODE,
    ROW,
    SIZE,
    ctime_ns,
    empty_row,
    mtime_ns,
    row,
)
from archive_service.storage.local.symlinks import Links, Target

MAX_DEPTH = 64
"""Directories within directories; each costs a descriptor while it is walked."""
VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""The errors of opening what was replaced or removed since its name was read."""

_TRIES = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A directory in a walk.  Both paths are empty or end with a slash."""

    prefix: bytes = b""
    """What the paths of a listing begin with."""
    location: bytes = b""
    """Where it is; another path than the prefix below a link."""
    depth: int = 0

    @property
    def is_linked(self) -> bool:
        """Whether a link led here."""
        return self.prefix != self.location

    def below(self, name: bytes, target: bytes | None) -> Place:
        """Return the place of a directory in this one, or of the target of a link in it."""
        location = self.location + name if target is None else target
        return Place(self.prefix + name + b"/", location + b"/", self.depth + 1)


class Walk:
    """Collects the columns of a listing, a directory at a time."""

    def __init__(
        self,
        exclusion: Exclusion,
        acceptance: FileFilter = REGULAR_FILES,
        *,
        links: Links | None = None,
        bulk: NativeCalls = AS_COMPILED,
    ) -> None:
        self.reached = b""
        """The directory entered last: where an error was met."""
        self._exclusion = exclusion
        self._acceptance = acceptance
        self._links = links
        self._bulk = bulk
        self._columns = Columns()

    def __len__(self) -> int:
        return len(self._columns)

    def listing(self) -> Listing:
        """Return what was collected."""
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

    def directory(self, descriptor: int, place: Place) -> bool:
        """Collect what a directory holds; return whether it is empty or leads to an empty one.

        Each of these is collected itself, but for the album: see `Listing`.
        """
        if place.depth > MAX_DEPTH:
            raise StorageUnavailable("too deep")
        before = len(self)
        sorted_names, status = self._names(descriptor)
        names, rows = self._told(descriptor, _encoded(sorted_names.kept))
        if not place.depth:
            self._columns.note_rows(place.location, [b"."], row(status))
        self._columns.note_rows(place.location, names, rows)
        self._note_left_out(descriptor, sorted_names, place)
        if sorted_names.placeholders:
            names, rows = _without_placeholders(sorted_names.placeholders, names, rows)
        if not is_prompt(descriptor):  # some do not tell by a directory's times what was added
            self._columns.note_unseen()
        leads_to_empty = False
        for name, target in self._add_files(names, rows, place):
            leads_to_empty |= self._subdirectory(descriptor, name, target, place)
        if os.fstat(descriptor).st_ctime_ns != status.st_ctime_ns:
            raise AlbumInMotion  # something may be missing of which no time of the listing tells
        self._columns.note_times(ctime_ns(status), mtime_ns(status))
        is_kept = leads_to_empty or len(self) == before
        if place.prefix and is_kept:
            self._columns.add([place.prefix], empty_row(status), {})
        return is_kept

    def _note_left_out(self, descriptor: int, names: SortedNames, place: Place) -> None:
        if names.has_litter:
            self._columns.note_litter()
        if names.uploads:
            uploads, rows = self._told(descriptor, _encoded(names.uploads))
            self._columns.note_rows(place.location, uploads, rows)
            self._columns.note_uploads([place.location + name for name in uploads], rows)

    def _names(self, descriptor: int) -> tuple[SortedNames, os.stat_result]:
        """Return the names in a directory, and its state: they belong together."""
        for _ in range(_TRIES):
            status = os.fstat(descriptor)
            found = os.listdir(descriptor)
            if os.fstat(descriptor).st_ctime_ns == status.st_ctime_ns:
                return self._exclusion.sort(sorted(found)), status
        raise AlbumInMotion

    def _told(self, directory: int, names: list[bytes]) -> tuple[list[bytes], bytes]:
        """Return the names that are still there, and their rows."""
        there: list[bytes] = []
        rows: list[bytes] = []
        while names:
            rows.append(self._bulk.stat_files(directory, names))
            count = len(rows[-1]) // ROW.size
            there += names[:count]
            for name in names[count : count + 1]:  # for which something is out of the ordinary
                with suppress(FileNotFoundError):  # removed since the directory was read
                    rows.append(row(os.stat(name, dir_fd=directory, follow_symlinks=False)))
                    there.append(name)
            names = names[count + 1 :]
        return there, b"".join(rows)

    def _add_files(
        self, names: list[bytes], rows: bytes, place: Place
    ) -> list[tuple[bytes, bytes | None]]:
        """Collect files; return the directories among them, those behind links with the target."""
        unsigned = array("Q", rows)
        if self._acceptance.accepts_all(unsigned[MODE::COLUMNS], unsigned[INODE::COLUMNS]):
            self._add(place, names, rows, {})
            return []
        directories: list[tuple[bytes, bytes | None]] = []
        kept: list[bytes] = []
        kept_rows: list[bytes] = []
        linked: dict[int, bytes] = {}
        for name, told in zip(names, ROW.iter_unpack(rows), strict=True):
            mode, inode = told[MODE], told[INODE]
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
            elif self._acceptance.accepts(place.prefix + name, mode, inode):
                kept.append(name)
                kept_rows.append(ROW.pack(*told))
        self._add(place, kept, b"".join(kept_rows), linked)
        return directories

    def _followed(self, links: Links, name: bytes, inode: int, place: Place) -> Target | None:
        """Return the file or directory that a link leads to, or None where it is left out."""
        path = place.location + name
        target = links.follow(path, inode)
        if target is None or stat.S_ISREG(target.status.st_mode):
            return target
        if not stat.S_ISDIR(target.status.st_mode):
            links.skip(inode, "no file")
        elif not target.path or path.startswith(target.path + b"/"):
            links.skip(inode, "loop")
        elif place.is_linked:  # each would multiply what those before it have multiplied
            links.skip(inode, "nested")
        else:
            return target
        return None

    def _subdirectory(self, parent: int, name: bytes, target: bytes | None, place: Place) -> bool:
        below = place.below(name, target)
        self.reached = below.prefix
        try:
            descriptor = self._opened(parent, name, target)
        except OSError as error:
            if error.errno in VANISHED:
                return False
            raise
        try:
            return self.directory(descriptor, below)
        finally:
            os.close(descriptor)

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


def _encoded(names: Sequence[str]) -> list[bytes]:
    """Return names as bytes: all at once, for a call for each takes longer than to list it."""
    return os.fsencode("\0".join(names)).split(b"\0") if names else []


def _without_placeholders(
    placeholders: Iterable[str], names: Sequence[bytes], rows: bytes
) -> tuple[list[bytes], bytes]:
    """Leave out the files without bytes among names that uploads may keep."""
    keeping = set(map(os.fsencode, placeholders))
    kept = [
        (name, ROW.pack(*told))
        for name, told in zip(names, ROW.iter_unpack(rows), strict=True)
        if told[SIZE] or name not in keeping
    ]
    return [name for name, _ in kept], b"".join(row for _, row in kept)


@contextmanager
def opened_directory(path: Path) -> Iterator[int]:
    """Open a directory, by descriptor; it may be a link, for the operator named it."""
    descriptor = os.open(path, OPEN_DIRECTORY & ~os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
