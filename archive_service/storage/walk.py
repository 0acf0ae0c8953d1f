"""A walk through a directory tree, which ends in a listing.

Each directory is opened relative to its parent's descriptor and not when it is a symbolic link, so
no link, swapped in at any moment, leads out of the tree.
"""

from __future__ import annotations

import errno
import os
import stat
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from archive_service.errors import AlbumInMotion, StorageUnavailable
from archive_service.exclusion import Exclusion
from archive_service.listing import CHANGE_TOKEN_SIZE, Listing, column_bytes
from archive_service.storage.bulk import AS_COMPILED, Bulk
from archive_service.storage.rows import (
    COLUMNS,
    CTIME,
    INODE,
    MODE,
    MTIME,
    ROW,
    SIZE,
    mtime_ns,
    row,
)

MAX_DEPTH = 64
"""Directories within directories; each costs a descriptor while it is walked."""
OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""The errors of opening what was replaced or removed since its name was read."""

_TRIES = 10

Acceptance = Callable[[bytes, int, int], bool]
"""Told the path, mode and inode number of what is no directory; says whether a listing gets it."""


def is_regular_file(_path: bytes, mode: int, _inode: int) -> bool:
    """Accept what has bytes of its own: no link, no FIFO, socket or device."""
    return stat.S_ISREG(mode)


class Walk:
    """Collects the columns of a listing, a directory at a time."""

    def __init__(
        self,
        exclusion: Exclusion,
        accepts: Acceptance = is_regular_file,
        *,
        bulk: Bulk = AS_COMPILED,
    ) -> None:
        self.reached = b""
        """The directory entered last: where an error was met."""
        self._exclusion = exclusion
        self._accepts = accepts
        self._bulk = bulk
        self._paths: list[bytes] = []
        self._sizes = array("Q")
        self._mtimes_ns = array("q")
        self._modes = array("H")
        self._ctimes_ns = array("q")
        self._inodes = array("Q")
        self._newest_ctime_ns = 0
        self._newest_mtime_ns = 0

    def __len__(self) -> int:
        return len(self._paths)

    def listing(self) -> Listing:
        """Return what was collected."""
        return Listing(
            self._paths,
            self._sizes,
            self._mtimes_ns,
            self._modes,
            _change_tokens(self._ctimes_ns, self._inodes),
            self._newest_ctime_ns,
            self._newest_mtime_ns,
        )

    def file(self, path: bytes, status: os.stat_result) -> None:
        """Collect one file."""
        self._add([path], row(status))

    def tree(self, path: Path) -> None:
        """Collect what a directory holds, under paths that begin with its own.

        Raise OSError, or StorageUnavailable where directories are nested too deep.
        """
        self.reached = bytes(path).rstrip(b"/") + b"/"
        with opened_directory(path) as descriptor:
            self.directory(descriptor, self.reached, depth=0)

    def directory(self, descriptor: int, prefix: bytes, *, depth: int) -> None:
        """Collect what a directory holds; `prefix` is empty or ends with a slash."""
        if depth > MAX_DEPTH:
            raise StorageUnavailable("too deep")
        before = len(self._paths)
        names, status = self._names(descriptor)
        names, rows = self._told(descriptor, names)
        for directory in self._add_files(names, rows, prefix):
            self._subdirectory(descriptor, directory, prefix, depth=depth + 1)
        self._note_times(status.st_ctime_ns, mtime_ns(status))
        if prefix and len(self._paths) == before:
            self._add([prefix], row(status))
            self._sizes[-1] = 0

    def _names(self, descriptor: int) -> tuple[list[bytes], os.stat_result]:
        """Return the names in a directory, and its state: they belong together."""
        for _ in range(_TRIES):
            status = os.fstat(descriptor)
            found = os.listdir(descriptor)
            if os.fstat(descriptor).st_ctime_ns == status.st_ctime_ns:
                names = sorted(name for name in found if not self._exclusion.matches(name))
                # All at once, for a call for each takes longer than to list it.
                return os.fsencode("\0".join(names)).split(b"\0") if names else [], status
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

    def _add_files(self, names: list[bytes], rows: bytes, prefix: bytes) -> list[bytes]:
        """Collect files; return the names of the directories among them."""
        unsigned = array("Q", rows)
        modes, inodes = unsigned[MODE::COLUMNS], unsigned[INODE::COLUMNS]
        paths = [prefix + name for name in names]
        directories: list[bytes] = []
        # Most directories hold regular files alone, which takes no look at each.
        if self._accepts is not is_regular_file or not all(map(stat.S_ISREG, set(modes))):
            directories = [n for n, mode in zip(names, modes, strict=True) if stat.S_ISDIR(mode)]
            accepted = [
                number
                for number, (path, mode, inode) in enumerate(zip(paths, modes, inodes, strict=True))
                if not stat.S_ISDIR(mode) and self._accepts(path, mode, inode)
            ]
            paths = [paths[number] for number in accepted]
            size = ROW.size
            rows = b"".join(rows[number * size : (number + 1) * size] for number in accepted)
        self._add(paths, rows)
        return directories

    def _subdirectory(self, parent: int, name: bytes, prefix: bytes, *, depth: int) -> None:
        self.reached = prefix + name + b"/"
        try:
            descriptor = os.open(name, OPEN_DIRECTORY, dir_fd=parent)
        except OSError as error:
            if error.errno in VANISHED:
                return
            raise
        try:
            self.directory(descriptor, self.reached, depth=depth)
        finally:
            os.close(descriptor)

    # Whole columns at a time: a call for each file and column costs as much as its `stat`.
    def _add(self, paths: Sequence[bytes], rows: bytes) -> None:
        if not paths:
            return
        signed, unsigned = array("q", rows), array("Q", rows)
        mtimes_ns, ctimes_ns = signed[MTIME::COLUMNS], signed[CTIME::COLUMNS]
        self._paths += paths
        self._sizes += unsigned[SIZE::COLUMNS]
        self._mtimes_ns += mtimes_ns
        self._ctimes_ns += ctimes_ns
        self._inodes += unsigned[INODE::COLUMNS]
        self._modes.extend(map(stat.S_IMODE, unsigned[MODE::COLUMNS]))
        self._note_times(max(ctimes_ns), max(mtimes_ns))

    def _note_times(self, newest_ctime_ns: int, newest_mtime_ns: int) -> None:
        self._newest_ctime_ns = max(self._newest_ctime_ns, newest_ctime_ns)
        self._newest_mtime_ns = max(self._newest_mtime_ns, newest_mtime_ns)


@contextmanager
def opened_directory(path: Path) -> Iterator[int]:
    """Open a directory, by descriptor; it may be a link, for the operator named it."""
    descriptor = os.open(path, OPEN_DIRECTORY & ~os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _change_tokens(ctimes_ns: array[int], inodes: array[int]) -> bytes:
    """Return what `change_token` makes of each file, for whole columns."""
    pairs = array("Q", bytes(CHANGE_TOKEN_SIZE * len(inodes)))
    pairs[0::2], pairs[1::2] = array("Q", ctimes_ns.tobytes()), inodes
    return column_bytes(pairs)
