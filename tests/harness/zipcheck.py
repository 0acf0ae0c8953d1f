"""A strict reader of archives: every byte has to be what APPNOTE 6.3.10 and docs/format.md say.

Theory of operation.  The archive is read twice: from its first byte to its last, as from a pipe,
by signatures and the sizes in local headers alone; and backwards from its end record, by the
offsets in the central directory.  Both readings have to account for every byte and to agree field
by field.  Shares no code with what it checks.
"""

from __future__ import annotations

import mmap
import struct
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from zlib_ng import zlib_ng

ONES_16, ONES_32 = 0xFFFF, 0xFFFFFFFF
LOCAL = struct.Struct("<4sHHHHHLLLHH")  # 4.3.7
CENTRAL = struct.Struct("<4sHHHHHHLLLHHHHHLL")  # 4.3.12
ZIP64_END = struct.Struct("<4sQHHLLQQQQ")  # 4.3.14
ZIP64_LOCATOR = struct.Struct("<4sLQL")  # 4.3.15
END = struct.Struct("<4sHHHHLLH")  # 4.3.16
ZIP64, TIMESTAMP, LIBARCHIVE = 0x0001, 0x5455, 0x6C78
MADE_BY_UNIX_63 = 3 << 8 | 63
UNIX_FILE, UNIX_DIRECTORY, DOS_DIRECTORY = 0o100000, 0o040000, 0x10
BLOCK_BYTES = 16 << 20
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - DOS times know no time zone
FIRST_DOS_TIME = datetime(1980, 1, 1)  # noqa: DTZ001
LAST_TIMESTAMP = datetime(2038, 1, 19, 3, 14, 8)  # noqa: DTZ001

Buffer = bytes | mmap.mmap
Extra = list[tuple[int, bytes]]


class Violation(AssertionError):
    """The archive is not what the format says."""


def require(is_so: bool, rule: str, *details: object) -> None:
    if not is_so:
        raise Violation(": ".join([rule, *map(repr, details)]))


@dataclass(frozen=True)
class Checked:
    """An entry on which both its headers agree."""

    name: bytes
    size: int
    crc32: int
    dos_time: datetime
    timestamp: int | None
    """The extended timestamp, Unix seconds; None where the field can't hold the time."""
    permissions: int
    header_offset: int
    data_offset: int
    version_needed: int
    is_zip64: bool

    @property
    def is_directory(self) -> bool:
        return self.name.endswith(b"/")


@dataclass(frozen=True)
class Header:
    """One header, either kind, with the ZIP64 values in the places of the ones."""

    version_needed: int
    flags: int
    method: int
    time: int
    date: int
    crc32: int
    compressed_size: int
    size: int
    name: bytes
    extra: Extra
    """Without the ZIP64 field."""


@dataclass(frozen=True)
class Local:
    header: Header
    offset: int
    data_offset: int
    has_zip64: bool

    @property
    def end(self) -> int:
        return self.data_offset + self.header.compressed_size


@dataclass(frozen=True)
class Central:
    header: Header
    made_by: int
    external: int
    header_offset: int
    has_zip64: bool
    end: int


def check_file(path: Path) -> list[Checked]:
    """Check an archive on disk, the data of its entries included; return its entries in order."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as archive:
        return check(archive)


def check_mapped_structure(path: Path) -> list[Checked]:
    """Check an archive on disk, without reading the data of its entries."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as archive:
        return check_structure(archive)


def check(archive: Buffer) -> list[Checked]:
    """Check an archive, the data of its entries included; return its entries in order."""
    entries = check_structure(archive)
    for entry in entries:
        crc32 = _crc32(archive, entry.data_offset, entry.size)
        require(crc32 == entry.crc32, "4.4.7 crc-32 is that of the data", entry.name)
    return entries


def check_structure(archive: Buffer) -> list[Checked]:
    """Check all but the data of the entries, which is not read; return the entries in order."""
    local = list(_local_entries(archive))
    directory_offset = local[-1].end if local else 0
    central = list(_central_entries(archive, directory_offset))
    directory_end = central[-1].end if central else directory_offset
    _check_end(archive, directory_offset, directory_end, len(central))
    require(len(local) == len(central), "as many local as central headers")
    entries = [_agreed(*pair) for pair in zip(local, central, strict=True)]
    _check_order([entry.name for entry in entries])
    return entries


def _local_entries(archive: Buffer) -> Iterator[Local]:
    offset = 0
    while archive[offset : offset + 4] == b"PK\3\4":
        entry = _local(archive, offset)
        yield entry
        offset = entry.end


def _local(archive: Buffer, offset: int) -> Local:
    _, version, flags, method, time, date, crc32, packed, size, name_length, extra_length = (
        LOCAL.unpack_from(archive, offset)
    )
    name, extra, end = _name_and_extra(archive, offset + LOCAL.size, name_length, extra_length)
    zip64, extra = _zip64_first(extra)
    if zip64 is not None:
        # 4.5.3: the local header MUST have both sizes; and only where one overflows.
        require(packed == size == ONES_32, "4.5.3 local ZIP64 only where needed", name)
        require(len(zip64) == 16, "4.5.3 local ZIP64 has both sizes", name)
        size, packed = struct.unpack("<QQ", zip64)
        require(size >= ONES_32, "4.4.9 ZIP64 only where the size overflows", name, size)
    else:
        require(ONES_32 not in (packed, size), "4.4.8 all ones ask for ZIP64", name)
    header = Header(version, flags, method, time, date, crc32, packed, size, name, extra)
    return Local(header, offset, end, zip64 is not None)


def _central_entries(archive: Buffer, offset: int) -> Iterator[Central]:
    while archive[offset : offset + 4] == b"PK\1\2":
        entry = _central(archive, offset)
        yield entry
        offset = entry.end


def _central(archive: Buffer, offset: int) -> Central:
    fields = CENTRAL.unpack_from(archive, offset)
    _, made_by, version, flags, method, time, date, crc32, packed, size = fields[:10]
    name_length, extra_length, comment_length, disk, internal, external, header_offset = fields[10:]
    name, extra, end = _name_and_extra(archive, offset + CENTRAL.size, name_length, extra_length)
    require(comment_length == 0, "4.4.12 no comment", name)
    require(disk == 0, "4.4.13 disk number start", name)
    require(internal == 0, "4.4.14 internal attributes", name)
    zip64, extra = _zip64_first(extra)
    values = iter(struct.unpack(f"<{len(zip64) // 8}Q", zip64)) if zip64 is not None else iter(())
    require(packed == size, "4.4.8 stored: both sizes are equal", name)
    try:
        # 4.5.3: in this order, and only those whose field is all ones.
        size = _widened(size, values)
        packed = _widened(packed, values)
        header_offset = _widened(header_offset, values)
    except StopIteration:
        raise Violation(f"4.5.3 a value is missing in ZIP64: {name!r}") from None
    require(next(values, None) is None, "4.5.3 ZIP64 has values that no field asks for", name)
    require(zip64 is None or len(zip64) > 0, "4.5.3 an empty ZIP64 field", name)
    header = Header(version, flags, method, time, date, crc32, packed, size, name, extra)
    return Central(header, made_by, external, header_offset, zip64 is not None, end)


def _widened(value: int, wide: Iterator[int]) -> int:
    if value != ONES_32:
        return value
    value = next(wide)
    require(value >= ONES_32, "4.5.3 ZIP64 only where the field overflows", value)
    return value


def _name_and_extra(
    archive: Buffer, offset: int, name_length: int, extra_length: int
) -> tuple[bytes, Extra, int]:
    name = archive[offset : offset + name_length]
    start = offset + name_length
    end = start + extra_length
    require(end <= len(archive), "a header within the archive", name)
    return name, list(_extra_fields(archive[start:end])), end


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(extra):
        require(position + 4 <= len(extra), "4.5.1 extra field: header", extra)
        tag, size = struct.unpack_from("<HH", extra, position)
        position += 4 + size
        require(position <= len(extra), "4.5.1 extra field: data", extra)
        yield tag, extra[position - size : position]


def _zip64_first(extra: Extra) -> tuple[bytes | None, Extra]:
    """Take the ZIP64 field off, which Windows Explorer finds in the first place only."""
    if extra and extra[0][0] == ZIP64:
        return extra[0][1], extra[1:]
    return None, extra


def _agreed(local: Local, central: Central) -> Checked:
    header = local.header
    require(header == central.header, "local and central agree", header, central.header)
    require(local.offset == central.header_offset, "4.4.16 relative offset", header.name)
    permissions = _check_attributes(central)
    _check_shared(header, permissions, is_zip64=local.has_zip64 or central.has_zip64)
    return Checked(
        name=header.name,
        size=header.size,
        crc32=header.crc32,
        dos_time=_dos_time(header),
        timestamp=_timestamp(header),
        permissions=permissions,
        header_offset=local.offset,
        data_offset=local.data_offset,
        version_needed=header.version_needed,
        is_zip64=local.has_zip64 or central.has_zip64,
    )


def _check_attributes(central: Central) -> int:
    name, external = central.header.name, central.external
    is_directory = name.endswith(b"/")
    require(central.made_by == MADE_BY_UNIX_63, "4.4.2 version made by", name)
    require(external & 0xFFFF == (DOS_DIRECTORY if is_directory else 0), "4.4.15 DOS", name)
    mode = external >> 16
    kind = UNIX_DIRECTORY if is_directory else UNIX_FILE
    require(mode & ~0o777 == kind, "4.4.15 Unix mode: kind, no set-id bits", name, oct(mode))
    require(mode & 0o600 == 0o600, "the owner may read and write", name, oct(mode))
    return mode & 0o777


def _check_shared(header: Header, permissions: int, *, is_zip64: bool) -> None:
    name, is_directory = header.name, header.name.endswith(b"/")
    version = 45 if is_zip64 else 20 if is_directory else 10
    require(header.version_needed == version, "4.4.3.2 version needed", name, header)
    # Bit 3 would put sizes and CRC behind the data; bit 11 is Appendix D's.
    require(header.flags == (0 if name.isascii() else 1 << 11), "4.4.4 flags", name, header)
    require(header.method == 0, "4.4.5 method stored", name)
    require(header.compressed_size == header.size, "4.4.8 stored: both sizes are equal", name)
    if is_directory:
        require(header.size == header.crc32 == 0, "4.3.8 a directory has no data", name)
    _check_name(name)
    _check_extra(header, permissions)
    _check_times(header)


def _check_name(name: bytes) -> None:
    text = name.decode()
    require(text == unicodedata.normalize("NFC", text), "names are NFC", text)
    components = text.removesuffix("/").split("/")
    require(not {"", ".", ".."} & set(components), "4.4.17 a name that stays inside", text)


def _check_extra(header: Header, permissions: int) -> None:
    is_executable = permissions & 0o111 and not header.name.endswith(b"/")
    tags = [tag for tag, _ in header.extra if tag != TIMESTAMP]
    require(tags == [LIBARCHIVE] * bool(is_executable), "extra fields", header.name, header.extra)
    if is_executable:
        attributes = struct.pack("<BHHL", 7, MADE_BY_UNIX_63, 0, (UNIX_FILE | permissions) << 16)
        require(header.extra[-1][1] == attributes, "libarchive's attributes", header.name)


def _check_times(header: Header) -> None:
    """The DOS time, in UTC here, is that of the timestamp, within its range and step."""
    dos, timestamp = _dos_time(header), _timestamp(header)
    if timestamp is None:  # before 1970, or from 2038 on
        is_beyond = dos == FIRST_DOS_TIME or dos >= LAST_TIMESTAMP
        require(is_beyond, "0x5455 stands where it can hold the time", header.name, dos)
        return
    step = max(EPOCH + timedelta(seconds=timestamp - timestamp % 2), FIRST_DOS_TIME)
    require(dos == step, "4.4.6 both times are of one moment", header.name, dos, step)


def _dos_time(header: Header) -> datetime:
    time, date = header.time, header.date
    try:
        return datetime(  # noqa: DTZ001 - local by convention
            (date >> 9) + 1980,
            date >> 5 & 15,
            date & 31,
            time >> 11,
            time >> 5 & 63,
            (time & 31) * 2,
        )
    except ValueError:
        raise Violation(f"4.4.6 no moment: {header.name!r}") from None


def _timestamp(header: Header) -> int | None:
    if TIMESTAMP not in dict(header.extra):
        return None
    tag, data = header.extra[0]
    require(tag == TIMESTAMP, "0x5455 stands before other fields", header.name)
    require(len(data) == 5 and data[0] == 1, "0x5455 has the mtime alone", header.name, data)
    timestamp = int.from_bytes(data[1:], "little")
    require(timestamp < 1 << 31, "0x5455 has 31 bits, whose sign is no matter", header.name, data)
    return timestamp


def _check_order(names: Sequence[bytes]) -> None:
    require(all(a < b for a, b in pairwise(names)), "in order of their bytes")


def _check_end(archive: Buffer, offset: int, end: int, entries: int) -> None:
    size = end - offset
    if entries >= ONES_16 or size >= ONES_32 or offset >= ONES_32:
        _check_zip64_end(archive, offset, end, entries)
        end += ZIP64_END.size + ZIP64_LOCATOR.size
    require(len(archive) - end == END.size, "the end record is what is left", len(archive) - end)
    short = min(entries, ONES_16)
    expected = (b"PK\5\6", 0, 0, short, short, min(size, ONES_32), min(offset, ONES_32), 0)
    found = END.unpack_from(archive, end)
    require(found == expected, "4.3.16 end of central directory", found, expected)


def _check_zip64_end(archive: Buffer, offset: int, end: int, entries: int) -> None:
    require(len(archive) >= end + ZIP64_END.size + ZIP64_LOCATOR.size, "4.3.14 ZIP64 end records")
    found = ZIP64_END.unpack_from(archive, end)
    rest = ZIP64_END.size - 12  # 4.3.14.1
    expected = (
        *(b"PK\6\6", rest, MADE_BY_UNIX_63, 45, 0, 0),
        *(entries, entries, end - offset, offset),
    )
    require(found == expected, "4.3.14 ZIP64 end of central directory", found, expected)
    locator = ZIP64_LOCATOR.unpack_from(archive, end + ZIP64_END.size)
    require(locator == (b"PK\6\7", 0, end, 1), "4.3.15 ZIP64 locator", locator)


def _crc32(archive: Buffer, offset: int, size: int) -> int:
    crc32 = 0
    for start in range(offset, offset + size, BLOCK_BYTES):
        crc32 = zlib_ng.crc32(archive[start : min(start + BLOCK_BYTES, offset + size)], crc32)
    return crc32
