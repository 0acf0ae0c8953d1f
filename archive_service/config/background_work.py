"""Work beside the downloads: tidies the index and computes checksums ahead of visitors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from threading import Thread

from archive_service.archive.errors import StorageUnavailable
from archive_service.checksums.background.index_ahead import SCAN_EVERY_S, IndexAhead
from archive_service.config.listed_archives import look_at_lists
from archive_service.config.settings import Settings
from archive_service.observe.events import Observe
from archive_service.observe.index_events import TidyingFailed
from archive_service.observe.recurrence import once
from archive_service.observe.storage_events import AlbumsFound, AlbumsLost
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.unclosed_files import UnclosedFiles
from archive_service.storage.local.watcher import AlbumWatcher
from archive_service.transfer.service import ArchiveService

TIDY_EVERY_S = 3600.0
LOOK_AT_ROOT_EVERY_S = 5.0
SCAN_STORE_EVERY_S = 600.0
"""The pause between two scans of an object store: each album costs at least one request."""


class BackgroundWork:
    """The work that one process does for all."""

    def __init__(
        self,
        service: ArchiveService,
        observe: Observe,
        settings: Settings,
        written: UnclosedFiles,
    ) -> None:
        self._service = service
        self._observe = observe
        self._settings = settings
        self._written = written

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Do it while the block runs."""
        if self._settings.lists_dir is not None:
            look = partial(look_at_lists, self._settings, self._observe)
            Thread(target=look, name="lists", daemon=True).start()  # its disk may hang
        tasks = [asyncio.ensure_future(self._tidy())]
        if self._is_local():
            tasks.append(asyncio.ensure_future(self._watch_root()))
        if self._is_ahead():
            tasks.append(asyncio.ensure_future(self._index_ahead()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _tidy(self) -> None:
        report = once(self._observe)
        while True:
            try:
                await self._service.tidy_index()
            except StorageUnavailable:  # visitors' requests report it meanwhile
                pass
            except Exception as error:  # noqa: BLE001 - it is tried again
                report(TidyingFailed(type(error).__name__))
            await asyncio.sleep(TIDY_EVERY_S)

    async def _watch_root(self) -> None:
        """Report when PHOTOS_DIR can't be read, and when it can be read again."""
        lost = ""
        while True:
            try:
                await self._service.check()
            except StorageUnavailable as error:
                if not lost:
                    self._observe(AlbumsLost(error.reason))
                lost = error.reason
            else:
                if lost:
                    self._observe(AlbumsFound())
                lost = ""
            await asyncio.sleep(LOOK_AT_ROOT_EVERY_S)

    async def _index_ahead(self) -> None:
        settings = self._settings
        hasher = self._service.background_hasher()
        ahead = IndexAhead(
            hasher,
            self._observe,
            settle_time_s=settings.settle_time,
            open_watch=self._watch(),
            scan_every_s=SCAN_EVERY_S if self._is_local() else SCAN_STORE_EVERY_S,
        )
        try:
            await ahead.run()
        finally:
            await hasher.close()

    def _is_local(self) -> bool:
        return isinstance(self._settings.photos_dir, Path)

    def _is_ahead(self) -> bool:
        """Return whether albums are to be indexed ahead.

        An object store does not report uploads, and each scan and each byte may cost money.  So
        albums there are indexed ahead only with INDEX_AHEAD=scan.
        """
        wanted = self._settings.index_ahead
        return wanted == "scan" or (wanted == "watch" and self._is_local())

    def _watch(self) -> Callable[[], AlbumWatcher] | None:
        settings = self._settings
        if settings.index_ahead != "watch" or not isinstance(settings.photos_dir, Path):
            return None
        exclusion = Exclusion(settings.exclude)
        return partial(AlbumWatcher, settings.photos_dir, exclusion, self._written)
