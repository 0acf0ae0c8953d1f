"""Uploads by programs, which threads start and which pause half-way (see `uploaders`).

What an album may be meanwhile:

| upload | album |
| --- | --- |
| starts, or goes on | unavailable, as it was before, or with the whole file |
| paused | unavailable while it is open; closed, it may have another name, or be whole |
| killed | with what is left under the file's own name: it looks like a finished file |
"""

from __future__ import annotations

import errno
import fcntl
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from tempfile import mkdtemp

import pytest
from campaign.album import Album, Ended, Upload
from campaign.hand import Hand
from campaign.uploads import MOST_AT_ONCE, BeginUpload
from harness.conditions import eventually
from uploaders.downloads import DOWNLOADERS
from uploaders.ftp import FTP_CLIENTS
from uploaders.programs import UPLOADERS, WITHIN_S, Uploader
from uploaders.programs import Upload as PausedUpload
from uploaders.servers import OF_NO_KNOWN_NAME, SERVERS, UNSEEN
from uploaders.syncing import SYNCHRONIZERS
from uploaders.torrents import HOLED

PROGRAMS: Sequence[Uploader] = (
    *UPLOADERS,
    *DOWNLOADERS,
    *FTP_CLIENTS,
    *SERVERS,
    *OF_NO_KNOWN_NAME,
    *UNSEEN,
    *SYNCHRONIZERS,
    *HOLED,
)
_SIZE_BYTES = 3_000_000
"""Some seconds, at the rate that the programs keep to."""
_MARKERS = (".aria2", ".st", ".lftp-pget-status")
"""What lies beside a part says that it is one."""
_CLOSED_WITHIN_S = 2.0
_LONGEST_PAUSE_S = 30.0
"""Half of how long an empty file that is closed counts as an upload."""
_MAY_GO_ON, _MAY_BE_KILLED = 0.25, 0.1
"""How likely, each time that it is a program's turn."""


class ProgramUpload:
    """An upload by a program, which pauses on its way."""

    def __init__(
        self, uploader: Uploader, source: Path, target: Path, *, threads: ThreadPoolExecutor
    ) -> None:
        self.program = uploader.__name__
        self.name = target.name
        self.data = source.read_bytes()
        self._leaves_parts = uploader in OF_NO_KNOWN_NAME
        self._source = source
        self._target = target
        self._threads = threads
        self._stack = ExitStack()
        self._has_gone_on = False
        self._begun = threads.submit(lambda: self._stack.enter_context(uploader(source, target)))
        self._work: Future[PausedUpload] | Future[None] = self._begun
        self._start_s = time.monotonic()
        self._killed: Ended | None = None

    def may_be_missing(self) -> bool:
        # Until this thread lets it go on, it pauses.
        return not (self._is_paused and self._is_open())

    def may_be_whole(self) -> bool:
        return True

    @property
    def ended(self) -> Ended | None:
        """How it has ended; raise what has gone wrong."""
        if self._killed or (missing := self.missing()):
            return self._killed or Ended(f"skipped, {missing}", None)
        if self._is_paused and time.monotonic() - self._start_s > _LONGEST_PAUSE_S:
            self._go_on()
        if not (self._has_gone_on and self._work.done()):
            return None
        self._work.result()
        left = self._left()
        assert left == self.data, f"{self.program} has put something else"
        return Ended("whole", left)

    def missing(self) -> str | None:
        """Return why the program can't be run here, or None; raise why it did not start."""
        failure = self._begun.exception() if self._begun.done() else None
        if isinstance(failure, pytest.skip.Exception):
            return str(failure)
        if failure:
            raise failure
        return None

    def advance(self, chance: Random) -> None:
        """Leave a program as it is, let it go on, or kill it."""
        luck = chance.random()
        if self._is_paused and luck < _MAY_GO_ON:
            self._go_on()
        elif self._is_paused and luck < _MAY_GO_ON + _MAY_BE_KILLED:
            self._kill("killed while it paused")
        elif self._has_gone_on and not self._work.done() and luck < _MAY_BE_KILLED:
            self._kill("killed on its way")

    def hurry(self) -> None:
        if self._is_paused:
            self._go_on()

    def kill(self) -> None:
        self._kill("killed at the end")

    @property
    def _is_paused(self) -> bool:
        return not self._has_gone_on and self._begun.done() and not self._begun.exception()

    def _go_on(self) -> None:
        self._work = self._threads.submit(self._begun.result().go_on)
        self._has_gone_on = True

    def _kill(self, how: str) -> None:
        if not self._begun.exception(WITHIN_S):
            self._begun.result().kill()
        wait([self._work], WITHIN_S)
        with suppress(AssertionError):  # some servers never close the file
            eventually(lambda: not self._is_open(), within_s=_CLOSED_WITHIN_S)
        self._killed = Ended(how, self._left())

    def _left(self) -> bytes | None:
        """End the program's server; return the file that is left to an archive."""
        self._stack.close()
        eventually(lambda: not self._is_open(), within_s=WITHIN_S)
        self._source.unlink(missing_ok=True)
        if self._leaves_parts:  # without a dot in their names; who runs the server removes them
            for path in self._target.parent.iterdir():
                if path.is_file() and not path.suffix:
                    path.unlink()
                    path.with_suffix(".json").unlink(missing_ok=True)  # of tus
        left = self._target.read_bytes() if self._target.exists() else None
        is_part = any(map(self._has_beside, _MARKERS))
        return None if is_part or (not left and self._has_beside(".PARTIAL")) else left

    def _has_beside(self, ending: str) -> bool:
        return self._target.with_name(f"{self.name}{ending}").exists()

    def _is_open(self) -> bool:
        """Return whether a program has a file of the album open for writing."""
        return any(map(_is_written, self._target.parent.iterdir()))


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


@contextmanager
def programs(hand: Hand) -> Iterator[BeginUpload]:
    """Give uploads by those programs that are installed, by one after the other."""
    to_come = deque(hand.chance.sample(PROGRAMS, len(PROGRAMS)))
    last: dict[str, ProgramUpload] = {}
    with ThreadPoolExecutor(2 * MOST_AT_ONCE) as threads:

        def begin(album: Album) -> Upload:
            # Programs tell mounts by the name of the directory, so it has one of its own.
            source = Path(mkdtemp(dir=album.path.parent.parent)) / "picture.jpg"
            source.write_bytes(hand.data(_SIZE_BYTES))
            while (known := last.get(to_come[0].__name__)) and known.missing():
                to_come.popleft()
            target = album.path / f"{hand.chance.randrange(10**9)}.program.jpg"
            upload = ProgramUpload(to_come[0], source, target, threads=threads)
            last[upload.program] = upload
            to_come.rotate(-1)
            return upload

        yield begin
