"""The extra fields of a zip archive's headers, and external attributes (APPNOTE 4.5, 4.4.15).

The extra field of ZIP64 comes first, because Windows Explorer looks for it nowhere else.  A field
overflows at the value of all ones, which marks "see the ZIP64 field" (APPNOTE 4.4.8, 4.4.9, 4.4.16,
4.4.22 to 4.4.24).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import repeat

MAX_32 = 0xFFFFFFFF
VERSION_MADE_BY = 3 << 8 | 63  # APPNOTE 4.4.2: Unix attributes, specification 6.3
EXECUTE_BITS = 0o111
_UNIX_FILE, _UNIX_DIRECTORY = 0o100000, 0o040000  # S_IFREG, S_IFDIR
_DOS_DIRECTORY = 0x10
_ZIP64_SIZES = struct.Struct("<HHQQ")  # APPNOTE 4.5.3: tag 0x0001, data size, both sizes
_ZIP64_OFFSET = struct.Struct("<HHQ")  # the same with the header offset alone
_ZIP64_ALL = struct.Struct("<HHQQQ")  # the same with both sizes and the header offset
ZIP64_OFFSET_BYTES = _ZIP64_OFFSET.size
"""The most by which an entry's place makes its central directory header longer."""
_EXTENDED_TIMESTAMP = struct.Struct("<HHBL")  # tag 0x5455, data size, flags, mtime
_TIMESTAMP_TAG, _TIMESTAMP_HAS_MTIME = 0x5455, 1
# Readers disagree on the sign of the field.  With a time outside of these `jar xf` stops at the
# entry, and others show another century.  Without the field all of them take the DOS time.
TIMESTAMP_MIN_S, TIMESTAMP_MAX_S = 0, 2**31 - 1
# libarchive's "xl" field, tag 0x6c78: a bitmap, then the central header's fields that it names.
# In the local header it gives bsdtar the execute bit when it reads a pipe; other readers skip it.
# Entries without an execute bit don't need it.
_LIBARCHIVE_ATTRIBUTES = struct.Struct("<HHBHHL")
_HAS_VERSION_INTERNAL_EXTERNAL = 0b111


def local_extra_length(name: bytes, size: int, mode: int, mtime_s: int) -> int:
    """Return the length of the extra fields of a local file header, in bytes."""
    length = _timestamp_length(mtime_s)
    if size >= MAX_32:
        length += _ZIP64_SIZES.size
    if mode & EXECUTE_BITS and not name.endswith(b"/"):
        length += _LIBARCHIVE_ATTRIBUTES.size
    return length


def zip64_offset_length(size: int, header_offset: int) -> int:
    """Return by how many bytes the header offset makes the central extra fields longer."""
    if header_offset < MAX_32:
        return 0
    return _ZIP64_ALL.size - _ZIP64_SIZES.size if size >= MAX_32 else _ZIP64_OFFSET.size


def external_attributes(name: bytes, mode: int) -> int:
    """Return Unix mode and MS-DOS attributes as a central directory header holds them."""
    if name.endswith(b"/"):
        return (_UNIX_DIRECTORY | mode) << 16 | _DOS_DIRECTORY
    return (_UNIX_FILE | mode) << 16


def local_extra(timestamp: bytes, name: bytes, size: int, mode: int) -> bytes:
    """Pack the extra fields of a local file header behind a timestamp of `timestamps`."""
    # APPNOTE 4.5.3: in the local header both sizes MUST be there.
    zip64 = _ZIP64_SIZES.pack(1, 16, size, size) if size >= MAX_32 else b""
    return zip64 + timestamp + _libarchive_attributes(name, mode)


def central_extra(timestamp: bytes, name: bytes, size: int, mode: int, offset: int) -> bytes:
    """Pack the extra fields of a central directory header; `offset` is the local header's."""
    zip64 = _central_zip64_extra(size, offset)
    return zip64 + timestamp + _libarchive_attributes(name, mode)


def _central_zip64_extra(size: int, offset: int) -> bytes:
    # APPNOTE 4.5.3: the fields MUST only appear if the corresponding field is all ones.
    if size >= MAX_32 and offset >= MAX_32:
        return _ZIP64_ALL.pack(1, 24, size, size, offset)
    if size >= MAX_32:
        return _ZIP64_SIZES.pack(1, 16, size, size)
    if offset >= MAX_32:
        return _ZIP64_OFFSET.pack(1, 8, offset)
    return b""


def timestamps(mtimes_s: Sequence[int], *, is_plain: bool) -> list[bytes]:
    """Pack the extended timestamps; one is empty where it can't hold its time."""
    if not is_plain:
        return list(map(_timestamp, mtimes_s))
    tag, size = repeat(_TIMESTAMP_TAG), repeat(_EXTENDED_TIMESTAMP.size - 4)
    return list(map(_EXTENDED_TIMESTAMP.pack, tag, size, repeat(_TIMESTAMP_HAS_MTIME), mtimes_s))


def _timestamp(mtime_s: int) -> bytes:
    if not _timestamp_length(mtime_s):
        return b""
    size = _EXTENDED_TIMESTAMP.size - 4
    return _EXTENDED_TIMESTAMP.pack(_TIMESTAMP_TAG, size, _TIMESTAMP_HAS_MTIME, mtime_s)


def _timestamp_length(mtime_s: int) -> int:
    return _EXTENDED_TIMESTAMP.size if TIMESTAMP_MIN_S <= mtime_s <= TIMESTAMP_MAX_S else 0


def _libarchive_attributes(name: bytes, mode: int) -> bytes:
    if not mode & EXECUTE_BITS or name.endswith(b"/"):
        return b""
    return _LIBARCHIVE_ATTRIBUTES.pack(
        0x6C78,
        _LIBARCHIVE_ATTRIBUTES.size - 4,
        _HAS_VERSION_INTERNAL_EXTERNAL,
        VERSION_MADE_BY,
        0,
        external_attributes(name, mode),
    )
