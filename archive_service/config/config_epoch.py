"""The moment since which the settings that shape archives are in force.

New settings change the bytes of an archive, but no file's time.  After a restart with other
settings, a client with an old date would get the rest of another archive.  So a date is a validator
only if the album has changed long after the settings came into force.  A small file holds that
moment.  Each replica has its own; the date of an archive is the same on all.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from pathlib import Path

from archive_service.storage.time_limits import within

LOOK_WITHIN_S = 2.0


def config_epoch_s(record: Path, configuration: str, *, now_s: int) -> int | None:
    """Return the Unix second since which a configuration has been in force.

    Where `record` has another configuration or none, that is `now_s`, which is written to it.
    Return None if it can't be written, or if its disk does not answer within LOOK_WITHIN_S.
    """
    with suppress(TimeoutError):
        return within(LOOK_WITHIN_S, partial(_recorded, record, configuration, now_s))
    return None


def _recorded(record: Path, configuration: str, now_s: int) -> int | None:
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
