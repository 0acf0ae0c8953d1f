"""Albums as directories on a local disk (or what is mounted like one).

Nothing is ever opened by a path: each component is opened relative to the descriptor of its
parent and never followed when it is a symbolic link, so no link, swapped in at any moment, leads
out of the album; what a link leads to is opened by the path that `links` has found.  A file is
opened without blocking, so a FIFO put in a file's place can't hang a thread.

The change token is the pair of ctime and inode number: a file's owner can set its mtime back, as
FTP clients do, but not its ctime.  Where it alone has changed since the listing, a file is
suspected: its content may be another, and is the same after a change of owner.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Literal

from archive_service.archive.errors import (
    ArchiveNotFound,
    DownloadFailed,
    SourceChanged,
    SourceSuspected,
    SourceUnreadable,
    StorageUnavailable,
    errno_name,
)
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.observe.events import Observe, ignore
from archive_service.storage.base import SourceFile
from archive_service.storage.exclusion import Exclusion
from archive_service.storage.local.native import AS_COMPILED, Columns, NativeCalls
from archive_service.storage.local.open_beneath import OPEN_DIRECTORY, opened_to_pass
from archive_service.storage.local.stat_record import change_token, mtime_ns
from archive_service.storage.local.symlinks import AlbumLinks, Links, NoLinks, SkippedLinks
from archive_service.storage.local.walk import VANISHED, Place, Walk, opened_directory

_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NO_ALBUM = (*VANISHED, errno.ENAMETOOLONG)
SymlinkPolicy = Literal["inside", "never"]


class LocalStorage:
    """The albums below one root directory.

    `observe` gets one LinkSkipped for each link that is left out.
    """

    def __init__(
        self,
        root: Path,
        exclusion: Exclusion,
        bulk: NativeCalls = AS_COMPILED,
        *,
        symlinks: SymlinkPolicy = "inside",
        observe: Observe = ignore,
    ) -> None:
        self._root = root
        self._exclusion = exclusion
        self._bulk = bulk
        self._symlinks = symlinks
        self._link_skipped = SkippedLinks(observe)

    def list(self, archive: ArchiveId) -> Listing:
        """List the album's files and empty directories; see `Storage.list`."""
        try:
            with opened_directory(self._root) as root:
                return self._list_album(archive, root)
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None

    def files(self, archive: ArchiveId, listing: Listing) -> LocalAlbumFiles:
        """Give access to the files of a listing; see `Storage.files`."""
        return LocalAlbumFiles(self._root, os.fsencode(archive.value), listing, self._bulk)

    def is_unchanged(self, archive: ArchiveId, listing: Listing) -> bool:
        """Look at a small album's directories and files again; see `Storage.is_unchanged`."""
        if listing.snapshot is None:
            return False
        locations, rows = listing.snapshot
        album = os.fsencode(archive.value)
        return self._bulk.stat_at_once(bytes(self._root), album, locations) == rows

    def check(self) -> None:
        """Look whether the root can be listed; see `Storage.check`."""
        try:
            with opened_directory(self._root) as root, os.scandir(root) as children:
                next(children, None)
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None

    def albums(self) -> Sequence[str]:
        """Name the directories below the root; see `Storage.albums`."""
        try:
            with os.scandir(self._root) as children:
                return [child.name for child in children if child.is_dir(follow_symlinks=False)]
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None

    def close(self) -> None:
        """Hold nothing; see `Storage.close`."""

    def _list_album(self, archive: ArchiveId, root: int) -> Listing:
        try:
            album = os.open(archive.value, OPEN_DIRECTORY, dir_fd=root)
        except OSError as error:
            if error.errno in _NO_ALBUM:
                raise ArchiveNotFound from None
            raise
        try:
            began_ns = time.time_ns()
            walk = Walk(self._exclusion, links=self._links(archive, album), bulk=self._bulk)
            walk.directory(album, Place())
            listing = walk.listing()
            return listing if listing.has_settled(began_ns) else replace(listing, snapshot=None)
        finally:
            os.close(album)

    def _links(self, archive: ArchiveId, album: int) -> Links:
        skipped = partial(self._link_skipped, archive)
        if self._symlinks == "never":
            return NoLinks(skipped)
        places = partial(self._places, archive)
        return AlbumLinks(album, places, exclusion=self._exclusion, skipped=skipped)

    def _places(self, archive: ArchiveId) -> Sequence[bytes]:
        """Return the absolute paths of an album."""
        roots = (self._root.absolute(), self._root.resolve())
        return [bytes(root / archive.value) for root in roots]


class LocalAlbumFiles:
    """The files of one listing; keeps the directory it opened a file in last.

    `album` is relative to `root`, '/'-separated; empty where the listing's paths start at `root`.
    """

    def __init__(
        self, root: Path, album: bytes, listing: Listing, bulk: NativeCalls = AS_COMPILED
    ) -> None:
        self._root = root
        self._album = album
        self._listing = listing
        self._bulk = bulk
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
        descriptor = self._open(source)
        try:
            with suppress(SourceSuspected):  # told again by `verify`, once all was read
                self._verify(descriptor, source)
            return FileIO(descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def open_at_once(self, sources: Sequence[int]) -> list[FileIO]:
        """Open the first of some files; see `AlbumFiles.open_at_once`."""
        listing = self._listing
        opened = self._bulk.open_at_once(
            bytes(self._root),
            self._album,
            listing.locations,
            array("L", sources),
            _columns(listing),
        )
        return list(map(FileIO, opened))

    def open_to_hash(self, source: int) -> FileIO:
        """Open a file, which the system keeps in memory; see `AlbumFiles.open_to_hash`."""
        return self.open(source)

    def known_crc32(self, source: int) -> None:
        """Know none: no file system keeps it; see `AlbumFiles.known_crc32`."""

    def verify(self, file: SourceFile, source: int) -> None:
        """Check that an open file is still what was listed; see `AlbumFiles.verify`."""
        if isinstance(file, FileIO):
            self._verify(file.fileno(), source)

    def read_into(
        self, buffer: memoryview, sources: Sequence[int], positions: Sequence[int]
    ) -> None:
        """Read small files whole; see `AlbumFiles.read_into`."""
        wanted, places = array("L", sources), array("Q", positions)
        while wanted:
            try:
                count = self._read_first(buffer, wanted, places)
            except DownloadFailed as error:
                error.source = wanted[0]
                raise
            wanted, places = wanted[count:], places[count:]

    def _read_first(self, buffer: memoryview, sources: array[int], positions: array[int]) -> int:
        """Read at least one of the files; return how many."""
        listing = self._listing
        count = self._bulk.read_files(
            bytes(self._root),
            self._album,
            listing.locations,
            sources,
            _columns(listing),
            buffer,
            positions,
        )
        if count:
            return count
        if not listing.locations[sources[0]].endswith(b"/"):
            self._read(sources[0], buffer[positions[0] :])
        return 1

    def _read(self, source: int, buffer: memoryview) -> None:
        descriptor = self._open(source)
        try:
            _read_exactly(descriptor, buffer[: self._listing.sizes[source]])
            # After the last byte: a change before or during the read has moved the ctime by now.
            self._verify(descriptor, source)
        except OSError as error:
            raise SourceUnreadable.of(error) from None
        finally:
            os.close(descriptor)

    def _open(self, source: int) -> int:
        parent, _, name = self._listing.locations[source].rpartition(b"/")
        try:
            self._enter(parent)
            return os.open(name, _OPEN_FILE, dir_fd=self._directory)
        except OSError as error:
            raise _failure(error) from None

    def _verify(self, descriptor: int, source: int) -> None:
        listing = self._listing
        try:
            status = os.fstat(descriptor)
        except OSError as error:  # on the network, of a file that others have removed
            raise _failure(error) from None
        if not stat.S_ISREG(status.st_mode):
            raise SourceChanged("replaced")
        if status.st_size != listing.sizes[source]:
            raise SourceChanged("resized")
        if mtime_ns(status) != listing.mtimes_ns[source]:
            raise SourceChanged("rewritten")
        if change_token(status) != listing.change_token(source):
            raise SourceSuspected

    def _enter(self, path: bytes) -> None:
        """Have a directory open, by its path in the album."""
        if path != self._directory_path:
            self._leave_directory()
            self._directory = self._opened_directory(path)
            self._directory_path = path

    def _opened_directory(self, path: bytes) -> int:
        with opened_directory(self._root) as root:
            return opened_to_pass(root, self._album + b"/" + path)

    def _leave_directory(self) -> None:
        if self._directory_path is not None:
            os.close(self._directory)
            self._directory_path = None


def _columns(listing: Listing) -> Columns:
    return listing.sizes, listing.mtimes_ns, listing.change_tokens


def _read_exactly(descriptor: int, buffer: memoryview) -> None:
    while buffer:
        count = os.readv(descriptor, (buffer,))
        if not count:
            raise SourceChanged("resized")
        buffer = buffer[count:]


def _failure(error: OSError) -> DownloadFailed:
    """Return what a download is told of an error of opening."""
    if error.errno in VANISHED:
        return SourceChanged("vanished")
    return SourceUnreadable.of(error)
