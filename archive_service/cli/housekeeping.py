"""What goes on beside the downloads: the index is tidied, and kept ahead of the visitors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from archive_service.errors import StorageUnavailable
from archive_service.exclusion import Exclusion
from archive_service.indexahead.ahead import IndexAhead
from archive_service.observe.base import Observer
from archive_service.service import ArchiveService
from archive_service.settings import Settings
from archive_service.storage.watched import WatchedAlbums

TIDY_EVERY_S = 3600.0


class Housekeeping:
    """The work that one process does for all."""

    def __init__(
        self,
        service: ArchiveService,
        observer: Observer,
        exclusion: Exclusion,
        settings: Settings,
    ) -> None:
        self._service = service
        self._observer = observer
        self._exclusion = exclusion
        self._settings = settings

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Do it while the block runs."""
        tasks = [asyncio.ensure_future(self._tidy())]
        if self._settings.index_ahead != "off":
            tasks.append(asyncio.ensure_future(self._index_ahead()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _tidy(self) -> None:
        while True:
            with suppress(StorageUnavailable):  # told to whoever asks for an album meanwhile
                await self._service.tidy_index()
            await asyncio.sleep(TIDY_EVERY_S)

    async def _index_ahead(self) -> None:
        settings = self._settings
        learner = self._service.learner()
        watch = partial(WatchedAlbums, settings.photos_dir, self._exclusion)
        ahead = IndexAhead(
            learner,
            self._observer,
            settle_time_s=settings.settle_time,
            open_watch=watch if settings.index_ahead == "watch" else None,
        )
        try:
            await ahead.run()
        except Exception as error:
            self._observer.index_ahead_changed("failed", reason=type(error).__name__)
            raise
        finally:
            await learner.close()
