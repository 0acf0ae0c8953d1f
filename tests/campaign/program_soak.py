"""A soak into whose albums programs upload: some to their end, some stall, some are killed.

Downloads go on while a program starts and while it writes.  What the album may be then:

| upload | album |
| --- | --- |
| starts, or goes on | unavailable, as it was before, or with the whole file |
| paused | unavailable while it is open; closed, it may have another name, or be whole |
| killed | with what is left under the file's own name: it looks like a finished file |
"""

from __future__ import annotations

import os
import zipfile
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from random import Random
from tempfile import mkdtemp

from campaign.model import Album, Changes
from campaign.programs import PROGRAMS, ProgramUpload
from campaign.soak import UploadSoak
from harness.conditions import eventually
from harness.http import Response, Truncated, get
from harness.oracle import WrongBytes, contents_of

_SIZE_BYTES = 3_000_000
"""Some seconds, at the rate that the programs keep to."""
_MOST_AT_ONCE = 3
_MOST_FILES = 10
"""Of an album that gets one more."""
_MAY_GO_ON, _MAY_BE_KILLED = 0.25, 0.1
"""How likely, each time that it is a program's turn."""
_WHOLE = "whole"
_WITHIN_S = 300.0

Contents = Mapping[str, bytes]


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
        if len(album.contents) >= _MOST_FILES:
            self._remove(album)
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


def _sizes(contents: Contents) -> str:
    return ", ".join(f"{name} {len(data)}" for name, data in sorted(contents.items()))


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
        is_paused = album.upload.is_paused  # until this thread lets it go on
        self.counts["downloads"] += 1
        request_id = f"soak-{self.counts['downloads']}"
        try:
            answer = get(
                self._server.port, f"/archive/{album.name}/", f"X-Request-ID: {request_id}"
            )
        except Truncated:  # a file that may not be read, or that its program has dated anew
            self.counts["broken while a program uploads"] += 1
            return None
        if answer.status == 503:
            self.counts["asked for while a program uploads"] += 1
        else:
            may_be: list[Contents] = [{**album.contents, album.upload.name: album.upload.data}]
            if not (is_paused and album.upload.is_open()):
                may_be.append(album.contents)
            self._judge(album, answer, may_be, request_id)
        return None

    def _judge(
        self, album: Album, answer: Response, may_be: Sequence[Contents], request_id: str
    ) -> None:
        assert answer.status == 200, answer.status
        self.counts["complete while a program uploads"] += 1
        try:
            found = contents_of(answer.content)
        except zipfile.BadZipFile:
            found = {}
        is_bound = self._bound.setdefault(answer["etag"], answer.content) == answer.content
        if found not in may_be or not is_bound:
            raise WrongBytes(self._told(album, found, may_be, request_id))

    def _told(
        self, album: Album, found: Contents, may_be: Sequence[Contents], request_id: str
    ) -> str:
        lines = [f"{request_id} is in no state of the album", _sizes(found)]
        lines += [f"may be: {_sizes(each)}" for each in may_be]
        lines += [f"other: {[n for n in found if found[n] != each.get(n)]}" for each in may_be]
        return "\n".join([*lines, self._evidence_of(album, request_id)])

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
        eventually(lambda: self._changes.have_ended(self._albums), within_s=_WITHIN_S)
