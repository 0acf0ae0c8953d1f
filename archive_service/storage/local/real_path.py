"""The path without links of a directory that may lie on a mount that does not answer."""

from __future__ import annotations

import os
from pathlib import Path

from archive_service.storage.local.filesystem_type import may_hang

_MOST_LINKS = 40
"""As in the kernel."""


def real_path(path: Path) -> Path:
    """Return a path without links, as `Path.resolve` does, but never wait.

    Below the first mount that asks other machines or programs, nothing is looked at: links are
    left as they are.  So are links in a circle.
    """
    done, left = Path("/"), list(Path(os.path.abspath(path)).parts[1:])  # noqa: PTH100 - no look
    links = 0
    while left:
        part = left.pop(0)
        if part == "..":
            done = done.parent
            continue
        here = done / part
        if may_hang(here) or links >= _MOST_LINKS:
            return here.joinpath(*left)
        try:
            target = here.readlink()
        except OSError:  # no link, or not there
            done = here
            continue
        links += 1
        done = Path("/") if target.is_absolute() else done
        left = [*target.parts[target.is_absolute() :], *left]
    return done
