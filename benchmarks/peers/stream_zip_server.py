"""stream-zip behind aiohttp: stored entries, whose checksums it computes itself."""

import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from sending import Packing, serve
from stream_zip import NO_COMPRESSION_32, MemberFile, stream_zip

_CHUNK = 256 * 1024


def _pack(album: Path) -> Packing:
    return stream_zip(_members(album), chunk_size=_CHUNK), None


def _members(album: Path) -> Iterator[MemberFile]:
    for directory, _, names in os.walk(album):
        for name in names:
            path = Path(directory, name)
            status = path.stat()
            changed = datetime.fromtimestamp(status.st_mtime, timezone.utc)
            inside = str(path.relative_to(album))
            yield inside, changed, status.st_mode, NO_COMPRESSION_32, _chunks(path)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


if __name__ == "__main__":
    serve(_pack)
