"""Names the place where an exception was raised without a path, for the log."""

from __future__ import annotations

from pathlib import PurePath
from traceback import extract_tb
from types import TracebackType


def raised_at(traceback: TracebackType | None) -> str:
    """Return the base name of the source file and the number of the line, "" where unknown."""
    frames = extract_tb(traceback)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
