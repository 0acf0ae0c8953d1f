"""A directory or file and a link out of the album change places while downloads run.

What checks a path and then opens it is fooled by that: shown by a storage that does so, which has
to be caught at it, and by the same attempts the real one has to withstand, many times over.
"""

from __future__ import annotations

import asyncio
import os
import time
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from harness.albums import HASH, LONG_AGO_S, make_album
from harness.chunks import bytes_of
from harness.http import Truncated, get
from harness.in_process import WholeChunks, service_over
from harness.server import Server
from harness.swapping import exchange, swapping

from archive_service.archive.errors import (
    ArchiveNotFound,
    ArchiveServiceError,
    SourceChanged,
    SourceUnreadable,
)
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import CHANGE_TOKEN_SIZE, Listing
from archive_service.archive.segments import LARGE_FILE_BYTES
from archive_service.storage.base import DiskFile, Storage
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.native import AS_COMPILED, NOTHING_COMPILED
from archive_service.storage.local.storage import LocalStorage
from archive_service.transfer.service import ArchiveService

ALBUM = ArchiveId(HASH)
SECRET, PUBLIC = b"SECRET..", b"public.."
NAMES = ("1.jpg", "2.jpg", "large.jpg")
CAUGHT_WITHIN_S = 120.0
TIMES_AS_MANY, AT_LEAST = 5, 500
"""The attempts that the real storage withstands: so many times as many as give the naive one
away."""
WITHSTANDS_FOR_S = 15.0
"""Or for so long, on a machine where they take longer."""
DOWNLOADS = 100


def contents(text: bytes) -> dict[str, bytes]:
    sizes = dict(zip(NAMES, (400, 4000, LARGE_FILE_BYTES + 8), strict=True))
    return {name: text * (size // len(text)) for name, size in sizes.items()}


# What is swapped, with what: (name below the directory of albums, target below the outside).
SWAPS = {
    "a file": (f"{HASH}/sub/2.jpg", "sub/2.jpg"),
    "a large file": (f"{HASH}/sub/large.jpg", "sub/large.jpg"),
    "a directory": (f"{HASH}/sub", "sub"),
    "a directory above": (f"{HASH}/a", "a"),
    "an album": (HASH, ""),
}


@pytest.fixture(params=SWAPS)
def swapped(request: pytest.FixtureRequest, photos_dir: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A path of the album, and a link to its like outside: same names, sizes and mtimes."""
    inside, target = SWAPS[request.param]
    files = {f"{directory}/{name}": "" for directory in ("sub", "a/b") for name in NAMES}
    for root, text in ((photos_dir, PUBLIC), (tmp_path / "outside", SECRET)):
        data = contents(text)
        make_album(root, {path: data[Path(path).name] for path in files})
    link = photos_dir.parent / "link"
    link.symlink_to(tmp_path / "outside" / HASH / target)
    return photos_dir / inside, link


class NaiveFiles:
    """Files opened by path, after a look at whether the path is all right."""

    def __init__(self, root: Path, listing: Listing) -> None:
        self._root, self._listing = root, listing

    def open(self, source: int) -> DiskFile:
        path = self._root / os.fsdecode(self._listing.paths[source])
        try:
            if path.is_symlink() or os.path.realpath(path) != str(path):
                raise SourceChanged("replaced")
            return DiskFile(os.open(path, os.O_RDONLY))
        except OSError as error:
            raise SourceUnreadable.of(error) from None

    def open_each(self, sources: Iterable[int]) -> Generator[DiskFile, None, None]:
        return (self.open(source) for source in sources)

    def open_to_hash(self, source: int) -> DiskFile:
        return self.open(source)

    def known_crc32(self, source: int) -> None: ...

    def verify(self, file: DiskFile, source: int) -> None:
        if os.fstat(file.fileno()).st_size != self._listing.sizes[source]:
            raise SourceChanged("resized")

    def read_into(
        self, buffer: memoryview, sources: Sequence[int], positions: Sequence[int]
    ) -> None:
        for source, position in zip(sources, positions, strict=True):
            with self.open(source) as file:
                self.verify(file, source)
                file.readinto(buffer[position : position + self._listing.sizes[source]])


class NaiveStorage:
    """Albums listed and opened as most programs do it: a check of the path, then its use."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def check(self) -> bool:
        return True

    def list(self, archive: ArchiveId) -> Listing:
        album = self._root / archive.value
        paths: list[bytes] = []
        sizes, mtimes_ns = array("Q"), array("q")
        if album.is_symlink():
            raise ArchiveNotFound
        for directory, _, names in os.walk(album):
            for path in (Path(directory, name) for name in sorted(names)):
                with suppress(OSError):
                    if path.is_symlink() or os.path.realpath(path) != str(path):
                        continue
                    status = path.stat()
                    paths.append(os.fsencode(path.relative_to(album)))
                    sizes.append(status.st_size)
                    mtimes_ns.append(status.st_mtime_ns)
        count = len(paths)
        modes, tokens = array("H", [0o644] * count), bytes(CHANGE_TOKEN_SIZE * count)
        return Listing(paths, paths, sizes, mtimes_ns, modes, tokens, 0, LONG_AGO_S * 10**9)

    @contextmanager
    def files(
        self, archive: ArchiveId, listing: Listing, close: Callable[[int], object] = os.close
    ) -> Iterator[NaiveFiles]:
        yield NaiveFiles(self._root / archive.value, listing)

    def close(self) -> None: ...

    def place(self, archive: ArchiveId) -> str: ...

    def is_prompt(self, archive: ArchiveId) -> bool:
        return False

    def is_at_hand(self, archive: ArchiveId) -> bool:
        return False

    def albums(self) -> Sequence[str]:
        return []

    def archives(self) -> Sequence[str]:
        return []


async def downloaded(service: ArchiveService) -> bytes:
    """Return what a download gives out, to its end or its failure."""
    received = bytearray()
    with suppress(ArchiveServiceError):
        representation = await service.represent(ALBUM)
        content = service.content(representation)
        async for chunk in content.chunks(0, representation.complete_length, WholeChunks()):
            received += bytes_of(chunk)
    return bytes(received)


def attempts_until_a_secret(storage: Storage, *, at_most: float, within_s: float) -> int | None:
    """Download again and again; return how often it took to get what lies outside."""

    async def attempt() -> int | None:
        deadline_s = time.monotonic() + within_s
        number = public = 0
        while number < at_most and time.monotonic() < deadline_s:
            number += 1
            received = await downloaded(service)
            public += PUBLIC in received
            if SECRET in received:
                return number
        assert public, "no download had anything in it"
        return None

    with service_over(storage) as service:
        return asyncio.run(attempt())


def test_no_swap_lets_out_what_lies_outside(photos_dir: Path, swapped: tuple[Path, Path]) -> None:
    with swapping(*swapped):
        naive = NaiveStorage(photos_dir)
        caught = attempts_until_a_secret(naive, at_most=1e9, within_s=CAUGHT_WITHIN_S)
        assert caught, "the swaps do not even fool who checks a path and then opens it"
        at_most = max(caught * TIMES_AS_MANY, AT_LEAST)
        print(f"naive: caught at attempt {caught}; real: {at_most} attempts")
        for native in (AS_COMPILED, NOTHING_COMPILED):
            storage = LocalStorage(photos_dir, Exclusion(()), native)
            assert (
                attempts_until_a_secret(storage, at_most=at_most, within_s=WITHSTANDS_FOR_S) is None
            )


def test_no_swap_lets_out_by_http_what_lies_outside(
    swapped: tuple[Path, Path], server: Server
) -> None:
    target = f"/archive/{HASH}/"
    with swapping(*swapped):
        for _ in range(DOWNLOADS):
            try:
                received = get(server.port, target).content
            except Truncated as error:
                received = error.received
            assert SECRET not in received
    assert not [line for line in server.lines if "Unhandled" in line or "Traceback" in line]
    if swapped[0].is_symlink():
        exchange(*swapped)
    assert PUBLIC in get(server.port, target).content
