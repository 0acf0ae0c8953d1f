"""The archives of the specimen albums, each downloaded once from a running server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from harness.http import get
from harness.server import Server, serving
from harness.specimens import ALBUMS, Specimen, write_album

_LEAVE_NOTHING_OUT = ("--exclude", ",", "--empty-archives", "zip")


class Archives:
    """What a server made of the specimen albums."""

    def __init__(self, server: Server, photos_dir: Path, target: Path) -> None:
        self._server = server
        self._photos_dir = photos_dir
        self._target = target

    def manifest(self, album: str) -> dict[str, Any]:
        """Return the manifest of an album whose archive was downloaded."""
        return json.loads(
            get(self._server.port, f"/archive/{_hash_of(album)}/manifest.json").content
        )

    def downloaded(self, album: str) -> Path:
        """Return the archive of an album; skip the test where the disk can't hold the album."""
        archive = self._target / f"{album}.zip"
        if not archive.exists():
            self._write(ALBUMS[album], self._photos_dir / _hash_of(album))
            answer = get(self._server.port, f"/archive/{_hash_of(album)}/")
            assert answer.status == 200
            archive.write_bytes(answer.content)
        return archive

    def _write(self, specimens: Sequence[Specimen], album: Path) -> None:
        if not album.exists():
            write_album(album, specimens)
        for specimen in specimens:
            path = os.path.join(os.fsencode(album), specimen.path)
            if os.stat(path).st_mtime_ns != specimen.mtime_s * 1_000_000_000:
                pytest.skip("this file system can't keep every time")


@contextmanager
def archives_of_specimens(directory: Path, *flags: str) -> Iterator[Archives]:
    """Serve the specimen albums from a directory until the block ends; nothing is excluded."""
    photos_dir, cache_dir, target = (directory / name for name in ("photos", "cache", "archives"))
    for path in (photos_dir, cache_dir, target):
        path.mkdir()
    with serving(photos_dir, cache_dir, *_LEAVE_NOTHING_OUT, *flags) as server:
        yield Archives(server, photos_dir, target)


def _hash_of(album: str) -> str:
    return f"{list(ALBUMS).index(album):032x}"
