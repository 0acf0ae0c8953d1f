"""Keeps the metrics of several processes until they are scraped.

prometheus-client keeps a file for each process and kind of metric in a directory.  It reads the
directory from an environment variable when it is first imported, so it is imported after the fork.

The directory lies where other programs remove old files.  systemd-tmpfiles skips a locked
directory; tmpreaper, tmpwatch and `find -mtime` look at times alone.  Without the directory no new
worker could start, so it is made again when it is gone.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_OF_THE_LIVING = "gauge_live*_*.db"
"""The files of gauges.  They end with their process; counters stay valid after it."""
_KEEP_EVERY_S = 60.0
_OWNER_ALONE = 0o700


@contextmanager
def shared_metrics() -> Iterator[MetricsDirectory]:
    """Have a directory for the metrics of processes that are forked in the block."""
    directory = MetricsDirectory(Path(tempfile.mkdtemp(prefix="archive-service-")))
    os.environ[_VARIABLE] = str(directory.path)
    try:
        directory.restore()
        yield directory
    finally:
        os.environ.pop(_VARIABLE, None)
        directory.remove()


class MetricsDirectory:
    """The directory at a path, which is locked and renewed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._supervisor = os.getpid()
        self._descriptor: int | None = None

    def restore(self) -> None:
        """Make the directory again if it is gone, and lock it; raise OSError."""
        with suppress(FileExistsError):
            self.path.mkdir(_OWNER_ALONE)
        if self._is_locked():
            return
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        if os.fstat(descriptor).st_uid != os.geteuid():
            os.close(descriptor)
            raise PermissionError
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = descriptor
        with suppress(OSError):  # some file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def _is_locked(self) -> bool:
        if self._descriptor is None:
            return False
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._descriptor), self.path.lstat())
        return False

    async def keep(self) -> None:
        """Keep the directory from growing old, until cancelled."""
        while True:
            await asyncio.to_thread(self._refresh)
            await asyncio.sleep(_KEEP_EVERY_S)

    def _refresh(self) -> None:
        with suppress(OSError):  # it is tried again
            self.restore()
            for path in (*self.path.iterdir(), self.path):
                with suppress(FileNotFoundError):
                    os.utime(path)

    def prepare_for_next(self) -> None:
        """Prepare for the next worker; without the directory it keeps its metrics for itself."""
        try:
            self.restore()
        except OSError:
            os.environ.pop(_VARIABLE, None)
            return
        os.environ[_VARIABLE] = str(self.path)
        self._forget_the_dead()

    def _forget_the_dead(self) -> None:
        """Remove what processes that have ended reported of their present."""
        for path in self.path.glob(_OF_THE_LIVING):
            if not _is_alive(int(path.stem.rpartition("_")[2])):
                path.unlink(missing_ok=True)

    def leave(self) -> None:
        """Remove the directory at the end of a worker whose supervisor was killed, and can't."""
        if os.getppid() != self._supervisor:
            self.remove()

    def remove(self) -> None:
        """Remove the directory and unlock it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._descriptor is not None:
            os.close(self._descriptor)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
