"""The albums of the soak and lists of their files: what an archive of each must hold.

A target of downloads tells the state of each file that its archive describes.  Two states of a file
show whether it has really changed, so no change has to say what it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

_BLOCK_BYTES = 4096
"""Of a file system: what was never written to is a hole."""


class FileState(NamedTuple):
    """A file of an archive, as it is now."""

    data: bytes
    mtime_ns: int
    inode: int
    is_readable: bool
    is_read: bool
    """Whether the server has read this content, and so can know it again in a copy."""
    is_doubtful: bool
    """Whether another content had the same name, size and time, and this one may be unread."""

    def has_become(self, now: FileState | None) -> bool:
        """Return whether a download that has yet to send this file may be cut, as it is now."""
        if now is None or not now.is_readable:
            return True
        is_unknown_copy = now.inode != self.inode and not now.is_read
        return is_unknown_copy or self.was_rewritten(now)

    def was_rewritten(self, now: FileState) -> bool:
        """Return whether something was done to this very file that may be seen of it."""
        return now.data != self.data or now.mtime_ns != self.mtime_ns


class Ended(NamedTuple):
    """How an upload has ended, and which file it has left, if any."""

    how: str
    left: bytes | None


class Upload(Protocol):
    """An upload under way."""

    name: str
    """Of the file."""
    data: bytes
    """The whole of it."""
    program: str

    @property
    def ended(self) -> Ended | None:
        """How it has ended, unless it goes on."""

    def may_be_missing(self) -> bool:
        """Return whether there may be an archive without the file."""

    def may_be_whole(self) -> bool:
        """Return whether there may be an archive with it."""

    def advance(self, chance: Random) -> None:
        """Let it do something, or be killed."""

    def hurry(self) -> None:
        """Let it come to its end."""

    def kill(self) -> None:
        """End it as it is."""


class Target(Protocol):
    """What an archive can be downloaded of."""

    @property
    def name(self) -> str:
        """The hash of its link."""

    @property
    def is_there(self) -> bool:
        """Whether there is an archive of it."""

    def states(self) -> Mapping[str, FileState]:
        """Return the files of the archive, by their names in it."""

    def contents_now(self) -> Mapping[str, bytes]:
        """Return what the archive holds."""

    def albums(self) -> Sequence[Album]:
        """Return the albums whose files it has."""

    def note_read(self, names: Iterable[str]) -> None:
        """Take note that the server has read these files as they are now."""


@dataclass
class Album:
    """A directory of files."""

    path: Path
    contents: dict[str, bytes] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    is_there: bool = False
    upload: Upload | None = None
    _digests: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    """The content of each file, and its digest."""
    _read: dict[str, bytes] = field(default_factory=dict)
    """The digest of what the server has read."""
    _had: dict[tuple[str, int, int], bytes] = field(default_factory=dict)
    """The digest of what each name has last had under a size and a time."""
    _doubtful: set[tuple[str, int, int]] = field(default_factory=set)
    _ever_doubtful: set[tuple[str, int, int]] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.path.name

    def states(self) -> Mapping[str, FileState]:
        self._digests = {name: self._digest(name) for name in self.contents}
        return {name: self._state(name) for name in self.contents}

    def _digest(self, name: str) -> tuple[bytes, bytes]:
        data, known = self.contents[name], self._digests.get(name)
        return known if known and known[0] is data else (data, blake2b(data).digest())

    def _state(self, name: str) -> FileState:
        (data, digest), status = self._digests[name], (self.path / name).stat()
        key = (name, len(data), status.st_mtime_ns)
        if self._had.setdefault(key, digest) != digest:
            self._had[key] = digest
            self._doubtful.add(key)
            self._ever_doubtful.add(key)
        return FileState(
            data,
            status.st_mtime_ns,
            status.st_ino,
            name not in self.unreadable,
            self._read.get(name) == digest,
            key in self._doubtful,
        )

    def contents_now(self) -> Mapping[str, bytes]:
        return self.contents

    def albums(self) -> Sequence[Album]:
        return (self,)

    def note_read(self, names: Iterable[str]) -> None:
        for name, state in self.states().items():
            if name in names:
                self._read[name] = self._digests[name][1]
                self._doubtful.discard((name, len(state.data), state.mtime_ns))

    def note_forgotten(self) -> None:
        """Take note that the server may have lost what it had read lately."""
        self._read.clear()
        self._doubtful |= self._ever_doubtful

    def has_gap(self) -> bool:
        """Return whether an upload that broke off may have left a hole in a file.

        It may also have left zeros at both ends.
        """
        return any(map(_has_gap, self.contents.values()))


def _has_gap(data: bytes) -> bool:
    blocks = [data[at : at + _BLOCK_BYTES] for at in range(0, len(data), _BLOCK_BYTES)]
    ends = data[:_BLOCK_BYTES] + data[-_BLOCK_BYTES:]
    return any(not block.strip(b"\0") for block in [*blocks, ends])
