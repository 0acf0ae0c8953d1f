"""What holds for every archive: its length, its slices, and that a reader reads it back."""

from __future__ import annotations

import io
import zipfile
from array import array
from datetime import timezone
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st

from archive_service.layout import ArchiveLayout, in_archive_order, lay_out
from archive_service.listing import CHANGE_TOKEN_SIZE, Listing
from archive_service.segments import CentralHeader, EndRecords, FileData, LocalHeader, Segment

NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/"), min_size=1)
ALBUMS = st.dictionaries(NAMES, st.binary(max_size=40), max_size=6)
MTIMES_NS = st.integers(-(2**62), 2**62)


def laid_out(album: dict[str, bytes], mtime_ns: int, mode: int) -> ArchiveLayout:
    paths = [name.encode() for name in album]
    listing = Listing(
        paths,
        array("Q", map(len, album.values())),
        array("q", [mtime_ns] * len(album)),
        array("H", [mode] * len(album)),
        bytes(CHANGE_TOKEN_SIZE * len(album)),
        0,
        0,
    )
    return lay_out(listing, paths, in_archive_order(paths, range(len(paths))), timezone.utc)


def render(layout: ArchiveLayout, album: dict[str, bytes], start: int, stop: int) -> bytes:
    def whole(segment: Segment) -> bytes:
        if isinstance(segment, EndRecords):
            return layout.end_records
        data = album[layout.names[layout.sources[segment.entry]].decode()]
        if isinstance(segment, FileData):
            return data
        pack = {
            LocalHeader: layout.local_file_header,
            CentralHeader: layout.central_directory_header,
        }[type(segment)]
        return pack(segment.entry, crc32(data))

    pieces = (whole(s)[s.start : s.stop] for s in layout.slice(start, stop))
    return b"".join(pieces)


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


@settings(deadline=None)
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
