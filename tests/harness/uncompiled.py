"""The program without its compiled part, as it is installed where there is no compiler."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.server import REPOSITORY, SERVER


def copy_uncompiled(directory: Path) -> Path:
    """Copy the program without the compiled part; return the path of its `server.py`."""
    without = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(REPOSITORY / "archive_service", directory / "archive_service", ignore=without)
    return Path(shutil.copy(SERVER, directory))


def has_compiled_part(pid: int) -> bool:
    """Return whether a process has loaded the compiled part (Linux)."""
    return "/_smallfiles." in Path(f"/proc/{pid}/maps").read_text()
