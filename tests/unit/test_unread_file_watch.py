"""Unread files are watched during their first download, however busy the machine is."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import aclosing
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, noise, settle
from harness.chunks import bytes_of
from harness.conditions import eventually
from harness.in_process import WholeChunks, service_over
from harness.inotify import watches
from harness.oracle import contents_of
from harness.touches import give_to_its_owner

from archive_service.archive.id import ArchiveId
from archive_service.http.multipart import Slice
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.native import AS_COMPILED
from archive_service.storage.local.storage import LocalStorage
from archive_service.transfer.service import ArchiveService

ARCHIVE = ArchiveId(HASH)
FILES = {f"{number:02}.jpg": noise(5_000, number) for number in range(20)}


def stat_slowly(directory: int, names: list[bytes]) -> bytes:
    """Look at files as on a machine whose processors have other work."""
    time.sleep(0.01)
    return AS_COMPILED.stat_files(directory, names)


def test_files_are_watched_on_a_local_disk_that_seems_slow(photos_dir: Path) -> None:
    album = settle(make_album(photos_dir, FILES))
    native = AS_COMPILED._replace(stat_files=stat_slowly)
    storage = LocalStorage(photos_dir, Exclusion(()), native)

    async def downloaded(service: ArchiveService) -> bytes:
        found = await service.represent(ARCHIVE)
        if not storage.is_prompt(ARCHIVE):
            pytest.skip("the file system is none of those that answer at once")
        assert not storage.is_at_hand(ARCHIVE)
        content, pieces = service.content(found), WholeChunks()
        whole = Slice(0, found.complete_length)
        async with content.watched([whole], pieces):
            await asyncio.to_thread(eventually, lambda: watches(os.getpid()) == len(FILES))
            for path in album.iterdir():
                give_to_its_owner(path)
            async with aclosing(content.chunks(whole.start, whole.stop, pieces)) as chunks:
                return b"".join([bytes(bytes_of(chunk)) async for chunk in chunks])

    with service_over(storage) as service:
        assert contents_of(asyncio.run(downloaded(service))) == FILES
