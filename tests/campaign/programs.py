"""An upload by a program, which a thread starts and which pauses half-way (see `uploaders`)."""

from __future__ import annotations

import errno
import fcntl
import signal
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from harness.conditions import eventually
from uploaders.downloads import aria2c, curl, wget
from uploaders.ftp import FTP_CLIENTS
from uploaders.programs import UPLOADERS, WITHIN_S, Upload, Uploader
from uploaders.servers import SERVERS, tus
from uploaders.syncing import unison

_TAKES_OTHERS = (tus,)
"""It gives its name to whatever part it finds, that of a killed upload, too."""
PROGRAMS: Sequence[Uploader] = (
    *UPLOADERS,
    *(aria2c, wget, curl, unison),
    *FTP_CLIENTS,
    *(server for server in SERVERS if server not in _TAKES_OTHERS),
)
_CLOSED_WITHIN_S = 2.0
_LONGEST_PAUSE_S = 30.0
"""Half of how long an empty file that is closed counts as an upload."""


class ProgramUpload:
    """An upload by a program, which pauses on its way."""

    def __init__(
        self, uploader: Uploader, source: Path, target: Path, *, threads: ThreadPoolExecutor
    ) -> None:
        self.program = uploader.__name__
        self.name = target.name
        self.data = source.read_bytes()
        self._source = source
        self._target = target
        self._threads = threads
        self._stack = ExitStack()
        self._has_gone_on = False
        self._begun = threads.submit(lambda: self._stack.enter_context(uploader(source, target)))
        self._work: Future[Upload] | Future[None] = self._begun
        self._start_s = time.monotonic()

    @property
    def is_paused(self) -> bool:
        return not self._has_gone_on and self._begun.done() and not self._begun.exception()

    @property
    def is_going_on(self) -> bool:
        return self._has_gone_on and not self._work.done()

    @property
    def is_at_its_end(self) -> bool:
        return self._has_gone_on and self._work.done()

    @property
    def is_late(self) -> bool:
        return self.is_paused and time.monotonic() - self._start_s > _LONGEST_PAUSE_S

    def missing(self) -> str | None:
        """Return why the program can't be run here, or None; raise why it did not start."""
        failure = self._begun.exception() if self._begun.done() else None
        if isinstance(failure, pytest.skip.Exception):
            return str(failure)
        if failure:
            raise failure
        return None

    def go_on(self) -> None:
        self._work = self._threads.submit(self._begun.result().go_on)
        self._has_gone_on = True

    def end(self) -> bytes:
        """End an upload that is at its end; return the file."""
        self._work.result()
        left = self._left()
        assert left == self.data, f"{self.program} has put something else"
        return left

    def kill(self) -> bytes | None:
        """Kill the program; return what it leaves to an archive, or None."""
        if not self._begun.exception(WITHIN_S):
            self._begun.result().kill()
        wait([self._work], WITHIN_S)
        with suppress(AssertionError):  # some servers never close the file
            eventually(lambda: not self.is_open(), within_s=_CLOSED_WITHIN_S)
        return self._left()

    def is_open(self) -> bool:
        """Return whether a program has a file of the album open for writing."""
        return any(map(_is_written, self._target.parent.iterdir()))

    def _left(self) -> bytes | None:
        self._stack.close()  # ends the server
        eventually(lambda: not self.is_open(), within_s=WITHIN_S)
        self._source.unlink(missing_ok=True)
        left = self._target.read_bytes() if self._target.exists() else None
        has_marker = self._has_beside(".aria2") or (not left and self._has_beside(".PARTIAL"))
        return None if has_marker else left

    def _has_beside(self, ending: str) -> bool:
        return self._target.with_name(f"{self.name}{ending}").exists()


def _is_written(path: Path) -> bool:
    """Return whether a program has a file open for writing."""
    try:
        with path.open("rb") as file:
            # The signal for who breaks the lease; SIGIO would end this process.
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as refused:  # another reason is a directory, or that it has gone
        return refused.errno == errno.EAGAIN
    return False
