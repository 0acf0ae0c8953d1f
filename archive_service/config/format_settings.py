"""The settings that shape an archive, told without the library that reads settings.

To import that takes as long as to pack twenty thousand files, and most who pack set nothing.
"""

from __future__ import annotations

import os
from typing import NamedTuple

ENV_FILE = ".env"


class Told(NamedTuple):
    """A setting as help tells of it."""

    does: str
    takes: str
    default: object
    annotation: object
    """The type of its values."""


class Format(NamedTuple):
    """What shapes an archive, here by default."""

    portable_names: bool = True
    name_encoding: str = "cp1251"
    timezone: str = "UTC"


FORMAT = {
    "portable_names": Told(
        does="make names safe for every system; off: exact where exact is safe",
        takes="true or false",
        default=Format().portable_names,
        annotation=bool,
    ),
    "name_encoding": Told(
        does="encoding of file names that are not UTF-8",
        takes="the name of an encoding that contains ASCII, such as cp1251 or cp866",
        default=Format().name_encoding,
        annotation=str,
    ),
    "timezone": Told(
        does="time zone of the DOS times in an archive",
        takes="a name of the time zone database, such as Europe/Moscow",
        default=Format().timezone,
        annotation=str,
    ),
}


def may_be_set() -> bool:
    """Tell whether the environment or `.env` may have another value than the default."""
    return os.path.lexists(ENV_FILE) or any(name.lower() in FORMAT for name in os.environ)


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return name.upper()


def flag(name: str) -> str:
    """Return the command line flag of a setting."""
    return "--" + name.replace("_", "-")
