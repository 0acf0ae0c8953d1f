"""Where the albums are, as the settings say: the one place that chooses a storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from archive_service.archive.settling import NO_UPLOAD_LOOK, UploadLook
from archive_service.config.environment import put_aws_variables_in_environment
from archive_service.config.groups.album_settings import StoragePlace
from archive_service.config.settings import Settings
from archive_service.observe.events import Observe, ignore
from archive_service.storage.base import Storage
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.read_lease import Leases, NoLeases
from archive_service.storage.local.real_path import real_path
from archive_service.storage.local.storage import LocalStorage
from archive_service.storage.local.unclosed_files import UnclosedFiles
from archive_service.storage.local.young_files import YoungFiles
from archive_service.storage.s3.location import Addressing

_OF_ANY_STORE = "see the log of the store"
_OF_STORES: Mapping[str, str] = {
    "no credentials": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "wrong credentials": "the store does not know AWS_ACCESS_KEY_ID, or AWS_SECRET_ACCESS_KEY "
    "does not belong to it",
    "credentials expired": "get new ones",
    "access denied": "permit s3:ListBucket and s3:GetObject to these credentials",
    "other addressing": "set S3_ADDRESSING=virtual, or path if it is virtual already",
    "no bucket": "make the bucket, or correct PHOTOS_DIR or AWS_ENDPOINT_URL",
    "other region": "set AWS_REGION to that of the bucket",
    "unreachable": "correct AWS_ENDPOINT_URL, or start the store",
    "timeout": "correct AWS_ENDPOINT_URL, look at the network, or raise S3_TIMEOUT",
    "no trust": "the store's certificate is not trusted: name a file with that of its authority in "
    "AWS_CA_BUNDLE",
    "clock skew": "set the clock of this machine",
    "archived": "restore the objects, or exclude them from the lifecycle rule that archives them",
    "slow down": "the store has too much to do: try again later",
}


def storage_of(
    settings: Settings, observe: Observe = ignore, *, addressing: Addressing | None = None
) -> Storage:
    """Give access to the albums of PHOTOS_DIR; close it at the end, and call it after any fork.

    An object store is asked by S3_ADDRESSING unless `addressing` is given.
    """
    exclusion = Exclusion(settings.exclude)
    if isinstance(settings.photos_dir, Path):
        return LocalStorage(
            settings.photos_dir,
            exclusion,
            symlinks=settings.symlinks,
            observe=observe,
        )
    # What it needs is an extra, and takes a second to import.
    from archive_service.storage.s3.storage import S3Storage  # noqa: PLC0415

    put_aws_variables_in_environment()
    return S3Storage(
        replace(settings.photos_dir, addressing=addressing or settings.s3_addressing),
        exclusion,
        timeout_s=settings.s3_timeout,
        memory_bytes=settings.s3_memory,
        observe=observe,
    )


def upload_look(settings: Settings, written: UnclosedFiles, observe: Observe) -> UploadLook:
    """Return the check for unfinished files; `written` gets the reports of the watcher."""
    if settings.open_files == "off" or not isinstance(settings.photos_dir, Path):
        return NO_UPLOAD_LOOK
    leases = NoLeases() if settings.open_files == "watch" else Leases()
    known = UnclosedFiles() if settings.open_files == "lease" else written
    return YoungFiles(settings.photos_dir, leases, known, observe)


def place_bytes(place: StoragePlace) -> bytes:
    """Return bytes that differ for every PHOTOS_DIR."""
    return bytes(real_path(place)) if isinstance(place, Path) else str(place).encode()


def advice(settings: Settings, reason: str) -> str:
    """Return advice for a PHOTOS_DIR that can't be read, by the reason of StorageUnavailable."""
    if isinstance(settings.photos_dir, Path):
        return "mount it, or permit it to this user"
    return _OF_STORES.get(reason, _OF_ANY_STORE)


def permission_advice(settings: Settings) -> str:
    """Say what to do where some albums can't be read."""
    if isinstance(settings.photos_dir, Path):
        return "have what uploads them use umask 022, or make this user a member of their group"
    return "permit s3:GetObject to these credentials"
