"""Where lists lie: one file for each, `<hash>.json`."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from archive_service.archive.errors import StorageUnavailable, errno_name
from archive_service.archive.id import ArchiveId, is_archive_id
from archive_service.archive.listing import CLOCK_TICK_NS, COARSE_CLOCK_TICK_NS
from archive_service.archive.units import NS_PER_S
from archive_service.storage.file_lists.list_model import ListBroken
from archive_service.storage.local.known_mounts import KnownRoot
from archive_service.storage.local.open_beneath import OPEN_FILE
from archive_service.storage.local.stat_record import ctime_ns, mtime_ns

SUFFIX = ".json"
_NO_LIST = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_NO_FILE = (errno.ELOOP, errno.ENXIO, errno.EISDIR)


class ListTimes(NamedTuple):
    """When a list was changed, nanoseconds since the Unix epoch; at least 0."""

    changed_ns: int
    """Programs can't set it back."""
    modified_ns: int
    """Copies keep it."""


class ListFile(NamedTuple):
    """The file of a list."""

    version: bytes
    """Differs for every other content; empty where a change may go unnoticed."""
    times: ListTimes
    content: bytes | None
    """None if the version is the known one."""


class ListPlace(Protocol):
    """A place where lists lie; all calls block."""

    def read(self, archive: ArchiveId, known_version: bytes) -> ListFile | None:
        """Return a list, None if there is none; raise ListBroken or StorageUnavailable."""

    def names(self) -> Sequence[str]:
        """Return the ids of all lists; raise StorageUnavailable."""

    def close(self) -> None:
        """Free what the place holds."""


class ListDirectory:
    """Lists in a directory of this machine; see `ListPlace`.

    A list is not read if it has more bytes than `most_bytes`.  A link is no list.
    """

    def __init__(self, root: Path, most_bytes: int) -> None:
        self._root = root
        self._most_bytes = most_bytes
        self._known_root = KnownRoot(root)

    def read(self, archive: ArchiveId, known_version: bytes) -> ListFile | None:
        """Return a list; see `ListPlace.read`."""
        try:
            descriptor = os.open(self._root / f"{archive.value}{SUFFIX}", OPEN_FILE)
        except OSError as error:
            self._check_missing(error)
            return None
        try:
            self._known_root.note_used()
            return self._read(descriptor, known_version)
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None
        finally:
            os.close(descriptor)

    def names(self) -> Sequence[str]:
        """Return the ids of all lists; see `ListPlace.names`."""
        try:
            return ids_of(sorted(path.name for path in self._root.iterdir()))
        except OSError as error:
            raise StorageUnavailable(errno_name(error)) from None

    def close(self) -> None:
        """Do nothing; see `ListPlace.close`."""

    def _check_missing(self, error: OSError) -> None:
        """Raise another error unless there is no list."""
        if error.errno in _NO_FILE:
            raise _no_file() from None
        if error.errno not in _NO_LIST or not self._root.is_dir():
            raise StorageUnavailable(errno_name(error)) from None
        try:
            self._known_root.check()
        except OSError as of_root:
            raise StorageUnavailable(errno_name(of_root)) from None

    def _read(self, descriptor: int, known_version: bytes) -> ListFile:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _no_file()
        version = _version(status)
        times = ListTimes(max(0, ctime_ns(status)), max(0, mtime_ns(status)))
        if version and version == known_version:
            return ListFile(version, times, None)
        check_size(status.st_size, self._most_bytes)
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(self._most_bytes + 1)
        check_size(len(content), self._most_bytes)
        if _version(os.fstat(descriptor)) != version:
            version = b""
        return ListFile(version, times, content)


def check_size(size: int, most_bytes: int) -> None:
    """Raise ListBroken for a list that is too large."""
    if size > most_bytes:
        raise ListBroken("too large", f"has {size:,} bytes, more than LIST_SIZE, {most_bytes:,}")


def _no_file() -> ListBroken:
    return ListBroken("no file", "is a link, a directory or a device, and no file")


def ids_of(names: Sequence[str]) -> list[str]:
    """Return the ids of the lists among the names of files."""
    ids = [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]
    return list(filter(is_archive_id, ids))


def _version(status: os.stat_result) -> bytes:
    """Return what identifies the content; nothing while it may change without another time."""
    is_coarse = status.st_ctime_ns % NS_PER_S == 0
    tick_ns = COARSE_CLOCK_TICK_NS if is_coarse else CLOCK_TICK_NS
    if time.time_ns() - status.st_ctime_ns <= tick_ns:
        return b""
    facts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return repr(facts).encode()
