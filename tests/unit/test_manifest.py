"""How often a manifest is printed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from harness.albums import HASH, make_album, settle
from harness.in_process import service_over

from archive_service.archive.id import ArchiveId
from archive_service.archive.representation import Representation
from archive_service.transfer.service import ArchiveService
from archive_service.web.manifest import Manifests

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

    with service_over(photos_dir) as service:
        asyncio.run(ask(service))
