"""Little archives made in one step: the same bytes as in pieces, or none."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from itertools import combinations
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, noise, settle
from harness.chunks import bytes_of
from harness.conditions import eventually
from harness.in_process import WholeChunks, service_over
from harness.pagecache import evict

from archive_service.archive.errors import AlbumInMotion
from archive_service.archive.id import ArchiveId
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.native import AS_COMPILED, NOTHING_COMPILED, NativeCalls
from archive_service.storage.local.storage import LocalStorage
from archive_service.transfer.content import ArchiveContent
from archive_service.transfer.little_archive import LITTLE_BYTES

ARCHIVE = ArchiveId(HASH)
FILES = {
    "a/1.bin": noise(200_000, seed=1),
    "a/2.txt": b"small",
    "b/3.bin": noise(150_000, seed=3),
    "b/empty": b"",
    "none/": b"",
    "ä.bin": noise(130_000, seed=4),
}
COMPILED = pytest.mark.skipif(AS_COMPILED is NOTHING_COMPILED, reason="it is not compiled")


class Known:
    """A known album on a local disk."""

    def __init__(self, storage: LocalStorage, content: ArchiveContent) -> None:
        self._storage = storage
        self._content = content
        self.layout = content.layout
        self.whole = self._in_pieces()  # which learns the checksums

    def _in_pieces(self) -> bytes:
        async def joined() -> bytes:
            length = len(self.layout)
            async with aclosing(self._content.chunks(0, length, WholeChunks())) as chunks:
                return b"".join([bytes(bytes_of(chunk)) async for chunk in chunks])

        return asyncio.run(joined())

    def in_one_step(self, start: int = 0, stop: int | None = None) -> bytes:
        """Make a range, of all by default, of the album, which was listed a moment ago."""
        while True:  # the machine may pause for longer than a listing counts
            eventually(self._is_at_hand)
            made = self._content.in_one_step(start, len(self.layout) if stop is None else stop)
            if made or self._storage.is_at_hand(ARCHIVE):
                return bytes(made)

    def _is_at_hand(self) -> bool:
        with suppress(AlbumInMotion):
            self._storage.list(ARCHIVE)
        if not self._storage.is_prompt(ARCHIVE):
            pytest.skip("the file system is none of those that answer at once")
        return self._storage.is_at_hand(ARCHIVE)


@contextmanager
def known(photos_dir: Path, native: NativeCalls = AS_COMPILED) -> Iterator[Known]:
    settle(photos_dir / HASH)
    storage = LocalStorage(photos_dir, Exclusion(()), native)
    with service_over(storage) as service:
        yield Known(storage, service.content(asyncio.run(service.represent(ARCHIVE))))


@COMPILED
def test_each_range_has_the_bytes_that_it_has_in_pieces(photos_dir: Path) -> None:
    make_album(photos_dir, FILES)
    with known(photos_dir) as album:
        edges = {0, 1, len(album.whole) - 1, len(album.whole)}
        for offset in (*album.layout.header_offsets, *album.layout.central_offsets[-2:]):
            edges |= {max(offset - 1, 0), offset, offset + 1}
        for start, stop in combinations(sorted(edges), 2):
            assert album.in_one_step(start, stop) == album.whole[start:stop]


def unlisted(path: Path) -> None:
    path.unlink()


def longer(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewritten(path: Path) -> None:
    times = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # its ctime tells


def linked(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


@COMPILED
@pytest.mark.parametrize("name", ["a/1.bin", "a/2.txt", "ä.bin"])
@pytest.mark.parametrize("change", [unlisted, longer, rewritten, linked, evict])
def test_of_a_file_that_changed_or_is_cold_no_byte_is_made(
    photos_dir: Path, change: Callable[[Path], None], name: str
) -> None:
    album = make_album(photos_dir, FILES)
    if change is evict and name == "a/2.txt":
        pytest.skip("the page of a small file stays in memory")

    with known(photos_dir) as known_album:
        assert known_album.in_one_step() == known_album.whole
        change(album / name)
        assert not known_album.in_one_step()


@COMPILED
def test_an_archive_that_is_not_little_is_sent_in_pieces(photos_dir: Path) -> None:
    make_album(photos_dir, {"1.bin": noise(LITTLE_BYTES)})
    with known(photos_dir) as album:
        assert not album.in_one_step()


def test_without_the_compiled_part_all_are_sent_in_pieces(photos_dir: Path) -> None:
    make_album(photos_dir, FILES)
    with known(photos_dir, NOTHING_COMPILED) as album:
        assert not album.in_one_step()


@COMPILED
def test_a_checksum_that_is_unknown_is_learned_first(photos_dir: Path) -> None:
    settle(make_album(photos_dir, FILES))
    with service_over(photos_dir) as service:
        content = service.content(asyncio.run(service.represent(ARCHIVE)))
        assert not content.in_one_step(0, len(content.layout))
