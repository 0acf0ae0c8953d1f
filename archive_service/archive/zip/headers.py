"""The headers of a zip archive's entries, APPNOTE 6.3.10: stored, of known CRC-32.

Theory of operation.  An archive is

    [local file header, file data] ...  [central directory header] ...  [end records]

Every function here is pure and takes offsets and sizes as plain arguments, so the 4 GiB edges are
unit tests.  The length of a record never depends on a CRC-32: a layout is complete from `stat`
alone, and the same record can be packed again, at any time, once the CRC-32 is known.  It does
depend on the modification time: an entry whose time the extended timestamp cannot hold has none.

ZIP64 is used per record and only where a field overflows.  Its extra field comes first, because
Windows Explorer looks for it nowhere else.  A field overflows at the value of all ones, which is
the marker for "see the ZIP64 field" (APPNOTE 4.4.8, 4.4.9, 4.4.16, 4.4.22 to 4.4.24).
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import add
from typing import NamedTuple

MAX_16 = 0xFFFF
MAX_32 = 0xFFFFFFFF
MAX_NAME_BYTES = MAX_16

VERSION_STORED, VERSION_DIRECTORY, VERSION_ZIP64 = 10, 20, 45  # APPNOTE 4.4.3.2
VERSION_MADE_BY = 3 << 8 | 63  # APPNOTE 4.4.2: Unix attributes, specification 6.3
# APPNOTE 4.4.4, "language encoding flag"; appendix D.  Names in ASCII need it not, and the oldest
# readers don't know it.
_FLAG_UTF8 = 1 << 11
_METHOD_STORED = 0  # APPNOTE 4.4.5
_UNIX_FILE, _UNIX_DIRECTORY = 0o100000, 0o040000  # S_IFREG, S_IFDIR
_DOS_DIRECTORY = 0x10
_EXECUTE_BITS = 0o111

_LOCAL_FILE_HEADER = struct.Struct(  # APPNOTE 4.3.7
    "<"
    "4s"  # local file header signature
    "H"  # version needed to extract
    "H"  # general purpose bit flag
    "H"  # compression method
    "L"  # last mod file time, last mod file date
    "L"  # crc-32
    "L"  # compressed size
    "L"  # uncompressed size
    "H"  # file name length
    "H"  # extra field length
)
LOCAL_CRC32_OFFSET = struct.calcsize("<4sHHHL")
"""Where the CRC-32 stands in a local file header."""
CRC32_BYTES = struct.calcsize("<L")
_CENTRAL_DIRECTORY_HEADER = struct.Struct(  # APPNOTE 4.3.12
    "<"
    "4s"  # central file header signature
    "H"  # version made by
    "H"  # version needed to extract
    "H"  # general purpose bit flag
    "H"  # compression method
    "L"  # last mod file time, last mod file date
    "L"  # crc-32
    "L"  # compressed size
    "L"  # uncompressed size
    "H"  # file name length
    "H"  # extra field length
    "H"  # file comment length
    "H"  # disk number start
    "H"  # internal file attributes
    "L"  # external file attributes
    "L"  # relative offset of local header
)
_ZIP64_SIZES = struct.Struct("<HHQQ")  # APPNOTE 4.5.3: tag 0x0001, data size, both sizes
_ZIP64_OFFSET = struct.Struct("<HHQ")  # the same with the header offset alone
_ZIP64_ALL = struct.Struct("<HHQQQ")  # the same with both sizes and the header offset
_EXTENDED_TIMESTAMP = struct.Struct("<HHBL")  # tag 0x5455, data size, flags, mtime
_TIMESTAMP_TAG, _TIMESTAMP_HAS_MTIME = 0x5455, 1
# Readers disagree on the sign of the field: of a time outside of these `jar xf` stops at the entry,
# and others show another century.  Without the field all of them take the DOS time.
_TIMESTAMP_MIN_S, _TIMESTAMP_MAX_S = 0, 2**31 - 1
# libarchive's "xl" field, tag 0x6c78: a bitmap, then of the central header what it announces.  It
# stands in the local header so that bsdtar, reading a pipe, knows the execute bit; other readers
# skip it.  Entries without an execute bit go without it: they lose nothing.
_LIBARCHIVE_ATTRIBUTES = struct.Struct("<HHBHHL")
_HAS_VERSION_INTERNAL_EXTERNAL = 0b111


class Members(NamedTuple):
    """Entries of an archive, as their headers describe them: columns, in the archive's order.

    So all of them are packed by what runs in C; a call for each takes twice the time.
    """

    names: Sequence[bytes]
    """UTF-8; a trailing slash marks a directory."""
    sizes: array[int]
    """Bytes of file data."""
    mtimes_s: Sequence[int]
    """Modification times, Unix seconds."""
    dos_times: array[int]
    """The same, local, as the headers have them; see `dos_times`."""
    modes: array[int]
    """Unix permission bits."""
    header_offsets: array[int]
    """Where the local file headers start, bytes from the start of the archive."""


def local_file_header_length(name: bytes, size: int, mode: int, mtime_s: int) -> int:
    """Return the bytes of a local file header without packing it."""
    length = _LOCAL_FILE_HEADER.size + len(name) + _timestamp_length(mtime_s)
    if size >= MAX_32:
        length += _ZIP64_SIZES.size
    if mode & _EXECUTE_BITS and not name.endswith(b"/"):
        length += _LIBARCHIVE_ATTRIBUTES.size
    return length


def central_directory_header_length(local_length: int, size: int, header_offset: int) -> int:
    """Return the bytes of a central directory header, given those of the local one."""
    length = local_length + _CENTRAL_DIRECTORY_HEADER.size - _LOCAL_FILE_HEADER.size
    if header_offset < MAX_32:
        return length
    return length + (_ZIP64_ALL.size - _ZIP64_SIZES.size if size >= MAX_32 else _ZIP64_OFFSET.size)


def are_plain(sizes: array[int], modes: array[int], mtimes_s: Sequence[int]) -> bool:
    """Tell whether all are files with data and a timestamp, without ZIP64 sizes or execute bits.

    The records with offsets are not plain either where one of these is ZIP64.
    """
    return (
        0 < min(sizes, default=1) <= max(sizes, default=1) < MAX_32
        and not any(mode & _EXECUTE_BITS for mode in set(modes))
        and min(mtimes_s, default=0) >= _TIMESTAMP_MIN_S
        and max(mtimes_s, default=0) <= _TIMESTAMP_MAX_S
    )


def local_file_header_lengths(
    names: Sequence[bytes],
    sizes: array[int],
    modes: array[int],
    mtimes_s: Sequence[int],
    *,
    is_plain: bool,
) -> Iterable[int]:
    """Return what `local_file_header_length` does of each entry; `is_plain`: see `are_plain`."""
    if is_plain:
        return map(add, map(len, names), repeat(local_file_header_length(b"", 0, 0, 0)))
    return map(local_file_header_length, names, sizes, modes, mtimes_s)


def central_directory_header_lengths(
    local_lengths: Sequence[int], sizes: array[int], header_offsets: array[int], *, is_plain: bool
) -> Iterable[int]:
    """Return the length of each entry's central directory header; `is_plain`: see `are_plain`.

    The offsets are in order; there may be one more of them, where the last entry ends.
    """
    if is_plain:
        return map(add, local_lengths, repeat(central_directory_header_length(0, 0, 0)))
    return map(central_directory_header_length, local_lengths, sizes, header_offsets)


def local_file_headers(
    members: Members, crc32s: Iterable[int], *, is_plain: bool
) -> Iterator[bytes]:
    """Pack local file headers with their names and extra fields (APPNOTE 4.3.7).

    `is_plain`: see `are_plain`.
    """
    names, sizes, mtimes_s, dos_times, modes, header_offsets = members
    extras = _timestamps(mtimes_s, is_plain=is_plain)
    versions: Iterable[int] = repeat(VERSION_STORED)
    if not is_plain:
        versions = map(_version_needed, names, sizes, header_offsets)
        extras = list(map(_local_extra, extras, names, sizes, modes))
        sizes = _held_at_max_32(sizes)
    fixed = map(
        _LOCAL_FILE_HEADER.pack,
        repeat(b"PK\x03\x04"),
        versions,
        _flags(names),
        repeat(_METHOD_STORED),
        dos_times,
        crc32s,
        sizes,
        sizes,
        map(len, names),
        map(len, extras),
    )
    return map(b"".join, zip(fixed, names, extras, strict=True))


def central_directory_headers(
    members: Members, crc32s: Iterable[int], *, is_plain: bool
) -> Iterator[bytes]:
    """Pack central directory headers with their names and extra fields (APPNOTE 4.3.12).

    `is_plain`: see `are_plain`.
    """
    names, sizes, mtimes_s, dos_times, modes, header_offsets = members
    extras = _timestamps(mtimes_s, is_plain=is_plain)
    versions: Iterable[int] = repeat(VERSION_STORED)
    if is_plain:
        by_mode = {mode: _external_attributes(b"", mode) for mode in set(modes)}
        attributes = map(by_mode.__getitem__, modes)
    else:
        attributes = map(_external_attributes, names, modes)
        versions = map(_version_needed, names, sizes, header_offsets)
        extras = list(map(_central_extra, extras, names, sizes, modes, header_offsets))
        sizes, header_offsets = _held_at_max_32(sizes), _held_at_max_32(header_offsets)
    fixed = map(
        _CENTRAL_DIRECTORY_HEADER.pack,
        repeat(b"PK\x01\x02"),
        repeat(VERSION_MADE_BY),
        versions,
        _flags(names),
        repeat(_METHOD_STORED),
        dos_times,
        crc32s,
        sizes,
        sizes,
        map(len, names),
        map(len, extras),
        repeat(0),
        repeat(0),
        repeat(0),
        attributes,
        header_offsets,
    )
    return map(b"".join, zip(fixed, names, extras, strict=True))


def _flags(names: Sequence[bytes]) -> Iterable[int]:
    if b"".join(names).isascii():  # of 4,096 names 0.05 ms, one by one 0.3 ms
        return repeat(0)
    return map((_FLAG_UTF8, 0).__getitem__, map(bytes.isascii, names))


def _held_at_max_32(values: array[int]) -> array[int]:
    return array("Q", map(min, values, repeat(MAX_32)))


def _version_needed(name: bytes, size: int, header_offset: int) -> int:
    # One value for both headers, also where only the central one needs ZIP64 (for the offset):
    # 7-Zip and the strict readers compare the two field by field.
    if size >= MAX_32 or header_offset >= MAX_32:
        return VERSION_ZIP64
    return VERSION_DIRECTORY if name.endswith(b"/") else VERSION_STORED


def _external_attributes(name: bytes, mode: int) -> int:
    if name.endswith(b"/"):
        return (_UNIX_DIRECTORY | mode) << 16 | _DOS_DIRECTORY
    return (_UNIX_FILE | mode) << 16


def _local_extra(timestamp: bytes, name: bytes, size: int, mode: int) -> bytes:
    # APPNOTE 4.5.3: in the local header both sizes MUST be there.
    zip64 = _ZIP64_SIZES.pack(1, 16, size, size) if size >= MAX_32 else b""
    return zip64 + timestamp + _libarchive_attributes(name, mode)


def _central_extra(timestamp: bytes, name: bytes, size: int, mode: int, offset: int) -> bytes:
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


def _timestamps(mtimes_s: Sequence[int], *, is_plain: bool) -> list[bytes]:
    """Pack the extended timestamps, empty where one can't hold its time."""
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
    return _EXTENDED_TIMESTAMP.size if _TIMESTAMP_MIN_S <= mtime_s <= _TIMESTAMP_MAX_S else 0


def _libarchive_attributes(name: bytes, mode: int) -> bytes:
    if not mode & _EXECUTE_BITS or name.endswith(b"/"):
        return b""
    return _LIBARCHIVE_ATTRIBUTES.pack(
        0x6C78,
        _LIBARCHIVE_ATTRIBUTES.size - 4,
        _HAS_VERSION_INTERNAL_EXTERNAL,
        VERSION_MADE_BY,
        0,
        _external_attributes(name, mode),
    )
