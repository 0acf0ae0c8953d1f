"""The program that runs, as its messages name it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

COMMAND = "archive-service"
"""The console command, and the name of what pip installs."""


def program() -> str:
    """Return the name that the program was called by."""
    return Path(sys.argv[0]).name


_SIGNALLED = 128
_Parameters = ParamSpec("_Parameters")


def quiet_on_closed_pipe(main: Callable[_Parameters, int]) -> Callable[_Parameters, int]:
    """Have a command end as SIGPIPE would end it once the reader of its output is gone."""

    @wraps(main)
    def quiet(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> int:
        try:
            try:
                return main(*args, **kwargs)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
        except BrokenPipeError:
            _discard_output()
            return _SIGNALLED + signal.SIGPIPE

    return quiet


def _discard_output() -> None:
    """Lead standard output nowhere: the interpreter flushes it once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def complain(message: str) -> None:
    """Print what is wrong in one line on standard error."""
    if sys.stderr is not None:  # closed; print would fall back on standard output
        print(f"{program()}: {message}", file=sys.stderr)


def printable(path: bytes) -> str:
    """Return a path on one line: no name may forge a message or move the cursor."""
    text = path.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
