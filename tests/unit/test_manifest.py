"""How often a manifest is printed."""

from __future__ import annotations

import asyncio
from datetime import timezone
from pathlib import Path

from harness.albums import HASH, make_album, settle

from archive_service.archive.id import ArchiveId
from archive_service.archive.naming import NameRules
from archive_service.archive.representation import ArchiveOptions, Representation
from archive_service.checksums.crc_index.memory import MemoryCrcIndex
from archive_service.storage.exclusion import Exclusion
from archive_service.storage.local.storage import LocalStorage
from archive_service.transfer.service import ArchiveService, WaitPolicy
from archive_service.web.manifest import Manifests

OPTIONS = ArchiveOptions(NameRules(), timezone.utc)
TOO_LARGE_BYTES = 33_000_000


def test_one_that_is_too_large_to_keep_is_not_printed_again_for_its_head(photos_dir: Path) -> None:
    settle(make_album(photos_dir, {"a.jpg": b"a"}))
    printed = 0

    def printer(_representation: Representation) -> bytes:
        nonlocal printed
        printed += 1
        return b"x" * TOO_LARGE_BYTES

    async def ask(service: ArchiveService) -> None:
        manifests = Manifests(service)
        representation = await service.represent(ArchiveId(HASH))
        for _ in range(3):
            head = await manifests.head(representation, printer)
            assert head.complete_length == TOO_LARGE_BYTES
        assert printed == 1
        assert len(await manifests.body(representation, printer)) == TOO_LARGE_BYTES

    service = ArchiveService(
        LocalStorage(photos_dir, Exclusion(())), MemoryCrcIndex(), OPTIONS, WaitPolicy()
    )
    try:
        asyncio.run(ask(service))
    finally:
        service.close()
