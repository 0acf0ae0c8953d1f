"""Whatever is done to an album, it is known again only where its listing would be the same."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.albums import HASH
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_service.archive.errors import ArchiveNotFound, StorageUnavailable
from archive_service.archive.id import ArchiveId
from archive_service.storage.exclusion import DEFAULT_PATTERNS, Exclusion
from archive_service.storage.local.storage import LocalStorage

ALBUM = ArchiveId(HASH)
PLACES = ("", "1", "2", "3", "d", "d/1", "d/2", "d/e", "d/e/1", ".hidden", ".hidden/1")
places = st.sampled_from(PLACES)
changes = st.one_of(
    st.tuples(st.sampled_from(["write", "mkdir", "remove", "chmod", "old", "append"]), places),
    st.tuples(st.sampled_from(["move", "exchange", "link", "hard link"]), places, places),
    st.tuples(st.just("wait"), st.integers(0, 15)),
)


def do(album: Path, kind: str, first: str, second: str = "") -> None:
    path, other = album / first, album / second
    if kind == "write":
        path.write_bytes(b"x")
    elif kind == "append":
        with path.open("ab") as file:
            file.write(b"x")
    elif kind == "mkdir":
        path.mkdir()
    elif kind == "remove":
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    elif kind == "chmod":
        path.chmod(path.stat().st_mode ^ 0o100)
    elif kind == "old":
        os.utime(path, (0, 0))
    elif kind == "move":
        path.rename(other)
    elif kind == "exchange":
        path.rename(album.with_name("aside"))
        other.rename(path)
        album.with_name("aside").rename(other)
    elif kind == "link":
        path.symlink_to(other)
    else:
        os.link(other, path)


@settings(deadline=None)
@given(st.lists(changes, max_size=12), st.integers(0, 15), st.lists(changes, max_size=3))
def test_an_album_known_again_is_listed_the_same(
    before: list[tuple], wait_ms: int, after: list[tuple]
) -> None:
    with TemporaryDirectory() as directory:
        album = Path(directory, HASH)
        album.mkdir()
        storage = LocalStorage(Path(directory), Exclusion(DEFAULT_PATTERNS))
        _do_all(album, before)
        time.sleep(wait_ms / 1000)
        try:
            listing = storage.list(ALBUM)
        except ArchiveNotFound:
            return
        _do_all(album, after)
        try:
            is_known = storage.list(ALBUM, listing) is listing
        except (ArchiveNotFound, StorageUnavailable):
            return
        if not is_known:
            return
        assert storage.list(ALBUM).fingerprint() == listing.fingerprint()


def _do_all(album: Path, all_changes: list[tuple]) -> None:
    for kind, *about in all_changes:
        if kind == "wait":
            time.sleep(about[0] / 1000)
            continue
        with suppress(OSError, shutil.Error):
            do(album, kind, *about)
