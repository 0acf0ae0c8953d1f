"""Which file system a directory lies on, where that decides whether changes are told."""

from __future__ import annotations

import os
import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_POINT, _KIND_AFTER_DASH = 4, 1  # proc(5)
_OCTAL = re.compile(rb"\\([0-7]{3})")
_CHANGED_BY_OTHERS = frozenset(
    b"9p afs ceph cifs glusterfs lustre nfs nfs4 prl_fs smb3 smbfs vboxsf virtiofs".split()
)


def is_changed_by_others(directory: Path) -> bool:
    """Tell whether other machines or programs may change files without the kernel's knowledge.

    That is so on the network, where a virtual machine shares its host's files, and with FUSE.
    """
    kind = _kind(os.fsencode(directory.resolve()))
    return kind in _CHANGED_BY_OTHERS or kind.startswith(b"fuse")


def _kind(path: bytes) -> bytes:
    """Return the kind of file system of the mount that a path lies on; empty where unknown."""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return b""
    point, kind = b"", b""
    for line in lines:
        mounted, _, source = line.partition(b" - ")
        fields = mounted.split(b" ")
        found = _OCTAL.sub(lambda octal: bytes([int(octal[1], 8)]), fields[_POINT])
        # Of two on one point, the later lies above.
        if len(found) >= len(point) and (path + b"/").startswith(found.rstrip(b"/") + b"/"):
            point, kind = found, source.split(b" ")[_KIND_AFTER_DASH - 1]
    return kind
