"""Which packing of headers waits for that of other downloads, and which never does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timezone
from pathlib import Path

import pytest
from harness.albums import make_album

from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import lay_out
from archive_service.archive.segments import FileData
from archive_service.checksums.crc32_column import Crc32Column
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.storage import LocalStorage
from archive_service.transfer.assembler import HEADERS_AT_ONCE, Assembler

ARCHIVE = ArchiveId.parse("7kna")
FILES = {f"{number:03}.jpg": b"x" for number in range(3 * HEADERS_AT_ONCE)}


class Packing(AbstractContextManager["Packing"]):
    """Counts how often it is entered."""

    entered = 0

    def __enter__(self) -> Packing:
        self.entered += 1
        return self

    def __exit__(self, *_error: object) -> None:
        pass


@pytest.mark.parametrize("piece_bytes", [1, 1000, 1_000_000])
def test_only_what_threads_make_waits_for_others_that_pack(
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
            before, is_in_place = packing.entered, assembler.needs_no_wait(segment)
            assembler.make(segment, files)
            assert packing.entered - before == (0 if is_in_place else 1)
    storage.close()
