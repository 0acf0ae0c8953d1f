"""The program that runs, as its messages name it."""

from __future__ import annotations

import sys
from pathlib import Path

COMMAND = "archive-service"
"""The console command, and the name of what pip installs."""


def program() -> str:
    """Return the name that the program was called by."""
    return Path(sys.argv[0]).name


def complain(message: str) -> None:
    """Tell what is wrong in one line on standard error."""
    if sys.stderr is not None:  # closed; print would fall back on standard output
        print(f"{program()}: {message}", file=sys.stderr)


def printable(path: bytes) -> str:
    """Return a path on one line: no name may forge a message or move the cursor."""
    text = path.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
