"""The records against APPNOTE 6.3.10, at the edges where a field overflows."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator
from datetime import timedelta, timezone, tzinfo

import pytest

from archive_service.archive.zip import headers
from archive_service.archive.zip.dos_time import dos_times
from archive_service.archive.zip.end_records import end_records
from archive_service.archive.zip.extra_fields import MAX_32
from archive_service.archive.zip.headers import MAX_16, Members

UTC = timezone.utc
LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
SHARED_FIELDS = slice(0, 9)  # version needed … file name length, APPNOTE 4.4


def member(
    name: bytes = b"1.jpg",
    size: int = 5,
    mode: int = 0o644,
    offset: int = 0,
    mtime_s: int = 10**9,
    zone: tzinfo = UTC,
) -> Members:
    return Members(
        [name],
        array("Q", [size]),
        [mtime_s],
        dos_times([mtime_s], zone),
        array("H", [mode]),
        array("Q", [offset]),
    )


def all_plain(described: Members) -> bool:
    is_small = max(described.header_offsets) < MAX_32
    return is_small and headers.are_plain(described.sizes, described.modes, described.mtimes_s)


def local_file_header(described: Members, crc32: int = 0) -> bytes:
    [header] = headers.local_file_headers(described, [crc32], is_plain=all_plain(described))
    return header


def central_directory_header(described: Members, crc32: int = 0) -> bytes:
    [header] = headers.central_directory_headers(described, [crc32], is_plain=all_plain(described))
    return header


def local_fields(header: bytes) -> tuple[int, ...]:
    return LOCAL.unpack_from(header)[1:]


def central_fields(header: bytes) -> tuple[int, ...]:
    return CENTRAL.unpack_from(header)[1:]


def extra_fields(header: bytes, fixed: struct.Struct, name: bytes) -> dict[int, bytes]:
    extra, found, position = header[fixed.size + len(name) :], {}, 0
    while position < len(extra):
        tag, size = struct.unpack_from("<HH", extra, position)
        found[tag] = extra[position + 4 : position + 4 + size]
        position += 4 + size
    assert position == len(extra)
    return found


@pytest.mark.parametrize(
    "described",
    [
        member(),
        member(name="Свадьба.jpg".encode()),
        member(name=b"empty/", size=0, mode=0o755),
        member(mode=0o755),
        *(member(size=MAX_32 + d) for d in (-1, 0, 1)),
        *(member(offset=MAX_32 + d) for d in (-1, 0, 1)),
        *(member(mtime_s=mtime_s) for mtime_s in (-1, 0, 2**31 - 1, 2**31)),
        member(size=MAX_32, mtime_s=-1, mode=0o755),
        member(size=MAX_32, offset=MAX_32),
        member(size=2**40, offset=2**41, mode=0o777),
    ],
)
class TestBothHeaders:
    def test_agree_in_every_field_that_both_have(self, described: Members) -> None:
        local = local_file_header(described, 0x12345678)
        central = central_directory_header(described, 0x12345678)
        assert local_fields(local)[SHARED_FIELDS] == central_fields(central)[1:10]
        ours = extra_fields(local, LOCAL, described.names[0])
        theirs = extra_fields(central, CENTRAL, described.names[0])
        ours.pop(1, None), theirs.pop(1, None)
        assert ours == theirs

    def test_have_the_length_that_the_layout_counts_on(self, described: Members) -> None:
        [name], [size], [mtime_s], _, [mode], [offset] = described
        local = local_file_header(described)
        central = central_directory_header(described)
        assert len(local) == headers.local_file_header_length(name, size, mode, mtime_s)
        assert len(central) == headers.central_directory_header_length(len(local), size, offset)

    def test_have_a_length_that_no_crc_changes(self, described: Members) -> None:
        lengths = {len(local_file_header(described, crc32)) for crc32 in (0, 1, MAX_32)}
        assert len(lengths) == 1

    def test_never_set_bit_3_and_are_stored(self, described: Members) -> None:
        _, flags, method, *_ = local_fields(local_file_header(described))
        assert not flags & 1 << 3  # APPNOTE 4.4.4
        assert method == 0


@pytest.mark.parametrize(
    ("size", "offset", "local_zip64", "central_zip64", "version"),
    [
        # APPNOTE 4.5.3: only the fields that are all ones, in this order; 4.4.3.2 for the version.
        (MAX_32 - 1, 0, b"", b"", 10),
        (MAX_32, 0, "QQ", "QQ", 45),
        (MAX_32 + 1, 0, "QQ", "QQ", 45),
        (5, MAX_32 - 1, b"", b"", 10),
        (5, MAX_32, b"", "Q", 45),
        (5, MAX_32 + 1, b"", "Q", 45),
        (MAX_32, MAX_32, "QQ", "QQQ", 45),
        (2**31, 2**31, b"", b"", 10),
    ],
)
def test_zip64_stands_exactly_where_a_field_overflows(
    size: int, offset: int, local_zip64: str, central_zip64: str, version: int
) -> None:
    described = member(size=size, offset=offset)
    local = local_file_header(described)
    central = central_directory_header(described)
    values = {"QQ": (size, size), "Q": (offset,), "QQQ": (size, size, offset)}

    def expected(kind: str) -> bytes | None:
        return struct.pack("<" + kind, *values[kind]) if kind else None

    assert extra_fields(local, LOCAL, described.names[0]).get(1) == expected(local_zip64)
    assert extra_fields(central, CENTRAL, described.names[0]).get(1) == expected(central_zip64)
    assert local_fields(local)[0] == version
    assert local_fields(local)[6:8] == (min(size, MAX_32),) * 2
    assert central_fields(central)[-1] == min(offset, MAX_32)


def test_zip64_comes_first_among_the_extra_fields() -> None:
    """Windows Explorer looks nowhere else."""
    described = member(size=MAX_32, mode=0o755)
    for header, fixed in (
        (local_file_header(described), LOCAL),
        (central_directory_header(described), CENTRAL),
    ):
        assert list(extra_fields(header, fixed, described.names[0])) == [1, 0x5455, 0x6C78]


@pytest.mark.parametrize(
    ("entries", "size", "offset", "is_zip64"),
    [
        (0, 0, 0, False),
        (MAX_16 - 1, 100, 100, False),
        (MAX_16, 100, 100, True),
        (MAX_16 + 1, 100, 100, True),
        (1, MAX_32 - 1, 0, False),
        (1, MAX_32, 0, True),
        (1, 100, MAX_32 - 1, False),
        (1, 100, MAX_32, True),
        (1, 100, MAX_32 + 1, True),
    ],
)
def test_end_records_use_zip64_exactly_where_a_field_overflows(
    entries: int, size: int, offset: int, is_zip64: bool
) -> None:
    """APPNOTE 4.4.21 to 4.4.24."""
    packed = end_records(entries, size, offset)
    end = struct.unpack("<4s4H2LH", packed[-22:])
    on_disk, total = min(entries, MAX_16), min(entries, MAX_16)
    assert end == (b"PK\5\6", 0, 0, on_disk, total, min(size, MAX_32), min(offset, MAX_32), 0)
    assert len(packed) == (22 + 20 + 56 if is_zip64 else 22)
    if is_zip64:
        zip64 = struct.unpack_from("<4sQHHLLQQQQ", packed)
        assert zip64 == (b"PK\6\6", 44, 3 << 8 | 63, 45, 0, 0, entries, entries, size, offset)
        assert struct.unpack_from("<4sLQL", packed, 56) == (b"PK\6\7", 0, offset + size, 1)


@pytest.mark.parametrize(("name", "flag"), [(b"1.jpg", 0), ("ж.jpg".encode(), 1 << 11)])
def test_bit_11_is_set_where_the_name_is_not_ascii(name: bytes, flag: int) -> None:
    """APPNOTE appendix D."""
    assert local_fields(local_file_header(member(name)))[1] == flag


def test_a_directory_is_marked_for_unix_and_dos() -> None:
    """APPNOTE 4.4.15, 4.4.3.2."""
    header = central_directory_header(member(b"d/", size=0, mode=0o755))
    fields = central_fields(header)
    assert fields[1] == 20
    assert fields[-2] == 0o40755 << 16 | 0x10


@pytest.mark.parametrize(
    ("mtime_s", "is_held"),
    [
        (-(2**63), False),
        (-1, False),
        (0, True),
        (1, True),
        (2**31 - 1, True),
        (2**31, False),
        (2**32, False),
        (2**63, False),
    ],
)
def test_the_extended_timestamp_stands_where_it_can_hold_the_time(
    mtime_s: int, is_held: bool
) -> None:
    """Readers disagree on its sign, so outside of 31 bits the field is left out."""
    described = member(mtime_s=mtime_s)
    expected = {0x5455: struct.pack("<BL", 1, mtime_s)} if is_held else {}
    for header, fixed in (
        (local_file_header(described), LOCAL),
        (central_directory_header(described), CENTRAL),
    ):
        assert extra_fields(header, fixed, described.names[0]) == expected


def test_a_directory_without_execute_bits_is_one_all_the_same() -> None:
    """APPNOTE 4.4.3.2."""
    described = member(b"d/", size=0, mode=0o600)
    assert local_fields(local_file_header(described))[0] == 20
    assert central_fields(central_directory_header(described))[1] == 20


def test_dos_times_are_of_the_time_zone() -> None:
    """APPNOTE 4.4.6; 2001-09-09 01:46:40 UTC is an hour later to the east."""
    for zone, hour in ((UTC, 1), (timezone(timedelta(hours=10)), 11)):
        assert local_fields(local_file_header(member(zone=zone)))[3] >> 11 == hour
        assert central_fields(central_directory_header(member(zone=zone)))[4] >> 11 == hour


@pytest.mark.parametrize("make", [headers.local_file_headers, headers.central_directory_headers])
def test_what_all_plain_is_packed_like_what_is_not(make: Callable[..., Iterator[bytes]]) -> None:
    described = Members(
        [b"1.jpg", "Свадьба.jpg".encode()],
        array("Q", [1, MAX_32 - 1]),
        [0, 2**31 - 1],
        dos_times([0, 2**31 - 1], UTC),
        array("H", [0o644, 0o600]),
        array("Q", [0, MAX_32 - 1]),
    )
    assert all_plain(described)
    plain, general = (
        list(make(described, [1, 2], is_plain=is_plain)) for is_plain in (True, False)
    )
    assert plain == general
