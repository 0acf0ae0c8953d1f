"""What the commands share: their name, one-line messages, wrong settings and closed pipes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

from archive_service.archive.errors import SettingsError

COMMAND = "archive-service"
"""The console command and the package on PyPI."""


def program() -> str:
    """Return the name that the program was called with."""
    return Path(sys.argv[0]).name


USAGE_ERROR = 2
"""The exit status for arguments and settings that a command can't use."""
FAILURE, SIGNALLED = 1, 128
"""The exit status for work that failed, and what the number of a signal is added to."""
_Parameters = ParamSpec("_Parameters")


def refusing_wrong_settings(
    main: Callable[_Parameters, int],
) -> Callable[_Parameters, int]:
    """Make a command complain about a wrong setting in one line, and exit with USAGE_ERROR."""

    @wraps(main)
    def refusing(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> int:
        try:
            return main(*args, **kwargs)
        except SettingsError as error:
            complain(str(error))
            return USAGE_ERROR

    return refusing


def quiet_on_closed_pipe(main: Callable[_Parameters, int]) -> Callable[_Parameters, int]:
    """Make a command exit as if by SIGPIPE when the reader of its output has closed the pipe."""

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
            return SIGNALLED + signal.SIGPIPE

    return quiet


def _discard_output() -> None:
    """Redirect standard output to /dev/null: the interpreter flushes it once more at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def complain(message: str) -> None:
    """Print a one-line complaint on standard error."""
    if sys.stderr is not None:  # if it is closed, print would use standard output
        print(f"{program()}: {message}", file=sys.stderr)


def printable(path: bytes) -> str:
    """Return a path as printable text, so that no name forges a message or moves the cursor."""
    text = path.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
