"""What a download must be: known from an undisturbed server.

It serves the same directory as the server under test, with a cache of its own.  Each archive that
it makes is read with `zipfile` and compared with the files that the test has put there.  So an
entity tag stands for known bytes, and the same tag on any other answer for the same bytes.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from harness.http import Connection, Response, Truncated, get
from harness.server import Server

_TRIES = 3
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class Ending:
    """How a download ended for its client; `content` is all that came."""

    status: int
    fields: Mapping[str, str]
    content: bytes
    is_complete: bool
    """Whether the client has no reason to think that anything is missing."""


class WrongBytes(AssertionError):
    """A client was given what is not in any archive, or not at this place."""


class Oracle:
    """Knows the archives of albums by their entity tags."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._archives: dict[str, bytes] = {}

    def learn(self, name: str, contents: Mapping[str, bytes], *, query: str = "") -> str:
        """Learn the archive of an album as it is now; return its entity tag."""
        answer = self._whole(f"/archive/{name}/{query}")
        assert answer.status == 200, answer
        found = contents_of(answer.content)
        assert found == dict(contents), (sorted(found), sorted(contents))
        known = self._archives.setdefault(answer["etag"], answer.content)
        if known != answer.content:
            raise WrongBytes("an entity tag stands for two archives")
        return answer["etag"]

    def _whole(self, target: str) -> Response:
        """Get an archive; one that is cut for a file found to be another is asked for again."""
        for _ in range(_TRIES):
            with suppress(Truncated):
                return get(self._server.port, target)
        return get(self._server.port, target)

    def archive(self, etag: str) -> bytes:
        return self._archives[etag]

    def forget(self) -> None:
        """Drop what was learned: archives take memory."""
        self._archives.clear()

    def judge(self, ending: Ending) -> None:
        """Check that what a client takes for complete is what its entity tag stands for.

        Raise WrongBytes.  Who knows that something is missing asks again, and gets nothing of
        another tag's archive beside what he has.
        """
        if not ending.is_complete:
            return
        archive = self._archives.get(ending.fields["etag"])
        if archive is None:
            raise WrongBytes("an entity tag of no state that the album was in")
        start, stop = span_of(ending, len(archive))
        if ending.content != archive[start:stop]:
            raise WrongBytes("other bytes")


def finish(connection: Connection, status: int, fields: Mapping[str, str]) -> Ending:
    """Take the rest of an answer whose head was received."""
    return Ending(status, fields, *received(connection, int(fields["content-length"])))


def received(connection: Connection, length: int) -> tuple[bytes, bool]:
    """Take bytes; return whether all of them came."""
    try:
        return connection.receive_content(length), True
    except Truncated as truncated:
        return truncated.received, False


def span_of(ending: Ending, complete_length: int) -> tuple[int, int]:
    """Return which range of the archive an answer is."""
    if ending.status == 200:
        assert int(ending.fields["content-length"]) == complete_length
        return 0, complete_length
    match = _CONTENT_RANGE.fullmatch(ending.fields["content-range"])
    assert match
    assert int(match[3]) == complete_length
    return int(match[1]), int(match[2]) + 1


def contents_of(archive: bytes) -> dict[str, bytes]:
    """Read an archive by Python's reader, which checks each CRC-32."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}
