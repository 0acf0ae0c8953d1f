"""A soak into whose albums programs upload: some to their end, some stall, some are killed.

A thread starts each program, which then pauses half-way (see `uploaders`), so that downloads go on
while it starts and while it writes.  What the album may be depends on how far it is:

| upload | album |
| --- | --- |
| starts, or goes on | unavailable, as it was before, or with the whole file |
| paused | unavailable, or with the whole file if all of it was on its way |
| killed | with what is left under the file's own name: it looks like a finished file |
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
import zipfile
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from random import Random
from tempfile import mkdtemp

import pytest
from campaign.model import Album, Changes
from campaign.soak import UploadSoak
from harness.conditions import eventually
from harness.http import Response, Truncated, get
from harness.oracle import WrongBytes, contents_of
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
_SIZE_BYTES = 3_000_000
"""Some seconds, at the rate that the programs keep to."""
_MOST_AT_ONCE = 3
_MAY_GO_ON, _MAY_BE_KILLED = 0.25, 0.1
_WHOLE = "whole"
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
        self._target = target
        self._threads = threads
        self._stack = ExitStack()
        self._has_gone_on = False
        self._begun = threads.submit(lambda: self._stack.enter_context(uploader(source, target)))
        self._work: Future[Upload] | Future[None] = self._begun
        self._start_s = time.monotonic()

    @property
    def is_paused(self) -> bool:
        return self._begun.done() and not self._has_gone_on

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
        return self._left()

    def _left(self) -> bytes | None:
        self._stack.close()
        album = self._target.parent
        eventually(lambda: not any(map(_is_written, album.iterdir())), within_s=WITHIN_S)
        has_marker = self._target.with_name(f"{self.name}.aria2").exists()
        return self._target.read_bytes() if self._target.exists() and not has_marker else None


def _is_written(path: Path) -> bool:
    """Return whether a killed process, which ends in its own time, has a file open for writing."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as refused:
            return refused.errno == errno.EAGAIN
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


class ProgramChanges(Changes):
    """Changes of albums; while a program uploads into one, nothing else happens to it."""

    def __init__(self, chance: Random, others: Path, counts: Counter[str]) -> None:
        super().__init__(chance, others, may_forbid=os.geteuid() == 0, smallest=1)
        self._counts = counts
        self._sources_dir = others.parent
        self._targets = count()
        self._threads = ThreadPoolExecutor(2 * _MOST_AT_ONCE)
        self._programs = deque(chance.sample(PROGRAMS, len(PROGRAMS)))
        """Those that may be installed; the next one is the first."""

    def begin_upload(self, album: Album) -> None:
        """Start the next program."""
        # Programs tell mounts by the name of the directory, so it has one of its own.
        source = Path(mkdtemp(dir=self._sources_dir)) / "picture.jpg"
        source.write_bytes(self._data(_SIZE_BYTES))
        target = album.path / f"{next(self._targets)}.program.jpg"
        album.upload = ProgramUpload(self._programs[0], source, target, threads=self._threads)
        self._programs.rotate(-1)

    def look_after(self, album: Album, upload: ProgramUpload) -> None:
        """Take notice of how far an upload is."""
        if missing := upload.missing():
            album.upload = None
            self._counts[f"{upload.program} skipped, {missing}"] += 1
            self._programs = deque(p for p in self._programs if p.__name__ != upload.program)
            assert self._programs, "no program that uploads is installed"
        elif upload.is_late:
            upload.go_on()
        elif upload.is_at_its_end:
            self._end(album, upload, upload.end(), _WHOLE)

    def _go_on_with_upload(self, album: Album) -> None:
        """Leave a program as it is, let it go on, or kill it."""
        ((_, upload),) = uploads_into([album])
        luck = self._chance.random()
        if upload.is_paused and luck < _MAY_GO_ON:
            upload.go_on()
        elif upload.is_paused and luck < _MAY_GO_ON + _MAY_BE_KILLED:
            self._end(album, upload, upload.kill(), "killed while it paused")
        elif upload.is_going_on and luck < _MAY_BE_KILLED:
            self._end(album, upload, upload.kill(), "killed on its way")

    def _end(self, album: Album, upload: ProgramUpload, left: bytes | None, how: str) -> None:
        album.upload = None
        self._counts[f"{upload.program} {how}"] += 1
        if left is not None:
            album.contents[upload.name] = left
            album.version += 1

    def have_ended(self, albums: Iterable[Album]) -> bool:
        """Let programs that pause go on; return whether all are at their end."""
        for album, upload in uploads_into(albums):
            if upload.is_paused and not upload.missing():
                upload.go_on()
            self.look_after(album, upload)
        return not list(uploads_into(albums))

    def end_uploads(self, albums: Iterable[Album]) -> None:
        """Kill the programs."""
        for album, upload in uploads_into(albums):
            self._end(album, upload, upload.kill(), "killed at the end")
        self._threads.shutdown()


def uploads_into(albums: Iterable[Album]) -> Sequence[tuple[Album, ProgramUpload]]:
    return [(a, a.upload) for a in albums if isinstance(a.upload, ProgramUpload)]


class ProgramSoak(UploadSoak):
    """A run in which those programs that are installed upload into the albums."""

    _changes: ProgramChanges

    def _changes_beside(self, others: Path) -> ProgramChanges:
        return ProgramChanges(self._chance, others, self.counts)

    def _steps(self) -> list[tuple[Callable[[], None], float]]:
        more = (self._begin_upload, 2.0), (self._ask_while_uploaded, 4.0)
        return [*super()._steps(), *more, (self._go_on_with_upload, 2.0)]

    def _step(self) -> None:
        for album, upload in uploads_into(self._albums):
            self._changes.look_after(album, upload)
            if album.upload is None:
                self._journal.note_change(album.path, f"{upload.program} has ended")
        super()._step()

    def _begin_upload(self) -> None:
        if len(uploads_into(self._albums)) < _MOST_AT_ONCE:
            super()._begin_upload()

    def _go_on_with_upload(self) -> None:
        if uploads := uploads_into(self._albums):
            self._changes.make(self._chance.choice(uploads)[0])

    def _ask_while_uploaded(self) -> None:
        if uploads := uploads_into(self._albums):
            self._known(self._chance.choice(uploads)[0])

    def _known(self, album: Album) -> tuple[str, bytes] | None:
        """Return as `Soak` does; judge a whole download where a program uploads."""
        if not isinstance(album.upload, ProgramUpload):
            return super()._known(album)
        # In this order: a program that pauses goes on only when this thread lets it.
        may_be = [album.contents] if not album.upload.is_paused else []
        may_be.append({**album.contents, album.upload.name: album.upload.data})
        self.counts["downloads"] += 1
        try:
            answer = get(self._server.port, f"/archive/{album.name}/")
        except Truncated:  # a file that may not be read, or that its program has dated anew
            self.counts["broken while a program uploads"] += 1
            return None
        if answer.status == 503:
            self.counts["asked for while a program uploads"] += 1
        else:
            self._judge(album, answer, may_be)
        return None

    def _judge(self, album: Album, answer: Response, may_be: list[dict[str, bytes]]) -> None:
        assert answer.status == 200, answer.status
        self.counts["complete while a program uploads"] += 1
        try:
            found = contents_of(answer.content)
        except zipfile.BadZipFile:
            found = {}
        is_bound = self._bound.setdefault(answer["etag"], answer.content) == answer.content
        if found not in may_be or not is_bound:
            sizes = {name: len(data) for name, data in found.items()}
            told = [f"{sizes}, {is_bound}", self._evidence_of(album, answer["x-request-id"])]
            raise WrongBytes("\n".join(["in no state of the album", *told]))

    def _wind_down(self) -> None:
        self._wait_for_uploads()
        while not any(what.endswith(_WHOLE) for what in self.counts):
            album = self._albums[0]
            if not album.is_there:
                self._changes.make(album)
            self._changes.begin_upload(album)
            self._wait_for_uploads()
        for album in self._albums:
            if album.is_there:
                self._known(album)
        super()._wind_down()

    def _wait_for_uploads(self) -> None:
        eventually(lambda: self._changes.have_ended(self._albums), within_s=WITHIN_S)
