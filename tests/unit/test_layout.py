"""Layouts as plain arithmetic, at sizes no disk is asked for."""

from __future__ import annotations

from datetime import timedelta, timezone, tzinfo

import pytest
from harness.listings import listing_of

from archive_service.archive.entry_columns import archived_mode
from archive_service.archive.errors import ArchiveTooLarge, StorageUnavailable
from archive_service.archive.layout import (
    MAX_ARCHIVE_BYTES,
    MAX_ENTRIES_PER_SEGMENT,
    ArchiveLayout,
    lay_out,
)
from archive_service.archive.segments import CentralHeaders, EndRecords, Entries, FileData, Segment
from archive_service.archive.zip.extra_fields import MAX_32
from archive_service.archive.zip.headers import MAX_16

LARGE_FILE_BYTES = 500


def layout_of(*files: tuple[bytes, int], zone: tzinfo = timezone.utc) -> ArchiveLayout:
    paths = [name for name, _ in files]
    listing = listing_of(paths, [size for _, size in files])
    return lay_out(listing, paths, range(len(paths)), zone=zone, large_file_bytes=LARGE_FILE_BYTES)


def segments(
    layout: ArchiveLayout, start: int = 0, stop: int | None = None, *, piece_bytes: int = 1000
) -> list[Segment]:
    end = len(layout) if stop is None else stop
    return list(layout.segments(start, end, piece_bytes=lambda: piece_bytes))


def assert_seamless(found: list[Segment], start: int, stop: int) -> None:
    assert [segment.start for segment in found] + [stop] == [start] + [s.stop for s in found]


def test_an_empty_album_is_an_end_record_alone() -> None:
    layout = layout_of()
    assert len(layout) == 22
    assert segments(layout) == [EndRecords(0, 22)]


def test_entries_are_in_the_order_of_their_bytes() -> None:
    layout = layout_of((b"b", 1), (b"a/z", 1), ("я".encode(), 1), (b"a.jpg", 1))
    assert layout.names == [b"a.jpg", b"a/z", b"b", "я".encode()]
    assert list(layout.sources) == [3, 1, 0, 2]


@pytest.mark.parametrize("count", [MAX_16 - 1, MAX_16, MAX_16 + 1])
def test_zip64_end_records_from_65535_entries_on(count: int) -> None:
    layout = layout_of(*((b"%05d" % number, 0) for number in range(count)))
    assert len(layout.end_records) == (22 if count < MAX_16 else 98)
    assert_seamless(segments(layout, piece_bytes=10**6), 0, len(layout))


@pytest.mark.parametrize("size", [2**31, MAX_32 - 1, MAX_32, MAX_32 + 1, 2**40])
def test_length_is_the_sum_of_the_segments_at_every_edge_of_size(size: int) -> None:
    layout = layout_of((b"a", size), (b"b", 7), (b"c", size))
    assert_seamless(segments(layout, piece_bytes=10**6), 0, len(layout))


def test_an_archive_is_as_long_as_a_file_may_be_and_no_longer() -> None:
    overhead = len(layout_of((b"a", 2**62))) - 2**62
    largest = MAX_ARCHIVE_BYTES - overhead
    assert len(layout_of((b"a", largest))) == MAX_ARCHIVE_BYTES
    for files in ([largest + 1], [MAX_ARCHIVE_BYTES], [2**62, 2**62], [2**63 - 1] * 3):
        with pytest.raises(ArchiveTooLarge):
            layout_of(*((b"%d" % number, size) for number, size in enumerate(files)))


def test_an_offset_at_4_gib_makes_only_that_record_zip64() -> None:
    header = 30 + 1 + 9
    for size, extra in ((MAX_32 - header - 1, 0), (MAX_32 - header, 12)):
        layout = layout_of((b"a", size), (b"b", 7))
        assert layout.header_offsets[1] == header + size
        assert layout.central_offsets[1] - layout.central_offsets[0] == 46 + 1 + 9
        assert layout.central_offsets[2] - layout.central_offsets[1] == 46 + 1 + 9 + extra


def test_a_range_in_the_middle_starts_without_walking_there() -> None:
    layout = layout_of(*((b"%07d" % number, 100) for number in range(1000)))
    offset = layout.header_offsets[500]
    first = segments(layout, offset + 3)[0]
    assert first == Entries(offset + 3, layout.header_offsets[506])


def test_a_range_of_the_directory_alone_is_of_central_headers() -> None:
    layout = layout_of((b"a", 3), (b"b", 4))
    start = layout.central_offsets[1]
    assert segments(layout, start, start + 2) == [CentralHeaders(start, start + 2)]
    assert layout.central_headers_between(start, start + 2) == range(1, 2)


def test_large_data_is_a_segment_of_its_own() -> None:
    layout = layout_of((b"a", 10), (b"b", 500), (b"c", 499))
    assert [type(s) for s in segments(layout)] == [
        Entries,  # a, and the header of b
        FileData,
        Entries,
        CentralHeaders,
        EndRecords,
    ]
    assert segments(layout)[1] == FileData(layout.data_offset(1), layout.header_offsets[2], 1)
    assert [layout.is_large(entry) for entry in range(3)] == [False, True, False]


def test_a_range_within_large_data_names_that_entry() -> None:
    layout = layout_of((b"a", 900), (b"b", 900))
    start = layout.data_offset(1) + 7
    assert segments(layout, start, start + 1) == [FileData(start, start + 1, 1)]


@pytest.mark.parametrize("piece_bytes", [1, 1000, 10**9])
def test_segments_are_bounded_in_bytes_and_entries(piece_bytes: int) -> None:
    layout = layout_of(*((b"%07d" % number, 50) for number in range(3000)))
    found = segments(layout, piece_bytes=piece_bytes)
    assert_seamless(found, 0, len(layout))
    for segment in found[:-1]:
        by_offset = {
            Entries: layout.entries_between,
            CentralHeaders: layout.central_headers_between,
        }
        count = len(by_offset[type(segment)](segment.start, segment.stop))
        assert count <= MAX_ENTRIES_PER_SEGMENT
        assert count == 1 or segment.stop - segment.start <= piece_bytes


def test_a_name_that_no_zip_can_hold_is_refused() -> None:
    layout_of((b"n" * 65535, 0))
    with pytest.raises(StorageUnavailable, match="name too long"):
        layout_of((b"n" * 65536, 0))


@pytest.mark.parametrize(
    ("name", "mode", "archived"),
    [
        (b"a", 0o644, 0o644),
        (b"a", 0o4755, 0o755),
        (b"a", 0o000, 0o600),
        (b"d/", 0o1777, 0o777),
        (b"d/", 0o555, 0o755),
        (b"d/", 0o000, 0o700),
    ],
)
def test_the_owner_may_always_use_the_copy(name: bytes, mode: int, archived: int) -> None:
    assert archived_mode(name, mode) == archived


def test_directories_are_told_from_files() -> None:
    layout = layout_of((b"a/", 0), (b"b", 1))
    assert list(layout.files()) == [1]


def test_each_of_several_large_files_is_large() -> None:
    layout = layout_of((b"a", 900), (b"b", 900), (b"c", 9), (b"d", 900))
    assert [layout.is_large(entry) for entry in range(4)] == [True, True, False, True]


def test_headers_are_of_the_layouts_time_zone() -> None:
    east = layout_of((b"a", 1), zone=timezone(timedelta(hours=10)))
    utc = layout_of((b"a", 1))
    assert east.local_file_header(0, 0) != utc.local_file_header(0, 0)
    of_east, of_utc = (each.central_directory_headers(range(1), [0]) for each in (east, utc))
    assert list(of_east) != list(of_utc)
    assert len(east) == len(utc)


@pytest.mark.parametrize("length", [1, 20, 85])
def test_what_stands_before_large_data_is_cut_to_the_range(length: int) -> None:
    layout = layout_of((b"a", 10), (b"b", 900))
    assert segments(layout, 5, 5 + length) == [Entries(5, 5 + length)]


def test_what_stands_before_large_data_is_cut_to_the_piece() -> None:
    layout = layout_of((b"a", 100), (b"b", 100), (b"c", 900))
    found = segments(layout, piece_bytes=150)
    ends = [*layout.header_offsets[1:3], layout.data_offset(2), layout.header_offsets[3]]
    assert [segment.stop for segment in found[:4]] == ends


def test_all_that_stands_in_an_archive_is_all_of_its_entries() -> None:
    layout = layout_of((b"a", 10), (b"b", 20))
    assert layout.entries_between(0, len(layout)) == range(2)
    assert layout.central_headers_between(layout.central_offsets[0], len(layout)) == range(2)
