"""What a soak has seen, for the message of its failure.

The albums are gone when somebody reads that, and the next run may take another course.
"""

from __future__ import annotations

import io
import os
import time
import zipfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.checksums.crc_index.sqlite import SqliteCrcIndex
from archive_service.checksums.known_files import KnownFiles
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.storage import LocalStorage

_NOTES = 60
"""Of each album."""
_LINES = 40


class FileState(NamedTuple):
    """What tells of a change of a file."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: str


class Journal:
    """What befell each album, with times as in the server's log."""

    def __init__(self) -> None:
        self._notes: dict[str, deque[str]] = {}
        self._states: dict[Path, dict[str, FileState]] = {}

    def note(self, album: str, text: str) -> None:
        """Note what has just happened to an album."""
        self._notes.setdefault(album, deque(maxlen=_NOTES)).append(f"{_now()} {text}")

    def note_change(self, directory: Path, text: str) -> None:
        """Note a change of an album, and what is another in its files since the last one."""
        before = self._states.get(directory, {})
        now = self._states[directory] = states_of(directory)
        self.note(directory.name, "; ".join([text, *_differences(before, now)]))

    def of(self, album: str) -> Iterable[str]:
        """Return what befell an album, the newest last."""
        return self._notes.get(album, ())


def states_of(directory: Path) -> dict[str, FileState]:
    """Return the state of each file below a directory, without those that go meanwhile."""
    states = {}
    for path in sorted(directory.rglob("*")):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        states[str(path.relative_to(directory))] = FileState(
            status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino,
            oct(status.st_mode),
        )  # fmt: skip
    return states


def entries_of(archive: bytes, reached: int) -> Iterator[str]:
    """Yield where the entries of an archive lie, and how far a client has come."""
    yield f"the client has {reached} of {len(archive)} bytes"
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for entry in opened.infolist():
            yield (
                f"  {entry.header_offset:>9} {entry.file_size:>8} bytes"
                f" crc {entry.CRC:08x} {entry.filename}"
            )


def rows_of(root: Path, album: str, cache_dir: Path) -> Iterator[str]:
    """Yield what the index says of the files of an album as it is now."""
    archive = ArchiveId(album)
    listing = LocalStorage(root, Exclusion(())).list(archive)
    for path in cache_dir.glob("*.sqlite3"):
        index = SqliteCrcIndex(path, observe=print)
        known = KnownFiles(archive, listing)
        known.load(index)
        yield from _rows(root / album, listing, known)
        index.close()


def _rows(directory: Path, listing: Listing, known: KnownFiles) -> Iterator[str]:
    for source in listing.files():
        path = os.fsdecode(listing.paths[source])
        stamp = known.stamps[source] if known.stamps is not None else 0
        kind = "suspected" if source in known.suspected else "unknown"
        crc32 = known.crc32s.get(source, known.suspected.get(source))
        yield (
            f"  {'known' if source in known.crc32s else kind}"
            f" crc {'?' if crc32 is None else format(crc32, '08x')}"
            f" now {zlib.crc32((directory / path).read_bytes()):08x}"
            f" stamp {stamp} ctime {listing.ctime_ns(source)} {path}"
        )


def lines_about(lines: list[str], request: str) -> Iterator[str]:
    """Yield the log lines of a request, and the last of all."""
    about = [line for line in lines if f"request={request}" in line]
    yield from about
    yield "the last lines of the log:"
    yield from lines[-_LINES:]


def _differences(before: Mapping[str, FileState], now: Mapping[str, FileState]) -> Iterator[str]:
    for name in sorted(before.keys() - now.keys()):
        yield f"{name} gone"
    for name, state in now.items():
        if name not in before:
            yield f"{name} new {_text(state)}"
        elif before[name] != state:
            yield f"{name} {_text(before[name])} -> {_text(state)}"


def _text(state: FileState) -> str:
    return ",".join(map(str, state))


def _now() -> str:
    return datetime.fromtimestamp(time.time(), timezone.utc).strftime("%H:%M:%S.%f")
