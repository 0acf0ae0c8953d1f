"""How many large files a download has read at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import timezone
from functools import partial
from pathlib import Path
from zlib import crc32

import pytest
from harness.albums import make_album, noise
from harness.server import open_files

from archive_service.archive.errors import SourceChanged
from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import ArchiveLayout, lay_out
from archive_service.checksums.crc32_column import Crc32Column
from archive_service.storage.album_disk import AlbumDisk
from archive_service.storage.disk_demand import DiskDemand
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.storage import LocalStorage
from archive_service.transfer.batches import (
    BATCH_FILES,
    Batch,
    BatchMaker,
    OpenData,
    close_files,
)
from archive_service.transfer.disk_rate import DiskRate
from archive_service.transfer.read_ahead import QUICK_FROM_BYTES, READ_WITHIN_S, ReadAhead

ARCHIVE = ArchiveId.parse("7kna")
FILES = {f"{number:02}.tif": noise(200_000, number) for number in range(12)}
MORE_FILES = {f"{number:02}.tif": noise(200_000, number) for number in range(3 * BATCH_FILES)}
AHEAD_BYTES = 2 * 1024 * 1024
"""What the kernel reads ahead of each open file."""


class Client:
    """A client that becomes quick."""

    piece_bytes = 1

    def buffer_bytes(self) -> int:
        return self.piece_bytes

    def span_bytes(self) -> int:
        return self.piece_bytes


@contextmanager
def described(
    root: Path, files: Mapping[str, bytes], disk: AlbumDisk
) -> Iterator[tuple[ArchiveLayout, BatchMaker]]:
    """Yield the layout of an album whose checksums are known, and what makes its batches."""
    make_album(root, files, ARCHIVE.value)
    with closing(LocalStorage(root, Exclusion(()))) as storage:
        listing = storage.list(ARCHIVE)
        layout = lay_out(listing, listing.paths, listing.sources(), zone=timezone.utc)
        checksums = Crc32Column(len(files))
        checksums.learn(listing.sources(), map(crc32, files.values()), read_from_ns=0)
        open_album = partial(storage.files, ARCHIVE, listing)
        yield layout, BatchMaker(layout, checksums, open_album, disk)


def opened(root: Path, *, rate: tuple[int, float] | None) -> int:
    """Return how many files are open when the second batch is made, and those made ahead."""
    client = Client()
    with (
        ThreadPoolExecutor(1) as thread,
        described(root, FILES, disk := AlbumDisk(thread, DiskDemand())) as (layout, maker),
    ):
        reading = ReadAhead(maker, disk, client, start=layout.data_offset(0), stop=len(layout))
        close_files(made(reading))
        client.piece_bytes = QUICK_FROM_BYTES
        if rate:
            reading.disk_rate.note(*rate)
        with closing(reading):
            batch = made(reading)
            thread.submit(int).result()  # behind all batches
            below = f"{root / ARCHIVE.value}/"
            count = sum(path.startswith(below) for path in open_files(os.getpid()))
            close_files(batch)
    return count


def made(reading: ReadAhead) -> Batch:
    making = reading.next_batch()
    assert making
    return making.batch.result()


@pytest.mark.parametrize(
    ("rate", "count"),
    [
        (None, 11),
        ((100_000, 1.0), 1),
        ((round(9.5 * AHEAD_BYTES), READ_WITHIN_S), 7),
        ((1_000_000_000, 1.0), 11),
    ],
)
def test_a_disk_reads_as_many_files_at_once_as_it_gives_in_a_moment(
    tmp_path: Path, rate: tuple[int, float] | None, count: int
) -> None:
    assert opened(tmp_path, rate=rate) == count


def test_the_rate_is_that_of_what_was_read_lately() -> None:
    rate = DiskRate()
    assert rate.bytes_in(1.0) > 1e12
    for _ in range(100):
        rate.note(1_000_000, 0.001)
    quick = rate.bytes_in(1.0)
    for _ in range(100):
        rate.note(1_000_000, 1.0)
    assert quick == pytest.approx(1e9, rel=0.01)
    assert rate.bytes_in(1.0) == pytest.approx(1e6, rel=0.1)


def test_a_batch_that_fails_leaves_those_before_it(tmp_path: Path) -> None:
    client = Client()
    client.piece_bytes = QUICK_FROM_BYTES
    sent = 0
    with (
        ThreadPoolExecutor(1) as thread,
        described(
            tmp_path, MORE_FILES, disk := AlbumDisk(thread, DiskDemand(), is_at_hand=lambda: True)
        ) as (layout, maker),
    ):
        (tmp_path / ARCHIVE.value / f"{BATCH_FILES + 3:02}.tif").write_bytes(b"shorter")
        reading = ReadAhead(maker, disk, client, start=0, stop=len(layout))
        # A failed batch is among those made ahead.
        with closing(reading), suppress(SourceChanged):
            while making := reading.next_batch():
                made = making.batch.result()
                sent += sum(isinstance(part, OpenData) for part in made)
                close_files(made)
    assert sent == BATCH_FILES
