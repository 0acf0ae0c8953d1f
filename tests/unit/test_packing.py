"""Which packing of headers waits for that of other downloads, and which never does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timezone
from pathlib import Path

import pytest
from harness.albums import make_album

from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import lay_out
from archive_service.archive.segments import CentralHeaders, FileData
from archive_service.checksums.crc32_column import Crc32Column
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.storage import LocalStorage
from archive_service.transfer.assembler import HEADERS_AT_ONCE, Assembler

ARCHIVE = ArchiveId.parse("7kna")
FILES = {f"{number:04}.jpg": bytes(1000) for number in range(2000)}


class Packing(AbstractContextManager["Packing"]):
    """Counts how often it is entered."""

    entered = 0

    def __enter__(self) -> Packing:
        self.entered += 1
        return self

    def __exit__(self, *_error: object) -> None:
        pass


@pytest.mark.parametrize("piece_bytes", [1, 64 * 1024, 4 * 1024 * 1024])
def test_only_downloads_that_have_come_far_wait_for_others_that_pack(
    tmp_path: Path, piece_bytes: int
) -> None:
    make_album(tmp_path, FILES, ARCHIVE.value)
    storage = LocalStorage(tmp_path, Exclusion(()))
    listing = storage.list(ARCHIVE)
    layout = lay_out(listing, listing.paths, listing.sources(), zone=timezone.utc)
    packing = Packing()
    assembler = Assembler(
        layout, Crc32Column(layout.entries), is_prompt=lambda: True, packing=packing
    )
    with storage.files(ARCHIVE, listing) as files:
        for segment in layout.segments(0, len(layout), piece_bytes=lambda: piece_bytes):
            assert not isinstance(segment, FileData)
            before = packing.entered
            assembler.make(segment, files)
            is_large = segment.stop - segment.start > 2 * 64 * 1024
            assert packing.entered - before == (1 if is_large else 0)
    storage.close()


def test_what_is_packed_on_the_event_loop_waits_for_nobody(tmp_path: Path) -> None:
    names = [f"{'d' * 200}/" * 15 + f"{number:02}.jpg" for number in range(HEADERS_AT_ONCE)]
    make_album(tmp_path, dict.fromkeys(names, b"x"), ARCHIVE.value)
    storage = LocalStorage(tmp_path, Exclusion(()))
    listing = storage.list(ARCHIVE)
    files = [source for source in listing.sources() if listing.sizes[source]]
    layout = lay_out(listing, listing.paths, files, zone=timezone.utc)
    packing = Packing()
    checksums = Crc32Column(len(listing))
    checksums.learn(listing.sources(), [0] * len(listing), read_from_ns=0)
    assembler = Assembler(layout, checksums, is_prompt=lambda: True, packing=packing)
    central = CentralHeaders(layout.central_offsets[0], layout.central_offsets[-1])
    assert central.stop - central.start > 128 * 1024
    assert assembler.is_quick(central)
    with storage.files(ARCHIVE, listing) as opened:
        assembler.make(central, opened)
    assert packing.entered == 0
    storage.close()
