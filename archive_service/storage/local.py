"""Albums as directories on a local disk (or what is mounted like one).

Nothing is ever opened by a path: each component is opened relative to the descriptor of its
parent and never followed when it is a symbolic link, so no link, swapped in at any moment, leads
out of the album.  Links are left out of listings.  A file is opened without blocking, so a FIFO
put in a file's place can't hang a thread.

The change token is the pair of ctime and inode number: a file's owner can set its mtime back, as
FTP clients do, but not its ctime.
"""

from __future__ import annotations

import errno
import os
import stat
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from struct import Struct
from types import TracebackType

from archive_service.archive_id import ArchiveId
from archive_service.errors import (
    ArchiveNotFound,
    SourceChanged,
    SourceUnreadable,
    StorageUnavailable,
    errno_name,
)
from archive_service.exclusion import Exclusion
from archive_service.listing import Listing

MAX_DEPTH = 64
"""Directories within directories; each costs a descriptor while it is walked."""

_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Passing through a directory needs no right to list it.
_PASS_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CHANGE_TOKEN = Struct("<qQ")  # ctime in nanoseconds, inode number
_VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_NO_ALBUM = (*_VANISHED, errno.ENAMETOOLONG)


class LocalStorage:
    """The albums below one root directory."""

    def __init__(self, root: Path, exclusion: Exclusion) -> None:
        self._root = root
        self._exclusion = exclusion

    def list(self, archive: ArchiveId) -> Listing:
        """List the album's files and empty directories; see `Storage.list`."""
        walk = Walk(self._exclusion)
        try:
            with _directory(self._root) as root:
                self._list_album(walk, archive, root)
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None
        return walk.listing()

    def files(self, archive: ArchiveId, listing: Listing) -> LocalAlbumFiles:
        """Give access to the files of a listing; see `Storage.files`."""
        return LocalAlbumFiles(self._root, os.fsencode(archive.value), listing)

    def albums(self) -> Sequence[str]:
        """Name the directories below the root; see `Storage.albums`."""
        try:
            with os.scandir(self._root) as children:
                return [child.name for child in children if child.is_dir(follow_symlinks=False)]
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None

    def _list_album(self, walk: Walk, archive: ArchiveId, root: int) -> None:
        try:
            album = os.open(archive.value, _OPEN_DIRECTORY, dir_fd=root)
        except OSError as error:
            if error.errno in _NO_ALBUM:
                raise ArchiveNotFound from None
            raise
        try:
            walk.directory(album, b"", depth=0)
        finally:
            os.close(album)


class LocalAlbumFiles:
    """The files of one listing; keeps the directory it opened a file in last.

    `album` is relative to `root`, '/'-separated; empty where the listing's paths start at `root`.
    """

    def __init__(self, root: Path, album: bytes, listing: Listing) -> None:
        self._root = root
        self._album = album
        self._listing = listing
        self._directory_path: bytes | None = None
        self._directory = -1

    def __enter__(self) -> LocalAlbumFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave_directory()

    def open(self, source: int) -> FileIO:
        """Open the file of a source, verified; see `AlbumFiles.open`."""
        file = open(self._open(source), "rb", buffering=0)  # noqa: SIM115, PTH123 - a descriptor; the caller closes it
        try:
            self.verify(file, source)
        except BaseException:
            file.close()
            raise
        return file

    def verify(self, file: FileIO, source: int) -> None:
        """Check that an open file is still what was listed; see `AlbumFiles.verify`."""
        self._verify(file.fileno(), source)

    def read(self, source: int) -> bytes:
        """Read a small file whole; see `AlbumFiles.read`."""
        descriptor = self._open(source)
        try:
            data = _read_exactly(descriptor, self._listing.sizes[source])
            # After the last byte: a change before or during the read has moved the ctime by now.
            self._verify(descriptor, source)
            return data
        except OSError as error:
            raise SourceUnreadable.of(error) from None
        finally:
            os.close(descriptor)

    def _open(self, source: int) -> int:
        parent, _, name = self._listing.paths[source].rpartition(b"/")
        try:
            if parent != self._directory_path:
                self._enter_directory(parent)
            return os.open(name, _OPEN_FILE, dir_fd=self._directory)
        except OSError as error:
            if error.errno in _VANISHED:
                raise SourceChanged("vanished") from None
            raise SourceUnreadable.of(error) from None

    def _verify(self, descriptor: int, source: int) -> None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SourceChanged("replaced")
        if status.st_size != self._listing.sizes[source]:
            raise SourceChanged("resized")
        if status.st_mtime_ns != self._listing.mtimes_ns[source] or _change_token(
            status
        ) != self._listing.change_token(source):
            raise SourceChanged("rewritten")

    def _enter_directory(self, path: bytes) -> None:
        self._leave_directory()
        directory = os.open(self._root, _OPEN_DIRECTORY & ~os.O_NOFOLLOW)
        for component in filter(None, (self._album + b"/" + path).split(b"/")):
            parent = directory
            try:
                directory = os.open(component, _PASS_DIRECTORY, dir_fd=parent)
            finally:
                os.close(parent)
        self._directory, self._directory_path = directory, path

    def _leave_directory(self) -> None:
        if self._directory_path is not None:
            os.close(self._directory)
            self._directory_path = None


Acceptance = Callable[[bytes, os.stat_result], bool]
"""Told the path and the state of what is no directory; says whether a listing gets it."""


def is_regular_file(_path: bytes, status: os.stat_result) -> bool:
    """Accept what has bytes of its own: no link, no FIFO, socket or device."""
    return stat.S_ISREG(status.st_mode)


class Walk:
    """Collects the columns of a listing."""

    def __init__(self, exclusion: Exclusion, accepts: Acceptance = is_regular_file) -> None:
        self.reached = b""
        """The directory entered last: where an error was met."""
        self._exclusion = exclusion
        self._accepts = accepts
        self._paths: list[bytes] = []
        self._sizes = array("Q")
        self._mtimes_ns = array("q")
        self._modes = array("H")
        self._change_tokens = bytearray()
        self._newest_change_ns = 0
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
            bytes(self._change_tokens),
            self._newest_change_ns,
            self._newest_mtime_ns,
        )

    def file(self, path: bytes, status: os.stat_result) -> None:
        """Collect one file."""
        self._add(path, status.st_size, status)

    def tree(self, path: Path) -> None:
        """Collect what a directory holds, under paths that begin with its own.

        Raise OSError, or StorageUnavailable where directories are nested too deep.
        """
        self.reached = bytes(path).rstrip(b"/") + b"/"
        with _directory(path) as descriptor:
            self.directory(descriptor, self.reached, depth=0)

    def directory(self, descriptor: int, prefix: bytes, *, depth: int) -> None:
        """Collect what a directory holds; `prefix` is empty or ends with a slash."""
        if depth > MAX_DEPTH:
            raise StorageUnavailable("too deep")
        before = len(self._paths)
        self._note_times(os.fstat(descriptor))
        with os.scandir(descriptor) as unordered:
            children = sorted(unordered, key=lambda child: child.name)
        subdirectories = [child.name for child in children if not self._add_file(child, prefix)]
        for name in subdirectories:
            self._subdirectory(descriptor, name, prefix, depth=depth + 1)
        if prefix and len(self._paths) == before:
            self._add(prefix, 0, os.fstat(descriptor))

    def _subdirectory(self, parent: int, name: str, prefix: bytes, *, depth: int) -> None:
        self.reached = prefix + os.fsencode(name) + b"/"
        try:
            descriptor = os.open(name, _OPEN_DIRECTORY, dir_fd=parent)
        except OSError as error:
            if error.errno in _VANISHED:
                return
            raise
        try:
            self.directory(descriptor, self.reached, depth=depth)
        finally:
            os.close(descriptor)

    def _add_file(self, child: os.DirEntry[str], prefix: bytes) -> bool:
        """Add a child that is a file; return False for a directory, which is walked later."""
        if self._exclusion.matches(child.name):
            return True
        if child.is_dir(follow_symlinks=False):
            return False
        try:
            status = child.stat(follow_symlinks=False)
        except FileNotFoundError:  # removed since the directory was read
            return True
        path = prefix + os.fsencode(child.name)
        if self._accepts(path, status):
            self.file(path, status)
        return True

    def _add(self, path: bytes, size: int, status: os.stat_result) -> None:
        self._paths.append(path)
        self._sizes.append(size)
        self._mtimes_ns.append(status.st_mtime_ns)
        self._modes.append(stat.S_IMODE(status.st_mode))
        self._change_tokens += _change_token(status)
        self._note_times(status)

    def _note_times(self, status: os.stat_result) -> None:
        self._newest_change_ns = max(self._newest_change_ns, status.st_ctime_ns)
        self._newest_mtime_ns = max(self._newest_mtime_ns, status.st_mtime_ns)


def _change_token(status: os.stat_result) -> bytes:
    return _CHANGE_TOKEN.pack(status.st_ctime_ns, status.st_ino)


@contextmanager
def _directory(path: Path) -> Iterator[int]:
    # The root itself may be a link: it is the operator's own.
    descriptor = os.open(path, _OPEN_DIRECTORY & ~os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read_exactly(descriptor: int, size: int) -> bytes:
    data = os.read(descriptor, size)
    while len(data) < size:
        more = os.read(descriptor, size - len(data))
        if not more:
            raise SourceChanged("resized")
        data += more
    return data
