"""Lists albums for `archive-service check`, which waits for none longer than a visitor does."""

from __future__ import annotations

from archive_service.archive.errors import LONG_LISTING, ListingTimedOut, StorageUnavailable
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.storage.base import Storage
from archive_service.storage.thread_progress import Progress, current
from archive_service.storage.time_limits import within


def listed_within(storage: Storage, archive: ArchiveId, timeout_s: float) -> Listing:
    """List an album as for a visitor, who waits for so long; raise StorageUnavailable."""
    work = Progress(archive, 0.0, 0.0)

    def listed() -> Listing:
        current.set(work)
        return storage.list(archive)

    try:
        return within(timeout_s, listed)
    except TimeoutError:
        raise StorageUnavailable(LONG_LISTING) if work.pages else ListingTimedOut from None
