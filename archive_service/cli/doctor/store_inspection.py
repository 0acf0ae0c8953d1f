"""The checks of `archive-service check` on an object store, with one of its objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from itertools import islice
from typing import TYPE_CHECKING

from archive_service.archive.errors import ArchiveNotFound, DownloadFailed, StorageUnavailable
from archive_service.archive.id import ArchiveId, is_archive_id
from archive_service.cli.doctor.bounded_listing import listed_within
from archive_service.cli.doctor.findings import Finding, Severity
from archive_service.config.album_storage import storage_of
from archive_service.config.settings import Settings
from archive_service.storage.s3.location import Addressing, S3Location

if TYPE_CHECKING:
    from archive_service.storage.s3.storage import S3Storage
    from archive_service.storage.s3.store_probe import Flaw

LOOKED_AT_ALBUMS = 3
"""Albums searched for an object that is not empty."""
_ADDRESSINGS: Sequence[Addressing] = ("virtual", "path")
_MAY_BE_ADDRESSING = ("other addressing", "store error", "unreachable", "no bucket")
"""What stores, and networks without their names, make of a bucket in the wrong place."""
_CONDITIONS = (
    "ignores If-Match: the service compares the entity tag of each answer itself, so a "
    "replaced object cuts downloads, but no archive is wrong"
)
_RANGES = (
    "ignores Range: no download can be resumed, and large objects fail when a connection breaks. "
    "Use another store, or serve the same files from a directory"
)
_CHECKSUMS = (
    "returns a checksum that is not that of the content: archives would not unpack. Upload the "
    "objects again, or use another store"
)
_OTHER_TAGS = "answers with another entity tag than it lists: downloads fail. Use another store"
_TEXTS = {
    "CONDITIONS": (Severity.ADVICE, _CONDITIONS),
    "RANGES": (Severity.WRONG, _RANGES),
    "CHECKSUMS": (Severity.WRONG, _CHECKSUMS),
    "OTHER_TAGS": (Severity.WRONG, _OTHER_TAGS),
}


def addressing_advice(settings: Settings, reason: str) -> str | None:
    """Return which S3_ADDRESSING lets a bucket be read that can't be read, if one does."""
    if not isinstance(settings.photos_dir, S3Location) or reason not in _MAY_BE_ADDRESSING:
        return None
    for addressing in _ADDRESSINGS:
        storage = storage_of(settings, addressing=addressing)
        with closing(storage), suppress(StorageUnavailable):
            storage.albums()
            return f"set S3_ADDRESSING={addressing}, with which the store answers"
    return None


def store_findings(settings: Settings) -> Iterator[Finding]:
    """Probe the object store, if PHOTOS_DIR is one; another check reports listing failures."""
    if not isinstance(settings.photos_dir, S3Location):
        return
    with closing(storage_of(settings)) as storage:
        try:
            flaws = _flaws(storage, settings.listing_timeout)  # type: ignore[arg-type]  # what a bucket is read by
        except (StorageUnavailable, DownloadFailed):
            return  # reported with the albums
    if flaws is None:
        return
    for flaw in flaws:
        severity, text = _TEXTS[flaw.name]
        yield Finding(severity, "store", text)
    if not flaws:
        yield Finding(Severity.GOOD, "store", "obeys conditions and ranges")


def _flaws(storage: S3Storage, timeout_s: float) -> Sequence[Flaw] | None:
    """Return the flaws found with the first non-empty object; None if there is no such object."""
    names = filter(is_archive_id, storage.albums())
    for archive in map(ArchiveId.parse, islice(names, LOOKED_AT_ALBUMS)):
        try:
            flaws = storage.flaws(archive, listed_within(storage, archive, timeout_s))
        except ArchiveNotFound:  # removed meanwhile
            continue
        if flaws is not None:
            return flaws
    return None
