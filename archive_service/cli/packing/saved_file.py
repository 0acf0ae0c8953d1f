"""The file an archive is saved to: replaced when the archive is complete, or not at all.

The archive is written to a temporary file beside the target, which then replaces it in one step.
If there is a file to replace, the archive is synced to the disk first, so that one of the two
survives a crash.  A new file is not synced, as with `cp` and `zip`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from archive_service.cli.packing.pack_errors import PackingRefused

_OPEN_TEMPORARY = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PERMISSIONS = 0o777
_PERMISSIONS_OF_NEW_FILE = 0o666


class Identity(NamedTuple):
    """Identifies a file."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """Return the identity in a file's status."""
        return cls(status.st_dev, status.st_ino)


@dataclass(frozen=True, slots=True)
class Target:
    """A path free of links, and the regular file that is there, if any."""

    path: Path
    replaced: os.stat_result | None

    @property
    def identity(self) -> Identity | None:
        """The identity of the file that is replaced."""
        return Identity.of(self.replaced) if self.replaced else None

    @property
    def mode(self) -> int:
        """The permission bits of the saved file."""
        if self.replaced:
            return self.replaced.st_mode & _PERMISSIONS
        return _PERMISSIONS_OF_NEW_FILE & ~_umask()


def find_target(name: str) -> Target:
    """Return the target of a path; a link leads to the file that is replaced.

    Raise PackingRefused if it exists and is no regular file, or if its directory is missing.
    """
    given = os.fsencode(name)
    if given.endswith(b"/"):
        raise PackingRefused(given, "is the name of a directory; --save takes that of a file")
    try:
        path = Path(name).resolve()
        replaced = _status(path)
        if not path.parent.is_dir():
            raise PackingRefused(given, "is to be in a directory that does not exist; make it")
    except (OSError, RuntimeError, ValueError) as error:
        text = getattr(error, "strerror", None) or "no possible name"
        raise PackingRefused(given, f"can't be saved to: {text}") from None
    if replaced and stat.S_ISDIR(replaced.st_mode):
        raise PackingRefused(given, "is a directory; --save takes the name of a file")
    if replaced and not stat.S_ISREG(replaced.st_mode):
        raise PackingRefused(given, "is no regular file; without --save the zip goes to a pipe")
    return Target(path, replaced)


@contextmanager
def replacing(target: Target) -> Iterator[int]:
    """Yield the descriptor of a new file, which replaces the target when the block ends.

    After an exception the target stays as it was, and the new file is removed.
    Raise OSError.
    """
    directory = os.open(target.path.parent, _OPEN_DIRECTORY)
    try:
        # The name is known before the file exists, so that it can be removed after a signal.
        temporary = f".archive-{os.urandom(8).hex()}.tmp"
        try:
            with _created(temporary, directory) as output:
                yield output
                os.fchmod(output, target.mode)
                if target.replaced:
                    os.fsync(output)
            os.replace(temporary, target.path.name, src_dir_fd=directory, dst_dir_fd=directory)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=directory)
    finally:
        os.close(directory)


@contextmanager
def _created(name: str, directory: int) -> Iterator[int]:
    """Create a file that only its owner may read until it is complete."""
    descriptor = os.open(name, _OPEN_TEMPORARY, 0o600, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _umask() -> int:
    # Setting the umask is the only way to read it.
    current = os.umask(0o077)
    os.umask(current)
    return current
