"""Where work on an album's disk runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import get_ident

import pytest

from archive_service.archive.errors import SourceChanged
from archive_service.storage.album_disk import FEW_FILES, AlbumDisk, Load, OpenFile
from archive_service.storage.disk_demand import DiskDemand


class Opened:
    def __init__(self, *, is_prompt: bool) -> None:
        self.is_prompt = is_prompt


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as thread:
        yield thread


@pytest.mark.parametrize(
    ("takes", "is_at_hand", "is_in_place"),
    [
        (Load.MEMORY, False, True),
        (Load.FEW_FILES, True, True),
        (Load.FEW_FILES, False, False),
        (Load.MUCH, True, False),
        (Load.of_files(FEW_FILES), True, True),
        (Load.of_files(FEW_FILES + 1), True, False),
        (Opened(is_prompt=True), False, True),
        (Opened(is_prompt=False), True, False),
    ],
)
def test_work_runs_in_place_where_nothing_of_it_waits(
    thread: ThreadPoolExecutor, takes: Load | OpenFile, *, is_at_hand: bool, is_in_place: bool
) -> None:
    disk = AlbumDisk(thread, DiskDemand(), is_at_hand=lambda: is_at_hand)
    here = get_ident()
    assert (disk.begin(get_ident, takes).result() == here) == is_in_place
    assert (asyncio.run(disk.done(get_ident, takes)) == here) == is_in_place
    assert disk.at_once(get_ident, takes) == (here if is_in_place else None)


@pytest.mark.parametrize("takes", [Load.MEMORY, Load.MUCH])
def test_what_begun_work_raises_comes_with_its_result(
    thread: ThreadPoolExecutor, takes: Load
) -> None:
    def fail() -> None:
        raise SourceChanged("resized")

    begun = AlbumDisk(thread, DiskDemand()).begin(fail, takes)
    with pytest.raises(SourceChanged):
        begun.result()
