"""The checks of `archive-service check` on lists; they change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from archive_service.archive.errors import ArchiveNotFound, StorageUnavailable
from archive_service.archive.id import ArchiveId
from archive_service.cli.doctor.findings import Finding, Severity
from archive_service.config.listed_archives import listed_storage, shadowed
from archive_service.config.settings import Settings
from archive_service.storage.file_lists.list_model import ListBroken
from archive_service.storage.file_lists.listed_storage import ListedStorage

LOOKED_AT_LISTS = 1000
LOOKED_AT_IN_STORES = 3
"""Each takes requests for the list and for what it names."""
_SHOWN = 3


def list_findings(settings: Settings) -> Iterator[Finding]:
    """Check that lists can be read, and that what they name is there."""
    storage = listed_storage(settings)
    if storage is None:
        return
    with closing(storage):
        try:
            names = storage.lists()
            yield Finding(Severity.GOOD, "lists", f"{len(names):,} in {settings.lists_dir}")
            yield from _broken(storage, names[-_most_looked_at(settings) :])
            hidden = shadowed(storage)
        except StorageUnavailable as error:
            text = f"{settings.lists_dir} can't be read ({error}): mount it, or permit it"
            yield Finding(Severity.WRONG, "lists", text)
            return
    if hidden:
        yield Finding(
            Severity.WRONG,
            "lists",
            f"{len(hidden):,} have the name of an album, such as {hidden[0]}, and the album is "
            "sent: give the list, or the directory, another name",
        )


def _most_looked_at(settings: Settings) -> int:
    places = (settings.lists_dir, settings.photos_dir)
    is_local = all(isinstance(place, Path) for place in places)
    return LOOKED_AT_LISTS if is_local else LOOKED_AT_IN_STORES


def _broken(storage: ListedStorage, names: Sequence[str]) -> Iterator[Finding]:
    faults = [fault for name in names if (fault := _fault(storage, ArchiveId(name)))]
    if faults:
        yield Finding(
            Severity.WRONG,
            "lists",
            f"{len(faults):,} of the {len(names):,} looked at can't be sent: "
            f"{'; '.join(faults[:_SHOWN])}. `archive-service list show HASH` says more",
        )


def _fault(storage: ListedStorage, archive: ArchiveId) -> str:
    try:
        storage.listed(archive)
    except ListBroken as error:
        return f"{archive} {error}"
    except ArchiveNotFound:  # gone meanwhile
        return ""
    except StorageUnavailable as error:
        return f"{archive} {error.reason}"
    return ""
