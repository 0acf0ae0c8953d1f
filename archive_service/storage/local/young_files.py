"""Checks files that changed lately for signs of an upload that is not finished.

Such a file is open for writing, begins and ends with zeros, or has holes.  A read lease shows that
a program has it open (see `read_lease`); if leases say nothing, the watcher of the index ahead is
asked (see `UnclosedFiles`).  Old albums cost nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from archive_service.archive.errors import DownloadFailed, SourceSuspected, SourceUnreadable
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing, SourceIndex
from archive_service.archive.settling import LOOKED_AT_S, OPEN_S, YOUNG_S, UploadSign
from archive_service.archive.units import NS_PER_S
from archive_service.observe.events import Observe, ignore
from archive_service.observe.recurrence import once
from archive_service.observe.storage_events import OpenFileIgnored
from archive_service.storage.concurrency import InFlights
from archive_service.storage.local.album_files import AlbumPlace, LocalAlbumFiles, album_place
from archive_service.storage.local.filesystem_type import is_prompt
from archive_service.storage.local.native import AS_COMPILED, NativeCalls
from archive_service.storage.local.open_beneath import OPEN_FILE, Opened, opened_below_root
from archive_service.storage.local.read_lease import Lease, Leases, NoLeases
from archive_service.storage.local.stat_record import ctime_ns
from archive_service.storage.local.unclosed_files import UnclosedFiles

Origin = Callable[[], tuple[ArchiveId, bytes]]
"""Returns the album of a file, and its path there."""
MOST_LOOKED_AT = 10_000
"""The most files of an album that are checked, the newest first: some 100 ms."""
_END_BYTES = 4096


class YoungFiles:
    """Checks the files of albums below a root, for calls from any thread; see `UploadLook`."""

    def __init__(
        self,
        root: Path,
        leases: Leases | NoLeases,
        written: UnclosedFiles,
        observe: Observe = ignore,
        native: NativeCalls = AS_COMPILED,
    ) -> None:
        self.leases = leases
        self._root = root
        self._native = native
        self._written = written
        self._observe = once(observe)
        self._in_flights = InFlights()

    def sign(self, archive: ArchiveId, listing: Listing, *, now_ns: int) -> UploadSign | None:
        """Return a sign that a file is not whole; see `UploadLook.sign`.

        What can't be opened or read shows nothing: it can't be sent either.
        """
        young = listing.changed_since(now_ns - int(LOOKED_AT_S * NS_PER_S))
        if len(young) > MOST_LOOKED_AT:
            young = sorted(young, key=listing.ctime_ns)[-MOST_LOOKED_AT:]
        look = _AlbumLook(archive, listing, now_ns, self)
        in_flight = self._in_flights.of(archive)
        place = self.place(archive, listing)

        def look_at(start: int, stop: int) -> None:
            with LocalAlbumFiles(place, listing, self._native, in_flight=in_flight) as files:
                look.at_each(files, young[start:stop])

        try:
            in_flight.in_slices(look_at, len(young))
        except _OpenSeen:
            return UploadSign.OPEN
        is_open = any(map(look.is_written_to, listing.uploads))
        return UploadSign.OPEN if is_open else look.other_sign

    def place(self, archive: ArchiveId, listing: Listing) -> AlbumPlace:
        """Return where an album lies."""
        return album_place(self._root, archive, listing)

    def is_written(self, origin: Origin, descriptor: int) -> bool:
        """Return whether a program has a file open for writing."""
        lease = self.leases.of(descriptor)
        if lease in (Lease.FREE, Lease.WRITTEN):
            return lease is Lease.WRITTEN
        album, path = origin()
        name = os.fsdecode(path.rpartition(b"/")[2])
        return self._written.is_written(album.value, name, os.fstat(descriptor))

    def report_left_open(self, archive: ArchiveId) -> None:
        """Report, once for each album, a file that stays open for long without a change."""
        self._observe(OpenFileIgnored(archive))


class _OpenSeen(Exception):
    """Ends the look: a file is open for writing, and no other sign says more."""


class _AlbumLook:
    """One check of an album."""

    def __init__(
        self, archive: ArchiveId, listing: Listing, now_ns: int, young: YoungFiles
    ) -> None:
        self.other_sign: UploadSign | None = None
        """A sign that is not UploadSign.OPEN."""
        self._archive = archive
        self._listing = listing
        self._now_ns = now_ns
        self._young = young

    def at_each(self, files: LocalAlbumFiles, sources: Sequence[SourceIndex]) -> None:
        """Check files of the listing; raise _OpenSeen."""
        young_from_ns = self._now_ns - int(YOUNG_S * NS_PER_S)
        whole = self._young.leases.count_whole(files, sources, young_from_ns=young_from_ns)
        for source in sources[whole:]:
            try:
                found = self._at(files, source)
            except SourceUnreadable:
                continue
            except DownloadFailed:
                found = UploadSign.CHANGED
            if found is UploadSign.OPEN:
                raise _OpenSeen
            self.other_sign = self.other_sign or found

    def _at(self, files: LocalAlbumFiles, source: SourceIndex) -> UploadSign | None:
        try:
            with Opened(files.open_unverified(source)) as descriptor:
                return self._in_open(files, source, descriptor)
        except OSError as error:
            raise SourceUnreadable.of(error) from None

    def _in_open(
        self, files: LocalAlbumFiles, source: SourceIndex, descriptor: int
    ) -> UploadSign | None:
        listing = self._listing
        changed_ns = listing.ctime_ns(source)
        if listing.mtimes_ns[source] <= self._now_ns:
            changed_ns = max(changed_ns, listing.mtimes_ns[source])
        origin = partial(listing.origin, self._archive, source)
        if self._holds(origin, descriptor, changed_ns=changed_ns):
            return UploadSign.OPEN
        # Behind the lease: a writer may have ended between the listing and it.
        with suppress(SourceSuspected):
            files.verify_open(descriptor, source)
        is_young = 0 <= self._now_ns - changed_ns < YOUNG_S * NS_PER_S
        return _sign_of_data(descriptor, listing.sizes[source]) if is_young else None

    def is_written_to(self, path: bytes) -> bool:
        """Return whether a file that is left out is open for writing."""
        directory, _, name = path.rpartition(b"/")
        album = self._archive
        if self._listing.listed:
            album = ArchiveId(os.fsdecode(directory.partition(b"/")[0]))
        with (
            suppress(OSError),
            self._directory(directory) as parent,
            Opened(os.open(name, OPEN_FILE, dir_fd=parent)) as descriptor,
        ):
            changed_ns = ctime_ns(os.fstat(descriptor))
            return self._holds(lambda: (album, name), descriptor, changed_ns=changed_ns)
        return False

    def _holds(self, origin: Origin, descriptor: int, *, changed_ns: int) -> bool:
        if not self._young.is_written(origin, descriptor):
            return False
        if self._now_ns - changed_ns < OPEN_S * NS_PER_S:
            return True
        self._young.report_left_open(self._archive)
        return False

    def _directory(self, path: bytes) -> Opened:
        place = self._young.place(self._archive, self._listing)
        return Opened(opened_below_root(bytes(place.root), place.path + b"/" + path))


def _sign_of_data(descriptor: int, size: int) -> UploadSign | None:
    if _has_zeros(descriptor, size):
        return UploadSign.ZEROS
    return UploadSign.HOLES if _has_holes(descriptor, size) else None


def _has_zeros(descriptor: int, size: int) -> bool:
    """Return whether the first and the last block of a file are zeros."""
    first = os.pread(descriptor, _END_BYTES, 0)
    if not first or first.count(0) < len(first):
        return False
    last = os.pread(descriptor, _END_BYTES, max(0, size - _END_BYTES))
    return last.count(0) == len(last)


def _has_holes(descriptor: int, size: int) -> bool:
    """Return whether a local file has parts that were never written.

    restic and others allocate the whole file, then open and close it for each piece.  Other file
    systems may report a hole where written data has not reached the disk yet.
    """
    seek_hole = getattr(os, "SEEK_HOLE", None)
    if seek_hole is None or not is_prompt(descriptor):
        return False
    try:
        return os.lseek(descriptor, 0, seek_hole) < size
    except OSError:  # an empty file, or a file system that reports none
        return False
