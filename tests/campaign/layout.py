"""Where the files of an archive lie, and up to which byte of it a download needs each."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

_EXTRA_LENGTHS = struct.Struct("<HH")
_TIME_BYTES = 9
"""The extra field 0x5455 in a local header."""
_EXTRA_LENGTHS_AT, _LOCAL_HEADER_BYTES = 26, 30
"""APPNOTE 4.3.7: the lengths of name and extra field stand at the end of the fixed part."""


@dataclass(frozen=True)
class Span:
    """An entry: the offsets of its header, and of the end of its data."""

    start: int
    stop: int


def spans_of(archive: bytes) -> tuple[dict[str, Span], int]:
    """Return the entries of an archive, and the offset of its central directory."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {e.filename: _span(archive, e) for e in opened.infolist()}, opened.start_dir


def _span(archive: bytes, entry: zipfile.ZipInfo) -> Span:
    start = entry.header_offset
    name, extra = _EXTRA_LENGTHS.unpack_from(archive, start + _EXTRA_LENGTHS_AT)
    return Span(start, start + _LOCAL_HEADER_BYTES + name + extra + entry.file_size)


def ends_of(contents: Mapping[str, bytes]) -> Mapping[str, int]:
    """Return where the data of each file ends in the archive of them."""
    ends, position = {}, 0
    for name in sorted(contents, key=str.encode):
        position += _LOCAL_HEADER_BYTES + len(name.encode()) + _TIME_BYTES + len(contents[name])
        ends[name] = position
    return ends
