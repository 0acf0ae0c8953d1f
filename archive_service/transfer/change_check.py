"""Checks files whose bytes were sent: they must be what was listed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from threading import Event

from archive_service.archive.errors import SourceSuspected
from archive_service.checksums.suspected_files import AnnouncedFiles
from archive_service.storage.album_disk import AlbumDisk
from archive_service.storage.base import DiskFile
from archive_service.transfer.batches import OpenData
from archive_service.transfer.referenced_files import ReferencedFile


class ChangeCheck:
    """Verifies the files of one album; `open_album` gives access to them.

    Each method raises SourceChanged, or SourceUnreadable.  A suspected file is read again.
    """

    def __init__(
        self, disk: AlbumDisk, open_album: Callable[[], AbstractContextManager[AnnouncedFiles]]
    ) -> None:
        self._disk = disk
        self._open_album = open_album

    async def verify(self, file: DiskFile, data: OpenData) -> None:
        """Check a file whose last byte was handed over."""
        try:
            await self._disk.done(data.verify, file)
        except SourceSuspected as suspected:
            settle = partial(AnnouncedFiles.settle, source=data.source, suspected=suspected)
            await self._settled(settle)

    async def verify_read(self, referenced: ReferencedFile) -> None:
        """Check a file whose bytes sent by reference have been read; close it."""
        data = referenced.data
        with ExitStack() as to_close:
            to_close.callback(referenced.close)
            try:
                data.verify()  # such a file is prompt
            except SourceSuspected as suspected:
                settle = partial(
                    AnnouncedFiles.settle_open,
                    file=data.file,
                    source=data.source,
                    suspected=suspected,
                )
                await self._settled(settle, to_close.pop_all().close)

    async def _settled(
        self, settle: Callable[..., None], close: Callable[[], object] | None = None
    ) -> None:
        abandoned = Event()

        def read() -> None:
            with self._open_album() as files:
                settle(files, abandoned=abandoned)

        try:
            await self._disk.in_thread(read, close)
        finally:
            abandoned.set()
