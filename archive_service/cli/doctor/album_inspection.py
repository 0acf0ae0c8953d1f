"""The checks of `archive-service check` on albums and lists; they change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

from archive_service.archive.errors import (
    LONG_LISTING,
    ArchiveNotFound,
    DownloadFailed,
    StorageUnavailable,
)
from archive_service.archive.id import ArchiveId, is_archive_id
from archive_service.cli.doctor.bounded_listing import listed_within
from archive_service.cli.doctor.findings import Finding, Severity
from archive_service.cli.doctor.store_inspection import addressing_advice
from archive_service.cli.doctor.surroundings_inspection import is_selinux_in_force
from archive_service.config.album_storage import advice, permission_advice, storage_of
from archive_service.config.listed_archives import listed_storage, shadowed
from archive_service.config.settings import Settings
from archive_service.storage.base import Storage
from archive_service.storage.file_lists.list_model import ListBroken
from archive_service.storage.file_lists.listed_storage import ListedStorage
from archive_service.storage.local.filesystem_type import filesystem_of, is_changed_by_others
from archive_service.storage.local.listing_builder import MAX_LINKED
from archive_service.storage.local.walk import MAX_DEPTH

LOOKED_AT = 1000
LOOKED_AT_IN_STORE = 3
"""Each takes a few requests, and permissions mostly apply to the whole bucket."""
_SHOWN_LISTS = 3
_UNFIT = {
    "too deep": f"has directories nested deeper than {MAX_DEPTH}: move the innermost up",
    "too many links": f"has links to more than {MAX_LINKED:,} files: link to fewer",
    "file too large": "has a file of an impossible size: remove it, or repair the disk",
    "timeout": "is on a disk that does not answer in time: look at the disk, or at the mount",
    "archived": "has objects in cold storage: restore them",
    "no entity tags": "is listed without entity tags: have the store list them, as "
    "`juicefs gateway --keep-etag` does, or use another store",
    "incomplete listing": "is listed in part by the store: use another store",
    LONG_LISTING: "has a listing that goes on for longer than LISTING_TIMEOUT: the store leads "
    "from page to page without end, or has very many objects",
    "endless listing": "has a listing without end: use another store, or fewer objects",
}
"""What is wrong with albums that permissions have nothing to do with, by the reason."""
_WATCH_LIMIT = Path("/proc/sys/fs/inotify/max_user_watches")


def album_findings(settings: Settings) -> Iterator[Finding]:
    """Check that albums can be listed and read, and have names that a link can have."""
    with closing(storage_of(settings)) as storage:
        try:
            names = storage.albums()
        except StorageUnavailable as error:
            cure = addressing_advice(settings, error.reason) or advice(settings, error.reason)
            text = f"{settings.photos_dir} can't be read ({error}): {cure}"
            yield Finding(Severity.WRONG, "albums", text)
            return
        yield from _looked_at(settings, storage, names)


def _looked_at(settings: Settings, storage: Storage, names: Sequence[str]) -> Iterator[Finding]:
    yield Finding(Severity.GOOD, "albums", f"{len(names):,} in {settings.photos_dir}")
    is_local = isinstance(settings.photos_dir, Path)
    sample = names[: LOOKED_AT if is_local else LOOKED_AT_IN_STORE]
    timeout_s = settings.listing_timeout
    reasons = [(name, _why_unreadable(storage, name, timeout_s)) for name in sample]
    for reason in sorted({reason for _, reason in reasons if reason is not None}):
        names_of_it = [name for name, each in reasons if each == reason]
        cure = _UNFIT.get(reason) or f"can't be read by this user: {_cure(settings)}"
        text = f"{len(names_of_it):,} of the {len(sample):,} looked at, such as"
        yield Finding(Severity.WRONG, "albums", f"{text} {_shown(names_of_it[0])}, {cure}")
    nameless = [name for name in names if not _is_id(name)]
    if nameless:
        yield Finding(
            Severity.ADVICE,
            "albums",
            f"{len(nameless):,} have names that no link can have: rename them to letters, digits "
            "and - _ ~ . if they are to be downloaded",
        )


def _cure(settings: Settings) -> str:
    cure = permission_advice(settings)
    if isinstance(settings.photos_dir, Path) and is_selinux_in_force():
        cure += (
            "; or SELinux denies it: `ausearch -m avc -ts recent` shows it, and restorecon, or :z "
            "at the volume of a container, permits it"
        )
    return cure


def _why_unreadable(storage: Storage, name: str, timeout_s: float) -> str | None:
    """Return the reason of what can't be read of an album; empty where its user may not read it."""
    if not is_archive_id(name):
        return None
    archive = ArchiveId(name)
    try:
        listing = listed_within(storage, archive, timeout_s)
        with storage.files(archive, listing) as album:
            for source in islice(listing.files(), 1):
                with album.open(source) as file:
                    file.readinto(memoryview(bytearray(1)))
    except StorageUnavailable as error:
        return error.reason if error.reason in _UNFIT else ""
    except (DownloadFailed, OSError):
        return ""
    return None


def _is_id(name: str) -> bool:
    return is_archive_id(name) or name.startswith(".")  # hidden directories are no albums


def _shown(name: str) -> str:
    return str(ArchiveId(name)) if is_archive_id(name) else "one"


def watching_findings(settings: Settings) -> Iterator[Finding]:
    """Say how uploads are found where INDEX_AHEAD is `watch`."""
    if settings.index_ahead != "watch":
        return
    if not isinstance(settings.photos_dir, Path):
        text = "object stores don't report uploads: set INDEX_AHEAD=scan to index them ahead"
        yield Finding(Severity.GOOD, "watching", text)
    elif is_changed_by_others(settings.photos_dir):
        kind = filesystem_of(settings.photos_dir)
        text = f"{kind} does not report uploads, so they are looked for every 10 seconds"
        yield Finding(Severity.GOOD, "watching", text)
    elif _WATCH_LIMIT.exists():
        with suppress(StorageUnavailable), closing(storage_of(settings)) as storage:
            yield _watch_limit(len(storage.albums()), int(_WATCH_LIMIT.read_text()))


def _watch_limit(albums: int, limit: int) -> Finding:
    if albums <= limit:
        return Finding(Severity.GOOD, "watching", f"up to {limit:,} directories")
    return Finding(
        Severity.ADVICE,
        "watching",
        f"{limit:,} directories may be watched and there are {albums:,} albums, so uploads are "
        "looked for every 10 seconds: raise fs.inotify.max_user_watches, or set INDEX_AHEAD=scan",
    )


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
    return LOOKED_AT if is_local else LOOKED_AT_IN_STORE


def _broken(storage: ListedStorage, names: Sequence[str]) -> Iterator[Finding]:
    faults = [fault for name in names if (fault := _fault(storage, ArchiveId(name)))]
    if faults:
        yield Finding(
            Severity.WRONG,
            "lists",
            f"{len(faults):,} of the {len(names):,} looked at can't be sent: "
            f"{'; '.join(faults[:_SHOWN_LISTS])}. `archive-service list show HASH` says more",
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
