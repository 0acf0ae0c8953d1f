"""Checks whether the service can detect files that are open for writing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

from archive_service.archive.errors import DownloadFailed, StorageUnavailable
from archive_service.archive.id import ArchiveId, InvalidArchiveId
from archive_service.cli.doctor.findings import Finding, Severity
from archive_service.config.album_storage import storage_of
from archive_service.config.settings import Settings
from archive_service.storage.base import DiskFile, Storage
from archive_service.storage.local.filesystem_type import is_changed_by_others
from archive_service.storage.local.read_lease import Lease, Leases

TRIED_ALBUMS = 50
"""One file of each is tried: albums may have different owners."""
_SUBJECT = "uploads"
_Tried = dict[Lease, int]
"""The owner of a file, by what a lease on it has shown."""


def upload_findings(settings: Settings) -> Iterator[Finding]:
    """Try a lease on a file of each of some albums; say what works, and how to get more."""
    if not isinstance(settings.photos_dir, Path):
        return
    if settings.open_files == "off":
        text = (
            "open files are not looked for: an upload that pauses for longer than SETTLE_TIME may "
            "be sent; set OPEN_FILES=both"
        )
        yield Finding(Severity.ADVICE, _SUBJECT, text)
        return
    tried: _Tried = {}
    with closing(storage_of(settings)) as storage, suppress(StorageUnavailable):
        for name in islice(storage.albums(), TRIED_ALBUMS):
            tried |= _tried(storage, name)
    yield _finding(tried, is_watched=_is_watched(settings, settings.photos_dir), settings=settings)


def _finding(tried: _Tried, *, is_watched: bool, settings: Settings) -> Finding:
    watching = "inotify shows open files, as far as the index ahead watches" if is_watched else ""
    if settings.open_files == "watch" and is_watched:
        return Finding(Severity.GOOD, _SUBJECT, watching)
    if Lease.DENIED in tried:
        cure = (
            f"run the service as the user {tried[Lease.DENIED]}, who owns the files, or give it "
            "CAP_LEASE (AmbientCapabilities=CAP_LEASE of systemd)"
        )
        otherwise = watching or "nothing else shows open files"
        text = f"leases on files of other users are denied; {otherwise}: {cure}"
        return Finding(Severity.ADVICE, _SUBJECT, text)
    if Lease.UNKNOWN in tried or settings.open_files == "watch":
        text = "this file system has no leases to rely on" if tried else "leases are not asked for"
        cure = "have uploads renamed when they are whole, or raise SETTLE_TIME"
        return Finding(
            Severity.GOOD if is_watched else Severity.ADVICE,
            _SUBJECT,
            f"{text}; {watching}" if is_watched else f"{text}, and nothing is watched: {cure}",
        )
    if not tried:
        return Finding(Severity.GOOD, _SUBJECT, "no file to try a lease on yet")
    return Finding(Severity.GOOD, _SUBJECT, "a lease shows files that are open for writing")


def _tried(storage: Storage, name: str) -> _Tried:
    """Try a lease on the first file of an album that can be opened."""
    with suppress(InvalidArchiveId, StorageUnavailable, DownloadFailed, OSError):
        archive = ArchiveId.parse(name)
        listing = storage.list(archive)
        source = next(listing.files(), None)
        if source is None:
            return {}
        with storage.files(archive, listing) as files, files.open(source) as file:
            if isinstance(file, DiskFile):
                return {Leases().of(file.fileno()): os.fstat(file.fileno()).st_uid}
    return {}


def _is_watched(settings: Settings, photos_dir: Path) -> bool:
    is_wanted = settings.open_files != "lease" and settings.index_ahead == "watch"
    return is_wanted and not is_changed_by_others(photos_dir)
