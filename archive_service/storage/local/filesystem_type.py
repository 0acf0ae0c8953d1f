"""Recognises file systems: which answer at once, change without inotify events, or list little."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_POINT, _KIND_AFTER_DASH = 4, 1  # proc(5)
_OCTAL = rb"\\([0-7]{3})"
_CHANGED_BY_OTHERS = frozenset(
    b"9p afs ceph cifs glusterfs lustre nfs nfs4 prl_fs smb3 smbfs vboxsf virtiofs".split()
)
_PROMPT = frozenset(
    {
        0xEF53,  # ext2 to ext4
        0x58465342,  # XFS
        0x9123683E,  # Btrfs
        0xF2F52010,  # F2FS
        0xCA451A4E,  # bcachefs
        0x01021994,  # tmpfs
        0x858458F6,  # ramfs
        0x794C7630,  # overlayfs
    }
)
"""`f_type` of statfs(2) of file systems that depend on no other machine or program.

`fstat`, `close` and sending from memory never wait there, and the ctime moves with each change.  So
SquashFS and EROFS are not among them: an image may replace another under the same times.  macOS and
other systems have no such numbers, so no file is prompt there.
"""
_AUTOMOUNTER = 0x0187  # autofs
_STATFS_WORDS = 64
"""More than any system's `struct statfs` has; its first word is `f_type` on Linux."""


def is_prompt(descriptor: int) -> bool:
    """Return whether a file lies on a file system that is trusted to answer at once.

    On other file systems this call may wait.
    """
    return _type_reader()(descriptor) in _PROMPT


def is_automounter(descriptor: int) -> bool:
    """Return whether a directory is one whose entries are mounted once their names are used.

    It may list those alone that are mounted now.
    """
    return _type_reader()(descriptor) == _AUTOMOUNTER


@cache
def _type_reader() -> Callable[[int], int | None]:
    """Return what reads the `f_type` of a descriptor's file system, or None for no number."""
    if sys.platform != "linux":
        return lambda _descriptor: None
    # Imported for directories alone: it takes a twentieth of the time to pack a small file.
    import ctypes  # noqa: PLC0415

    try:
        fstatfs = ctypes.CDLL(None, use_errno=True).fstatfs
    except (OSError, AttributeError):
        return lambda _descriptor: None
    fstatfs.argtypes = (ctypes.c_int, ctypes.c_void_p)

    def read(descriptor: int) -> int | None:
        status = (ctypes.c_long * _STATFS_WORDS)()
        return None if fstatfs(descriptor, status) else int(status[0]) & 0xFFFFFFFF

    return read


def mount_point(path: Path) -> Path:
    """Return the mount that a path lies on, from its text alone; never touches the path."""
    return Path(os.fsdecode(_mount(bytes(path))[0] or b"/"))


def is_changed_by_others(directory: Path) -> bool:
    """Return whether other machines or programs may change files without inotify reporting it.

    This holds for network file systems, files shared with a virtual machine's host, and FUSE.
    """
    return may_hang(directory.resolve())


def may_hang(path: Path) -> bool:
    """Return whether a path without links lies on such a mount, judged by its text alone."""
    kind = _mount(bytes(path))[1]
    return kind in _CHANGED_BY_OTHERS or kind.startswith(b"fuse")


def filesystem_of(directory: Path) -> str:
    """Return the kind of the file system of a directory, "fuse.sshfs" say; empty where unknown."""
    return _mount(os.fsencode(directory.resolve()))[1].decode()


def _mount(path: bytes) -> tuple[bytes, bytes]:
    """Return point and kind of the mount that a path lies on; empty where unknown."""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return b"", b""
    point, kind = b"", b""
    for line in lines:
        mounted, _, source = line.partition(b" - ")
        fields = mounted.split(b" ")
        found = re.sub(_OCTAL, lambda octal: bytes([int(octal[1], 8)]), fields[_POINT])
        # Of two on one point, the later lies above.
        if len(found) >= len(point) and (path + b"/").startswith(found.rstrip(b"/") + b"/"):
            point, kind = found, source.split(b" ")[_KIND_AFTER_DASH - 1]
    return point, kind
