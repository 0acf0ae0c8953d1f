"""Checks the file of a CRC index without changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def trouble_of(path: Path) -> str | None:
    """Return a few words about what is wrong with an index file; None if it is sound.

    A file that does not exist yet is sound.
    """
    if not path.exists():
        return None
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        return f"can't be read ({error})"
    except (sqlite3.DatabaseError, UnicodeDecodeError):  # see SqliteCrcIndex
        return "is corrupt"
    return None if found == "ok" else "is corrupt"
