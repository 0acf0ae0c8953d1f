"""The lists of LISTS_DIR, as the settings say: where they lie, and what serves them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from archive_service.archive.errors import StorageUnavailable
from archive_service.archive.id import ArchiveId
from archive_service.config.album_storage import storage_of
from archive_service.config.environment import put_aws_variables_in_environment
from archive_service.config.settings import Settings
from archive_service.observe.events import Observe, ignore
from archive_service.observe.storage_events import ListShadowed, ListsLost
from archive_service.storage.base import Storage
from archive_service.storage.time_limits import within

if TYPE_CHECKING:  # what a list is made of takes a while to import
    from archive_service.storage.file_lists.list_place import ListPlace
    from archive_service.storage.file_lists.listed_storage import ListedStorage

ANSWER_WITHIN_S = 5.0
"""How long LISTS_DIR is waited for before it is reported."""


def served_storage(settings: Settings, observe: Observe = ignore) -> Storage:
    """Give access to the albums and lists; see `storage_of`."""
    return listed_storage(settings, observe) or storage_of(settings, observe)


def listed_storage(settings: Settings, observe: Observe = ignore) -> ListedStorage | None:
    """Give access to the albums and lists, where there are lists."""
    place = list_place_of(settings)
    if place is None:
        return None
    from archive_service.storage.file_lists.listed_storage import ListedStorage  # noqa: PLC0415

    return ListedStorage(storage_of(settings, observe), place, observe)


def list_place_of(settings: Settings) -> ListPlace | None:
    """Return where the lists lie, None where there are none; close it at the end."""
    if settings.lists_dir is None:
        return None
    if isinstance(settings.lists_dir, Path):
        from archive_service.storage.file_lists.list_place import ListDirectory  # noqa: PLC0415

        return ListDirectory(settings.lists_dir, settings.list_size)
    from archive_service.storage.s3.stored_lists import StoredLists  # noqa: PLC0415

    put_aws_variables_in_environment()
    location = replace(settings.lists_dir, addressing=settings.s3_addressing)
    return StoredLists(location, settings.list_size, timeout_s=settings.s3_timeout)


def shadowed(storage: ListedStorage) -> Sequence[ArchiveId]:
    """Return the lists that have the name of an album; raise StorageUnavailable."""
    albums = set(storage.albums())
    return [ArchiveId(name) for name in storage.lists() if name in albums]


def look_at_lists(settings: Settings, observe: Observe) -> None:
    """Report lists that can't be read, and each list that has the name of an album; blocks."""
    storage = listed_storage(settings)
    if storage is None:
        return
    with closing(storage):
        try:
            within(ANSWER_WITHIN_S, storage.lists)
        except TimeoutError:
            observe(ListsLost("timeout"))
        except StorageUnavailable as error:
            observe(ListsLost(error.reason))
        with suppress(StorageUnavailable):
            for archive in shadowed(storage):
                observe(ListShadowed(archive))
