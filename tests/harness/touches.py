"""What changes a file behind its size and its mtime."""

from __future__ import annotations

import os
from pathlib import Path


def give_to_its_owner(path: Path) -> None:
    """Change nothing but the ctime."""
    status = path.stat()
    os.chown(path, status.st_uid, status.st_gid)


def rewrite(path: Path) -> None:
    """Change the last byte, and put the times back."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
