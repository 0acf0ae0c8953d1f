"""The faults that befall an album, and the album that they befall."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from campaign.site import Site
from harness.albums import noise, settle
from harness.http import connected, get
from harness.levels import assert_given_back
from harness.oracle import Ending, finish
from harness.server import Server

VICTIM = "b/victim.bin"
MEBIBYTE = 1024 * 1024
FILES = {
    "a.bin": noise(MEBIBYTE, seed=1),
    VICTIM: noise(2 * MEBIBYTE, seed=2),
    "c.txt": b"small",
    "d.bin": noise(MEBIBYTE, seed=4),
    "e.txt": b"last",
}
"""Each large file is more than the server sends ahead of a client with a small window."""
OTHER_DATA = noise(len(FILES[VICTIM]), seed=5)


def remove(victim: Path) -> None:
    victim.unlink()


def truncate(victim: Path) -> None:
    os.truncate(victim, victim.stat().st_size - 1)


def truncate_to_nothing(victim: Path) -> None:
    os.truncate(victim, 0)


def grow(victim: Path) -> None:
    with victim.open("ab") as file:
        file.write(b"x")


def replace_by_rename(victim: Path) -> None:
    other = victim.with_name("other.tmp")
    other.write_bytes(OTHER_DATA)
    os.utime(other, ns=(0, victim.stat().st_mtime_ns))
    other.replace(victim)


def rewrite(victim: Path) -> None:
    status = victim.stat()
    with victim.open("r+b") as file:
        file.write(OTHER_DATA)
    os.utime(victim, ns=(0, status.st_mtime_ns))


def make_unreadable(victim: Path) -> None:
    victim.chmod(0)


def remove_album(victim: Path) -> None:
    shutil.rmtree(victim.parent.parent)


@dataclass(frozen=True)
class Fault:
    """What is done to the victim, and which data it has then; None: none that may be read."""

    befall: Callable[[Path], None]
    data_after: bytes | None = None
    writes_in_place: bool = False
    """So bytes may change that are on their way already."""


_DATA = FILES[VICTIM]
FAULTS = {
    "removed": Fault(remove),
    "truncated": Fault(truncate, _DATA[:-1], writes_in_place=True),
    "emptied": Fault(truncate_to_nothing, b"", writes_in_place=True),
    "grown": Fault(grow, _DATA + b"x"),
    "replaced by rename": Fault(replace_by_rename, OTHER_DATA),
    "rewritten": Fault(rewrite, OTHER_DATA, writes_in_place=True),
    "unreadable": Fault(make_unreadable),
    "album removed": Fault(remove_album),
}


class Scene:
    """An album on a server under test, beside an oracle; what a case of a matrix does with it."""

    def __init__(self, site: Site, name: str) -> None:
        self.server = site.server
        self.oracle = site.oracle
        self.album = site.photos_dir / name
        self.victim = self.album / VICTIM
        self.target = f"/archive/{name}/"
        self._name = name
        self._before = site.before
        self.restore()
        self.etag = self.oracle.learn(name, FILES)
        self.archive = self.oracle.archive(self.etag)

    def restore(self) -> None:
        """Restore the album, except times that can't be set back."""
        shutil.rmtree(self.album, ignore_errors=True)
        for path, data in FILES.items():
            file = self.album / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        settle(self.album)

    def index(self) -> None:
        """Have all checksums learned."""
        assert get(self.server.port, self.target).content == self.archive

    def begin(self) -> None:
        """Wait until the server has nothing in use of what was before."""
        self.assert_gave_back()

    def assert_survived(self, fault: Fault) -> None:
        """Everything was given back; the next download is right, and so is one after a repair."""
        self.assert_gave_back()
        self.assert_tells_of(fault)
        self.restore()
        etag = self.oracle.learn(self._name, FILES)
        answer = get(self.server.port, self.target)
        assert (answer.status, answer["etag"]) == (200, etag)
        assert answer.content == self.oracle.archive(etag)
        assert self.server.process.poll() is None

    def assert_gave_back(self) -> None:
        assert_given_back(self.server, self._before)

    def assert_tells_of(self, fault: Fault) -> None:
        """A download begun after the fault is what the album is now, or fails in plain sight."""
        if not self.album.exists():
            assert get(self.server.port, self.target).status == 404
            return
        ending = ask(self.server, self.target)
        if self.victim.exists() and fault.data_after is None:
            assert not ending.is_complete
            return
        assert ending.is_complete
        self.learn_after(fault)
        assert ending.status == 200
        self.oracle.judge(ending)

    def learn_after(self, fault: Fault) -> None:
        """Have the oracle know the album as the fault has left it."""
        contents = {**FILES, VICTIM: fault.data_after}
        if fault.data_after is None:
            del contents[VICTIM]
            contents = {**contents, "b/": b""} if self.victim.parent.exists() else contents
        self.oracle.learn(self._name, {k: v for k, v in contents.items() if v is not None})

    def clear(self) -> None:
        shutil.rmtree(self.album, ignore_errors=True)
        self.oracle.forget()


def ask(server: Server, target: str, *field_lines: str) -> Ending:
    """Download in one go, however it ends."""
    with connected(server.port) as connection:
        connection.send("GET", target, *field_lines)
        status, lines = connection.receive_head()
        return finish(connection, status, dict(lines))
