"""Layouts as plain arithmetic, at sizes no disk is asked for."""

from __future__ import annotations

from array import array
from datetime import timezone

import pytest

from archive_service.layout import ArchiveLayout, archived_mode, in_archive_order, lay_out
from archive_service.listing import CHANGE_TOKEN_SIZE, Listing
from archive_service.segments import (
    MAX_SEGMENTS_PER_BATCH,
    CentralHeader,
    EndRecords,
    FileData,
    LocalHeader,
    batched,
    segment_length,
)
from archive_service.zipformat.records import MAX_16, MAX_32


def layout_of(*files: tuple[bytes, int]) -> ArchiveLayout:
    paths = [name for name, _ in files]
    listing = Listing(
        paths,
        array("Q", [size for _, size in files]),
        array("q", [0] * len(files)),
        array("H", [0o644] * len(files)),
        bytes(CHANGE_TOKEN_SIZE * len(files)),
        0,
        0,
    )
    return lay_out(listing, paths, in_archive_order(paths, range(len(paths))), timezone.utc)


def test_an_empty_album_is_an_end_record_alone() -> None:
    layout = layout_of()
    assert len(layout) == 22
    assert list(layout.slice(0, 22)) == [EndRecords(0, 22)]


def test_entries_are_in_the_order_of_their_bytes() -> None:
    layout = layout_of((b"b", 1), (b"a/z", 1), ("я".encode(), 1), (b"a.jpg", 1))
    assert [layout.names[source] for source in layout.sources] == [
        b"a.jpg",
        b"a/z",
        b"b",
        "я".encode(),
    ]


@pytest.mark.parametrize("count", [MAX_16 - 1, MAX_16, MAX_16 + 1])
def test_zip64_end_records_from_65535_entries_on(count: int) -> None:
    layout = layout_of(*((b"%05d" % number, 0) for number in range(count)))
    assert len(layout.end_records) == (22 if count < MAX_16 else 98)
    assert sum(map(segment_length, layout.slice(0, len(layout)))) == len(layout)


@pytest.mark.parametrize("size", [2**31, MAX_32 - 1, MAX_32, MAX_32 + 1, 2**40])
def test_length_is_the_sum_of_the_segments_at_every_edge_of_size(size: int) -> None:
    layout = layout_of((b"a", size), (b"b", 7), (b"c", size))
    assert sum(map(segment_length, layout.slice(0, len(layout)))) == len(layout)


def test_an_offset_at_4_gib_makes_only_that_record_zip64() -> None:
    header = 30 + 1 + 9
    for size, extra in ((MAX_32 - header - 1, 0), (MAX_32 - header, 12)):
        layout = layout_of((b"a", size), (b"b", 7))
        assert layout.header_offsets[1] == header + size
        assert layout.central_offsets[1] - layout.central_offsets[0] == 46 + 1 + 9
        assert layout.central_offsets[2] - layout.central_offsets[1] == 46 + 1 + 9 + extra


def test_a_slice_in_the_middle_starts_without_walking_there() -> None:
    layout = layout_of(*((b"%07d" % number, 100) for number in range(1000)))
    offset = layout.header_offsets[500]
    first = next(layout.slice(offset + 3, len(layout)))
    assert first == LocalHeader(500, 3, 30 + 7 + 9)


def test_a_slice_of_the_directory_alone_names_central_headers() -> None:
    layout = layout_of((b"a", 3), (b"b", 4))
    start = layout.central_offsets[1]
    assert list(layout.slice(start, start + 2)) == [CentralHeader(1, 0, 2)]


def test_an_empty_file_has_data_to_be_checked_and_a_directory_has_none() -> None:
    layout = layout_of((b"d/", 0), (b"empty", 0))
    entries = list(layout.slice(0, layout.header_offsets[-1]))
    assert [type(segment) for segment in entries] == [LocalHeader, LocalHeader, FileData]


def test_a_name_that_no_zip_can_hold_is_refused() -> None:
    layout_of((b"n" * 65535, 0))
    with pytest.raises(ValueError, match="65,535"):
        layout_of((b"n" * 65536, 0))


@pytest.mark.parametrize(
    ("name", "mode", "archived"),
    [
        (b"a", 0o644, 0o644),
        (b"a", 0o4755, 0o755),
        (b"a", 0o000, 0o600),
        (b"d/", 0o1777, 0o777),
        (b"d/", 0o555, 0o755),
    ],
)
def test_the_owner_may_always_use_the_copy(name: bytes, mode: int, archived: int) -> None:
    assert archived_mode(name, mode) == archived


def test_large_files_stand_alone_and_the_rest_is_batched() -> None:
    layout = layout_of((b"a", 10), (b"b", 1000), (b"c", 10))
    groups = list(
        batched(
            layout.slice(0, len(layout)),
            is_large=lambda entry: layout.size(entry) > 100,
            batch_bytes=lambda: 10**6,
        )
    )
    assert [type(group) for group in groups] == [list, FileData, list]
    flat = [s for group in groups for s in (group if isinstance(group, list) else [group])]
    assert flat == list(layout.slice(0, len(layout)))


def test_batches_are_bounded_in_bytes_and_in_segments() -> None:
    layout = layout_of(*((b"%07d" % number, 50) for number in range(2000)))
    segments = list(layout.slice(0, len(layout)))
    for limit in (1, 1000, 10**9):
        groups = list(
            batched(segments, is_large=lambda entry: False, batch_bytes=lambda limit=limit: limit)
        )
        assert [s for group in groups for s in group] == segments
        for group in groups:
            assert isinstance(group, list)
            assert len(group) <= MAX_SEGMENTS_PER_BATCH
            assert len(group) == 1 or sum(map(segment_length, group)) <= limit
