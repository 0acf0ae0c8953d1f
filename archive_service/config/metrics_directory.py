"""Where the metrics of several processes are kept until somebody asks for them.

prometheus-client keeps a file for each process and kind of metric in a directory, which it finds
by an environment variable when it is first imported: so that is done after the fork alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_OF_THE_LIVING = "gauge_live*_*.db"
"""The files that tell of the present; what a process has counted stays true when it is gone."""


@contextmanager
def shared_metrics() -> Iterator[Path]:
    """Have a directory for the metrics of processes that are forked in the block."""
    with TemporaryDirectory(prefix="archive-service-") as directory:
        os.environ[_VARIABLE] = directory
        try:
            yield Path(directory)
        finally:
            del os.environ[_VARIABLE]


def forget_the_dead(directory: Path) -> None:
    """Remove what processes that are no more have told of their present."""
    for path in directory.glob(_OF_THE_LIVING):
        if not _is_alive(int(path.stem.rpartition("_")[2])):
            path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
