"""The check of `archive-service check` for disks that do not answer: other checks would wait."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from archive_service.cli.doctor.findings import Finding, Severity
from archive_service.config.crc_index_choice import index_address
from archive_service.config.settings import Settings
from archive_service.storage.deadline import within

ANSWER_WITHIN_S = 5.0
"""How long each directory is waited for."""


def hanging_findings(settings: Settings) -> Iterator[Finding]:
    """Report the directories of this machine that do not answer."""
    index = index_address(settings)
    places = {
        "albums": settings.photos_dir,
        "lists": settings.lists_dir,
        "index": index.path.parent if index.kind == "sqlite" else None,
    }
    for subject, place in places.items():
        if isinstance(place, Path) and not _answers(place):
            text = (
                f"{place} does not answer within {ANSWER_WITHIN_S:.0f} seconds: look at its disk, "
                "or at the server that it is mounted from"
            )
            yield Finding(Severity.WRONG, subject, text)


def _answers(directory: Path) -> bool:
    """Return whether a directory answers in time, if only with an error."""
    with suppress(OSError):
        try:
            within(ANSWER_WITHIN_S, partial(os.scandir, directory)).close()
        except TimeoutError:
            return False
    return True
