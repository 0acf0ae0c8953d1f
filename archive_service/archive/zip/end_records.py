"""The records that end a zip archive, after the central directory (APPNOTE 4.3.14 to 4.3.16)."""

from __future__ import annotations

import struct

from archive_service.archive.zip.extra_fields import MAX_32, VERSION_MADE_BY
from archive_service.archive.zip.headers import MAX_16, VERSION_ZIP64

_ZIP64_END = struct.Struct(  # APPNOTE 4.3.14
    "<"
    "4s"  # zip64 end of central dir signature
    "Q"  # size of zip64 end of central directory record, without these 12 bytes
    "H"  # version made by
    "H"  # version needed to extract
    "L"  # number of this disk
    "L"  # number of the disk with the start of the central directory
    "Q"  # total number of entries in the central directory on this disk
    "Q"  # total number of entries in the central directory
    "Q"  # size of the central directory
    "Q"  # offset of start of central directory
)
_ZIP64_END_LOCATOR = struct.Struct(  # APPNOTE 4.3.15
    "<"
    "4s"  # zip64 end of central dir locator signature
    "L"  # number of the disk with the start of the zip64 end of central directory
    "Q"  # relative offset of the zip64 end of central directory record
    "L"  # total number of disks
)
_END = struct.Struct(  # APPNOTE 4.3.16
    "<"
    "4s"  # end of central dir signature
    "H"  # number of this disk
    "H"  # number of the disk with the start of the central directory
    "H"  # total number of entries in the central directory on this disk
    "H"  # total number of entries in the central directory
    "L"  # size of the central directory
    "L"  # offset of start of central directory
    "H"  # .ZIP file comment length
)
MOST_END_RECORDS_BYTES = _ZIP64_END.size + _ZIP64_END_LOCATOR.size + _END.size
"""The length of the records where ZIP64 is needed."""


def end_records(entries: int, directory_size: int, directory_offset: int) -> bytes:
    """Pack the records that end the archive (APPNOTE 4.3.14 to 4.3.16), ZIP64 ones if needed.

    `directory_size` and `directory_offset` are in bytes and describe the central directory.
    """
    end = _END.pack(
        b"PK\x05\x06",
        0,
        0,
        min(entries, MAX_16),
        min(entries, MAX_16),
        min(directory_size, MAX_32),
        min(directory_offset, MAX_32),
        0,
    )
    if entries < MAX_16 and directory_size < MAX_32 and directory_offset < MAX_32:
        return end
    zip64_end = _ZIP64_END.pack(
        b"PK\x06\x06",
        _ZIP64_END.size - 12,
        VERSION_MADE_BY,
        VERSION_ZIP64,
        0,
        0,
        entries,
        entries,
        directory_size,
        directory_offset,
    )
    locator = _ZIP64_END_LOCATOR.pack(b"PK\x06\x07", 0, directory_offset + directory_size, 1)
    return zip64_end + locator + end
