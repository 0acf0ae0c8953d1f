"""Distinguishes a directory whose mount is away from one without files.

sshfs unmounts itself when its connection ends, and so do disks that are unplugged.  What is left is
an empty directory, which looks like an album without files, or makes an archive that lacks what was
mounted.  So the mounts that a walk has met are remembered; the kernel lists only those that are
there.  A mount of the same file system ("bind") has no device of its own, and goes unnoticed.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

from archive_service.archive.errors import StorageUnavailable
from archive_service.archive.id import ArchiveId
from archive_service.archive.lru import WeightedLRU
from archive_service.storage.local.filesystem_type import is_automounter

_ROOM = 100_000
"""As many mounts are remembered as a system has at most (`fs.mount-max`)."""
_AWAY = "not mounted"


class MetMounts:
    """The mounts that one walk through an album has met, and what may be left of others."""

    def __init__(self) -> None:
        self.mounts: set[bytes] = set()
        self.bare: set[bytes] = set()
        """Directories that are no mount and have nothing in them."""

    def add(self, location: bytes, *, is_mount: bool, is_bare: bool) -> None:
        """Record a directory by its path in the album."""
        if is_mount:
            self.mounts.add(location)
        elif is_bare:
            self.bare.add(location)


class KnownMounts:
    """The mounts in albums, as they were last met; for calls from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: WeightedLRU[ArchiveId, frozenset[bytes]] = WeightedLRU(_ROOM)

    def has(self, archive: ArchiveId) -> bool:
        """Return whether a mount was met in an album."""
        with self._lock:
            return self._known.get(archive) is not None

    def note(self, archive: ArchiveId, met: MetMounts, *, is_whole: bool) -> None:
        """Record what a walk has met, of a whole album or of a part.

        Raise StorageUnavailable if a mount that was met before is away.
        """
        with self._lock:
            known = self._known.get(archive) or frozenset()
            if not (known or met.mounts):
                return
            if known & met.bare:
                raise StorageUnavailable(_AWAY)
            mounts = met.mounts if is_whole else known | met.mounts
            if mounts:
                self._known.put(archive, frozenset(mounts), weight=len(mounts))
            else:
                self._known.drop(archive)


def raise_if_unmounted(root: int, album: ArchiveId) -> None:
    """Raise StorageUnavailable if an album that can't be opened may be one that is not mounted.

    So it is below an automounter that lists it nonetheless, or has nothing mounted: such a root
    reports an album whose server is down like one that is gone.
    """
    if is_automounter(root):
        names = os.listdir(root)
        if not names or album.value in names:
            raise StorageUnavailable(_AWAY)


class KnownRoot:
    """A directory that the operator names, as it was when it was last used; for any thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._device: int | None = None

    def note_used(self) -> None:
        """Record the directory now that something was found in it; raise OSError."""
        self._device = self._root.stat().st_dev

    def check(self) -> None:
        """Raise StorageUnavailable if it is what a mount that is away has left; raise OSError."""
        device = self._root.stat().st_dev
        if self._device in (None, device) or (self._root / "..").stat().st_dev != device:
            return
        if not any(self._root.iterdir()):
            raise StorageUnavailable(_AWAY)
