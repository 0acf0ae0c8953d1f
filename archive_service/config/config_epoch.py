"""Since when a configuration has been in force.

A setting that shapes archives changes their bytes, and no file's time moves.  So the date of an
archive validates a part of it only where the album has changed long after its configuration came
into force, which a small file remembers.  Without it a date could validate, after a restart with
other settings, what is no longer the same.  Each replica remembers for itself; the date is the
same on all.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def config_epoch_s(record: Path, configuration: str, *, now_s: int) -> int | None:
    """Return the Unix second since which a configuration has been in force.

    It is `now_s`, and written to `record`, where that tells of another configuration or of none.
    None where it can't be written.
    """
    with suppress(OSError, ValueError):
        known, _, since_s = record.read_text().partition(" ")
        if known == configuration:
            return int(since_s)
    temporary = record.with_name(f"{record.name}.{os.getpid()}")
    try:
        record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.write_text(f"{configuration} {now_s}")
        temporary.replace(record)
    except OSError:
        return None
    return now_s
