"""The headers of a zip archive's entries, APPNOTE 6.3.10: stored, of known CRC-32.

Theory of operation.  An archive is

    [local file header, file data] ...  [central directory header] ...  [end records]

Every function here is pure and takes offsets and sizes as plain arguments, so the 4 GiB edges are
unit tests.  The length of a record never depends on a CRC-32, so `stat` alone completes a layout,
and a record can be packed at any time once its CRC-32 is known.  The length does depend on the
modification time: an entry has no extended timestamp where that can't hold its time.

ZIP64 is used per record and only where a field overflows, see `extra_fields`.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import add
from typing import NamedTuple

from archive_service.archive.long_columns import distinct, greatest, least
from archive_service.archive.zip.extra_fields import (
    EXECUTE_BITS,
    MAX_32,
    TIMESTAMP_MAX_S,
    TIMESTAMP_MIN_S,
    VERSION_MADE_BY,
    central_extra,
    external_attributes,
    local_extra,
    local_extra_length,
    timestamps,
    zip64_offset_length,
)

MAX_16 = 0xFFFF
MAX_NAME_BYTES = MAX_16

VERSION_STORED, VERSION_DIRECTORY, VERSION_ZIP64 = 10, 20, 45  # APPNOTE 4.4.3.2
# APPNOTE 4.4.4, "language encoding flag"; appendix D.  ASCII names don't need it, and the oldest
# readers don't know it.
_FLAG_UTF8 = 1 << 11
_METHOD_STORED = 0  # APPNOTE 4.4.5

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


class Members(NamedTuple):
    """Entries of an archive, as their headers describe them: columns, in the archive's order.

    `map` packs whole columns in C; a Python call for each entry takes twice the time.
    """

    names: Sequence[bytes]
    """UTF-8; a trailing slash marks a directory."""
    sizes: array[int]
    """Bytes of file data."""
    mtimes_s: Sequence[int]
    """Modification times, Unix seconds."""
    dos_times: array[int]
    """The same in local time, as the headers hold them; see `dos_times`."""
    modes: array[int]
    """Unix permission bits."""
    header_offsets: array[int]
    """Where the local file headers start, bytes from the start of the archive."""


def local_file_header_length(name: bytes, size: int, mode: int, mtime_s: int) -> int:
    """Return the length of a local file header, in bytes, without packing it."""
    return _LOCAL_FILE_HEADER.size + len(name) + local_extra_length(name, size, mode, mtime_s)


def central_directory_header_length(local_length: int, size: int, header_offset: int) -> int:
    """Return the length of a central directory header, given that of the local one."""
    longer = _CENTRAL_DIRECTORY_HEADER.size - _LOCAL_FILE_HEADER.size
    return local_length + longer + zip64_offset_length(size, header_offset)


def are_plain(sizes: array[int], modes: array[int], mtimes_s: Sequence[int]) -> bool:
    """Return whether all are files with data and a timestamp, without ZIP64 sizes or execute bits.

    The caller checks the offsets: ZIP64 ones are not plain either.
    """
    return (
        0 < least(sizes, default=1) <= greatest(sizes, default=1) < MAX_32
        and not any(mode & EXECUTE_BITS for mode in distinct(modes))
        and least(mtimes_s, default=0) >= TIMESTAMP_MIN_S
        and greatest(mtimes_s, default=0) <= TIMESTAMP_MAX_S
    )


def local_file_header_lengths(
    names: Sequence[bytes],
    sizes: array[int],
    modes: array[int],
    mtimes_s: Sequence[int],
    *,
    is_plain: bool,
) -> Iterable[int]:
    """Return the length of each entry's local file header; `is_plain`: see `are_plain`."""
    if is_plain:
        return map(add, map(len, names), repeat(local_file_header_length(b"", 0, 0, 0)))
    return map(local_file_header_length, names, sizes, modes, mtimes_s)


def central_directory_header_lengths(
    local_lengths: Sequence[int], sizes: array[int], header_offsets: array[int], *, is_plain: bool
) -> Iterable[int]:
    """Return the length of each entry's central directory header; `is_plain`: see `are_plain`.

    `header_offsets` are ascending; one more may follow, the end of the last entry.
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
    extras = timestamps(mtimes_s, is_plain=is_plain)
    versions: Iterable[int] = repeat(VERSION_STORED)
    if not is_plain:
        versions = map(_version_needed, names, sizes, header_offsets)
        extras = list(map(local_extra, extras, names, sizes, modes))
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
    extras = timestamps(mtimes_s, is_plain=is_plain)
    versions: Iterable[int] = repeat(VERSION_STORED)
    attributes = _attributes(names, modes, is_plain=is_plain)
    if not is_plain:
        versions = map(_version_needed, names, sizes, header_offsets)
        extras = list(map(central_extra, extras, names, sizes, modes, header_offsets))
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


def _attributes(names: Sequence[bytes], modes: array[int], *, is_plain: bool) -> Iterable[int]:
    if not is_plain:
        return map(external_attributes, names, modes)
    by_mode = {mode: external_attributes(b"", mode) for mode in set(modes)}
    return map(by_mode.__getitem__, modes)


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
