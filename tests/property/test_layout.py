"""What holds for every archive: its length, its slices, and that a reader reads it back."""

from __future__ import annotations

import io
import zipfile
from datetime import timezone
from zlib import crc32

from harness.listings import listing_of
from hypothesis import given
from hypothesis import strategies as st

from archive_service.archive.layout import ArchiveLayout, lay_out
from archive_service.archive.segments import CentralHeaders, EndRecords, FileData, Segment

NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/"), min_size=1)
ALBUMS = st.dictionaries(NAMES, st.binary(max_size=40), max_size=6)
MTIMES_NS = st.integers(-(2**62), 2**62)


def laid_out(album: dict[str, bytes], mtime_ns: int, mode: int) -> ArchiveLayout:
    paths = [name.encode() for name in album]
    count = len(paths)
    listing = listing_of(paths, map(len, album.values()), [mtime_ns] * count, [mode] * count)
    return lay_out(listing, paths, range(len(paths)), zone=timezone.utc, large_file_bytes=20)


def render(layout: ArchiveLayout, album: dict[str, bytes], start: int, stop: int) -> bytes:
    data = [album.get(name.decode(), b"") for name in layout.names]

    def make(segment: Segment) -> bytes:
        begin, end = segment.start, segment.stop
        if isinstance(segment, EndRecords):
            offset, made = layout.central_offsets[-1], layout.end_records
        elif isinstance(segment, FileData):
            offset, made = layout.data_offset(segment.entry), data[segment.entry]
        elif isinstance(segment, CentralHeaders):
            entries = layout.central_headers_between(begin, end)
            offset = layout.central_offsets[entries.start]
            crc32s = (crc32(data[entry]) for entry in entries)
            made = b"".join(layout.central_directory_headers(entries, crc32s))
        else:
            entries = layout.entries_between(begin, end)
            offset = layout.header_offsets[entries.start]
            made = b"".join(layout.local_file_header(e, crc32(data[e])) + data[e] for e in entries)
        return made[begin - offset : end - offset]

    return b"".join(map(make, layout.segments(start, stop, piece_bytes=lambda: 100)))


@given(ALBUMS, MTIMES_NS, st.sampled_from([0o644, 0o755, 0]))
def test_the_standard_library_reads_it_back(
    album: dict[str, bytes], mtime_ns: int, mode: int
) -> None:
    layout = laid_out(album, mtime_ns, mode)
    whole = render(layout, album, 0, len(layout))
    assert len(whole) == len(layout)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert {info.filename: archive.read(info) for info in archive.infolist()} == album
        files = [info for info in archive.infolist() if not info.is_dir()]
    assert layout.file_count == len(list(layout.files())) == len(files)


@given(ALBUMS, st.integers(0, 40))
def test_every_slice_is_that_of_the_whole(album: dict[str, bytes], length: int) -> None:
    layout = laid_out(album, 0, 0o644)
    whole = render(layout, album, 0, len(layout))
    for start in range(len(whole)):
        stop = min(start + length, len(whole))
        assert render(layout, album, start, stop) == whole[start:stop]


@given(ALBUMS, MTIMES_NS)
def test_the_same_listing_has_the_same_bytes(album: dict[str, bytes], mtime_ns: int) -> None:
    shuffled = dict(reversed(album.items()))
    ours, theirs = (laid_out(each, mtime_ns, 0o644) for each in (album, shuffled))
    assert render(ours, album, 0, len(ours)) == render(theirs, shuffled, 0, len(theirs))
