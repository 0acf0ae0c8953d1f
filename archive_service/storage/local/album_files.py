"""The files of one local album: opened, read and verified as the listing describes them."""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from archive_service.archive.errors import (
    DownloadFailed,
    SourceChanged,
    SourceSuspected,
    SourceUnreadable,
)
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.storage.base import AlbumFiles, DiskFile, SourceFile
from archive_service.storage.concurrency import InFlight
from archive_service.storage.local.filesystem_type import is_prompt
from archive_service.storage.local.native import AS_COMPILED, Columns, NativeCalls, ReadFiles
from archive_service.storage.local.open_beneath import OPEN_FILE, opened_below_root
from archive_service.storage.local.stat_record import change_token, ctime_ns, mtime_ns
from archive_service.storage.local.walk import VANISHED


class AlbumPlace(NamedTuple):
    """Where the paths of a listing start."""

    root: Path
    path: bytes = b""
    """Relative to the root, '/'-separated."""


def album_place(root: Path, archive: ArchiveId, listing: Listing) -> AlbumPlace:
    """Return where the locations of a listing start: in the album, or for a list in the root."""
    return AlbumPlace(root) if listing.listed else AlbumPlace(root, os.fsencode(archive.value))


class LocalAlbumFiles(AlbumFiles):
    """The files of one listing; keeps the directory it opened a file in last.

    `close` closes the descriptor of a file whose file system may not answer at once.
    """

    def __init__(
        self,
        place: AlbumPlace,
        listing: Listing,
        native: NativeCalls = AS_COMPILED,
        *,
        in_flight: InFlight,
        close: Callable[[int], object] = os.close,
    ) -> None:
        self._place = place
        self._listing = listing
        self._native = native
        self._in_flight = in_flight
        self._close = close
        self._directory = _Directory(place)

    def __enter__(self) -> LocalAlbumFiles:
        return self

    def __exit__(self, *raised: object) -> None:
        self._directory.close()

    def open(self, source: SourceIndex) -> DiskFile:
        """Open the file of a source, verified; see `AlbumFiles.open`."""
        return self._in_flight.measured(partial(self._opened, source, self._directory))

    def open_unverified(self, source: SourceIndex) -> int:
        """Open the file of a source; return its descriptor, which the caller verifies and closes.

        Raise DownloadFailed.
        """
        return self._open(source, self._directory)

    def open_each(self, sources: Iterable[SourceIndex]) -> Generator[DiskFile, None, None]:
        """Open files; see `AlbumFiles.open_each`."""
        if self._in_flight.is_slow:
            return self._in_flight.in_order(self._open_alone, sources, discard=DiskFile.close)
        return (self.open(source) for source in sources)

    def verify(self, file: SourceFile, source: SourceIndex) -> None:
        """Check that an open file is still what was listed; see `AlbumFiles.verify`."""
        if isinstance(file, DiskFile):
            self._check(_status(file.fileno()), source)

    def verify_open(self, descriptor: int, source: SourceIndex) -> None:
        """Check the same of a descriptor; see `verify`."""
        self._check(_status(descriptor), source)

    def _check(self, status: os.stat_result, source: SourceIndex) -> None:
        self._check_size_and_time(status, source)
        listing = self._listing
        if change_token(status) != listing.change_token(source):
            raise SourceSuspected(is_inode_alone=ctime_ns(status) == listing.ctime_ns(source))

    def _check_size_and_time(self, status: os.stat_result, source: SourceIndex) -> None:
        listing = self._listing
        if not stat.S_ISREG(status.st_mode):
            raise SourceChanged("replaced")
        if status.st_size != listing.sizes[source]:
            raise SourceChanged("resized")
        if mtime_ns(status) != listing.mtimes_ns[source]:
            raise SourceChanged("rewritten")

    def count_whole(self, sources: Sequence[SourceIndex], *, young_from_ns: int) -> int:
        """Return how many of the first files are whole; the one behind them may be whole, too.

        A lease shows that no program has them open for writing.  They are as listed.  Those that
        changed since `young_from_ns` neither begin with zeros nor have holes.
        """
        listing = self._listing
        return self._native.unwritten_files(
            bytes(self._place.root),
            self._place.path,
            listing.locations,
            array("L", sources),
            _columns(listing),
            young_from_ns,
        )

    def read_into(
        self, buffer: memoryview, sources: Sequence[SourceIndex], positions: Sequence[int]
    ) -> None:
        """Read small files whole; see `AlbumFiles.read_into`."""
        wanted, places = array("L", sources), array("Q", positions)

        def read(start: int, stop: int) -> None:
            self._read_all(buffer, wanted[start:stop], places[start:stop])

        count = len(wanted)
        self._in_flight.in_slices(read, count, item_bytes=len(buffer) // max(count, 1))

    def read_cached(
        self, buffer: memoryview, sources: Sequence[SourceIndex], positions: Sequence[int]
    ) -> bool:
        """Read files whole if all are in memory; see `AlbumFiles.read_cached`."""
        wanted, places = array("L", sources), array("Q", positions)
        read = self._native.read_cached_files
        return self._read_by(read, buffer, wanted, places) == len(wanted)

    def _read_all(self, buffer: memoryview, wanted: array[int], places: array[int]) -> None:
        with closing(_Directory(self._place)) as directory:
            while wanted:
                try:
                    count = self._read_first(buffer, wanted, places, directory)
                except DownloadFailed as error:
                    error.source = SourceIndex(wanted[0])
                    raise
                wanted, places = wanted[count:], places[count:]

    def _read_first(
        self,
        buffer: memoryview,
        sources: array[int],
        positions: array[int],
        directory: _Directory,
    ) -> int:
        """Read at least one of the files; return how many."""
        count = self._read_by(self._native.read_files, buffer, sources, positions)
        if count:
            return count
        if not self._listing.locations[sources[0]].endswith(b"/"):
            self._read(SourceIndex(sources[0]), buffer[positions[0] :], directory)
        return 1

    def _read_by(
        self, call: ReadFiles, buffer: memoryview, sources: array[int], positions: array[int]
    ) -> int:
        listing = self._listing
        return call(
            bytes(self._place.root),
            self._place.path,
            listing.locations,
            sources,
            _columns(listing),
            buffer,
            positions,
        )

    def _read(self, source: SourceIndex, buffer: memoryview, directory: _Directory) -> None:
        descriptor = self._open(source, directory)
        try:
            _read_exactly(descriptor, buffer[: self._listing.sizes[source]])
            # After the last byte: a change before or during the read has moved the ctime by now.
            self.verify_open(descriptor, source)
        except OSError as error:
            raise SourceUnreadable.of(error) from None
        finally:
            os.close(descriptor)

    def _open_alone(self, source: SourceIndex) -> DiskFile:
        with closing(_Directory(self._place)) as directory:
            return self._opened(source, directory)

    def _opened(self, source: SourceIndex, directory: _Directory) -> DiskFile:
        descriptor = self._open(source, directory)
        try:
            status = _status(descriptor)
            # A change token that moved shows in `verify`, once all was read.
            self._check_size_and_time(status, source)
            closes_at_once = directory.is_prompt(descriptor, status.st_dev)
            return DiskFile(descriptor, None if closes_at_once else self._close)
        except BaseException:
            os.close(descriptor)
            raise

    def _open(self, source: SourceIndex, directory: _Directory) -> int:
        parent, _, name = self._listing.locations[source].rpartition(b"/")
        try:
            return os.open(name, OPEN_FILE, dir_fd=directory.entered(parent))
        except OSError as error:
            raise _failure(error) from None


class _Directory:
    """The directory of an album in which a file was opened last."""

    def __init__(self, place: AlbumPlace) -> None:
        self._place = place
        self._path: bytes | None = None
        self._descriptor = -1
        self._device: int | None = None
        """The directory of the file opened last."""
        self._is_prompt = False

    def entered(self, path: bytes) -> int:
        """Return the descriptor of a directory, by its path in the album; raise OSError."""
        if path != self._path:
            self.close()
            below = self._place.path + b"/" + path
            self._descriptor = opened_below_root(bytes(self._place.root), below)
            self._path = path
        return self._descriptor

    def is_prompt(self, descriptor: int, device: int) -> bool:
        """Return whether a file opened in it lies on a prompt file system.

        Its files share one, unless something is mounted on a file.
        """
        if device != self._device:
            self._device, self._is_prompt = device, is_prompt(descriptor)
        return self._is_prompt

    def close(self) -> None:
        """Close the directory."""
        if self._path is not None:
            os.close(self._descriptor)
            self._path = self._device = None


def _columns(listing: Listing) -> Columns:
    return listing.sizes, listing.mtimes_ns, listing.change_tokens


def _status(descriptor: int) -> os.stat_result:
    try:
        return os.fstat(descriptor)
    except OSError as error:  # on the network, of a file that others have removed
        raise _failure(error) from None


def _read_exactly(descriptor: int, buffer: memoryview) -> None:
    while buffer:
        count = os.readv(descriptor, (buffer,))
        if not count:
            raise SourceChanged("resized")
        buffer = buffer[count:]


def _failure(error: OSError) -> DownloadFailed:
    """Return the failure of a download for an error of opening."""
    if error.errno in VANISHED:
        return SourceChanged("vanished")
    return SourceUnreadable.of(error)
