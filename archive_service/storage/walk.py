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
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from struct import Struct

from archive_service.errors import StorageUnavailable
from archive_service.exclusion import Exclusion
from archive_service.listing import CHANGE_TOKEN_SIZE, Listing, column_bytes
from archive_service.storage.bulk import AS_COMPILED, NOTHING_COMPILED, Bulk

MAX_DEPTH = 64
"""Directories within directories; each costs a descriptor while it is walked."""
OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""The errors of opening what was replaced or removed since its name was read."""

_TRIES = 10
_MTIME_MIN_NS, _MTIME_MAX_NS = -(2**63), 2**63 - 1
_ROW = Struct("=QqqQQ")  # size, mtime and ctime in nanoseconds, inode number, mode
_COLUMNS = 5
_CHANGE_TOKEN = Struct("<qQ")  # ctime in nanoseconds, inode number

Acceptance = Callable[[bytes, os.stat_result], bool]
"""Told the path and the state of what is no directory; says whether a listing gets it."""


def is_regular_file(_path: bytes, status: os.stat_result) -> bool:
    """Accept what has bytes of its own: no link, no FIFO, socket or device."""
    return stat.S_ISREG(status.st_mode)


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
        self._add([path], _row(status))

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
        children, status = self._children(descriptor)
        directories = [child for child in children if child.is_dir(follow_symlinks=False)]
        files = [child for child in children if not child.is_dir(follow_symlinks=False)]
        self._add_files(descriptor, files, prefix)
        for directory in directories:
            self._subdirectory(descriptor, directory.name, prefix, depth=depth + 1)
        if prefix and len(self._paths) == before:
            self._add([prefix], _row(status, size=0))
        else:
            self._note_times(status.st_ctime_ns, mtime_ns(status))

    def _children(self, descriptor: int) -> tuple[list[os.DirEntry[str]], os.stat_result]:
        """Return what a directory holds, and its state: they belong together."""
        for _ in range(_TRIES):
            status = os.fstat(descriptor)
            with os.scandir(descriptor) as found:
                children = [child for child in found if not self._exclusion.matches(child.name)]
            if os.fstat(descriptor).st_ctime_ns == status.st_ctime_ns:
                return sorted(children, key=attrgetter("name")), status
        raise StorageUnavailable("changing")

    def _subdirectory(self, parent: int, name: str, prefix: bytes, *, depth: int) -> None:
        self.reached = prefix + os.fsencode(name) + b"/"
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

    def _add_files(self, directory: int, files: Sequence[os.DirEntry[str]], prefix: bytes) -> None:
        names = [os.fsencode(file.name) for file in files]
        # Only regular files, all of which are accepted.
        bulk = self._bulk if self._accepts is is_regular_file else NOTHING_COMPILED
        rows = bulk.stat_files(directory, names)
        known = len(rows) // _ROW.size
        self._add([prefix + name for name in names[:known]], rows)
        found = [
            (path, status)
            for name, file in zip(names[known:], files[known:], strict=True)
            if (status := _status(file)) and self._accepts(path := prefix + name, status)
        ]
        self._add([path for path, _ in found], b"".join(_row(status) for _, status in found))

    # Whole columns at a time: a call for each file and column costs as much as its `stat`.
    def _add(self, paths: Sequence[bytes], rows: bytes) -> None:
        if not paths:
            return
        signed, unsigned = array("q", rows), array("Q", rows)
        mtimes_ns, ctimes_ns = signed[1::_COLUMNS], signed[2::_COLUMNS]
        self._paths += paths
        self._sizes += unsigned[0::_COLUMNS]
        self._mtimes_ns += mtimes_ns
        self._ctimes_ns += ctimes_ns
        self._inodes += unsigned[3::_COLUMNS]
        self._modes.extend(map(stat.S_IMODE, unsigned[4::_COLUMNS]))
        self._note_times(max(ctimes_ns), max(mtimes_ns))

    def _note_times(self, newest_ctime_ns: int, newest_mtime_ns: int) -> None:
        self._newest_ctime_ns = max(self._newest_ctime_ns, newest_ctime_ns)
        self._newest_mtime_ns = max(self._newest_mtime_ns, newest_mtime_ns)


def mtime_ns(status: os.stat_result) -> int:
    """Return the modification time of a file, held at what a listing can tell: the year 2262."""
    found_ns = status.st_mtime_ns
    if _MTIME_MIN_NS <= found_ns <= _MTIME_MAX_NS:
        return found_ns
    return _MTIME_MIN_NS if found_ns < 0 else _MTIME_MAX_NS


def change_token(status: os.stat_result) -> bytes:
    """Return the change token of a file."""
    return _CHANGE_TOKEN.pack(status.st_ctime_ns, status.st_ino)


def _row(status: os.stat_result, size: int | None = None) -> bytes:
    return _ROW.pack(
        status.st_size if size is None else size,
        mtime_ns(status),
        status.st_ctime_ns,
        status.st_ino,
        status.st_mode,
    )


@contextmanager
def opened_directory(path: Path) -> Iterator[int]:
    """Open a directory, by descriptor; it may be a link, for the operator named it."""
    descriptor = os.open(path, OPEN_DIRECTORY & ~os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _status(child: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return child.stat(follow_symlinks=False)
    except FileNotFoundError:  # removed since the directory was read
        return None


def _change_tokens(ctimes_ns: array[int], inodes: array[int]) -> bytes:
    """Return what `change_token` makes of each file, for whole columns."""
    pairs = array("Q", bytes(CHANGE_TOKEN_SIZE * len(inodes)))
    pairs[0::2], pairs[1::2] = array("Q", ctimes_ns.tobytes()), inodes
    return column_bytes(pairs)
