"""The index of CRC-32 values that the settings ask for, and its size."""

from __future__ import annotations

from concurrent.futures import Future, wait
from functools import partial
from hashlib import blake2b
from pathlib import Path

from archive_service.archive.listing import Listing
from archive_service.checksums.crc_index.base import CrcIndex
from archive_service.checksums.crc_index.index_url import (
    SQLITE,
    IndexAddress,
    make_store,
    parse_index_url,
)
from archive_service.checksums.crc_index.shared_index import SharedCrcIndex
from archive_service.checksums.crc_index.sqlite import SqliteCrcIndex
from archive_service.config.album_storage import place_bytes
from archive_service.config.settings import Settings
from archive_service.observe.events import Observe
from archive_service.storage.lane_limits import ONE_THREAD
from archive_service.storage.thread_lanes import Lanes

_SIZE_WITHIN_S = 1.0


def index_for(settings: Settings, observe: Observe) -> CrcIndex:
    """Make the index, which is not touched before its first use."""
    address = index_address(settings)
    if not address.kind.is_shared:
        return SqliteCrcIndex(address.path, observe)
    return SharedCrcIndex(
        partial(make_store, address),
        observe,
        # Copies of a tree have different tokens on each machine, so machines could not share
        # values.  An index file of one machine keeps the tokens: it detects more changes.
        versions=Listing.versions if settings.change_token else Listing.versions_anywhere,
    )


def index_address(settings: Settings) -> IndexAddress:
    """Return where the index lies."""
    if settings.index_url is None:
        return IndexAddress(SQLITE, "", shown=str(cache_path(settings, "crc", ".sqlite3")))
    return parse_index_url(settings.index_url.reveal())


def cache_path(settings: Settings, name: str, suffix: str) -> Path:
    """Name a file of one root: rows of another root would look like removed albums."""
    root = blake2b(place_bytes(settings.photos_dir), digest_size=8).hexdigest()
    return settings.cache_dir / f"{name}-{root}{suffix}"


class IndexSize:
    """Looks at the index file for the metrics, at most once at a time; from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lane = Lanes("index size", ONE_THREAD).of("size")
        self._look: Future[int] | None = None

    def __call__(self) -> int | None:
        """Return the size in bytes; None if there is no file, or its disk does not answer."""
        look = self._look
        if look is None:
            look = self._look = self._lane.submit(lambda: self._path.stat().st_size)
            wait([look], _SIZE_WITHIN_S)
        if not look.done():
            return None
        self._look = None
        return None if look.exception() else look.result()
