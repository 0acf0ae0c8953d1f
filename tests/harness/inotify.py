"""What a process watches by inotify."""

from __future__ import annotations

import os
from pathlib import Path


def watches(pid: int) -> int | None:
    """Return how many directories a process watches; None where it has no inotify at all."""
    counts = [
        (descriptor.parent.parent / "fdinfo" / descriptor.name).read_text().count("inotify wd:")
        for descriptor in Path(f"/proc/{pid}/fd").iterdir()
        if _target(descriptor) == "anon_inode:inotify"
    ]
    return sum(counts) if counts else None


def _target(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except FileNotFoundError:
        return ""
