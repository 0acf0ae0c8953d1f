"""From any listing to an archive: columns of any values, and names of any bytes on a real disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timezone
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32
from zoneinfo import ZoneInfo

from harness.albums import HASH
from harness.listings import listing_of, packed, represented
from harness.zipcheck import check
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_service.archive.fingerprint import fingerprint_of
from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import ArchiveLayout, lay_out
from archive_service.archive.listing import Listing
from archive_service.archive.naming import NameRules, archive_names
from archive_service.archive.representation import ArchiveOptions
from archive_service.archive.segments import Entries, FileData
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.native import AS_COMPILED, NOTHING_COMPILED
from archive_service.storage.local.storage import LocalStorage
from archive_service.web.manifest import whole_manifest

ALBUM = ArchiveId(HASH)
ZONES = st.sampled_from([timezone.utc, ZoneInfo("Asia/Vladivostok"), ZoneInfo("America/Lima")])
SIZES = st.one_of(
    st.integers(0, 300_000), st.sampled_from([2**31, 2**32 - 2, 2**32 - 1, 2**32, 2**40])
)
ENTRIES = st.tuples(SIZES, st.integers(-(2**63), 2**63 - 1), st.integers(0, 0o7777))
# What a file system takes for a name.
components = (
    st.binary(min_size=1, max_size=20)
    .map(lambda raw: raw.replace(b"\0", b"").replace(b"/", b""))
    .filter(lambda name: name not in (b"", b".", b".."))
)
TREES = st.lists(st.lists(components, min_size=1, max_size=3).map(tuple), max_size=8, unique=True)


def listed(entries: Sequence[tuple[int, int, int]]) -> Listing:
    paths = [b"%d" % number for number in range(len(entries))]
    columns = ([entry[column] for entry in entries] for column in range(3))
    return listing_of(paths, *columns, newest_ns=2**62)


@given(st.lists(ENTRIES, max_size=30), ZONES, st.booleans(), st.data())
def test_a_layout_of_any_columns_is_seamless_and_can_be_packed(
    entries: list[tuple[int, int, int]], zone: ZoneInfo, change_token: bool, data: st.DataObject
) -> None:
    listing = listed(entries)
    layout = lay_out(listing, listing.paths, range(len(listing)), zone=zone)
    local = [len(layout.local_file_header(entry, 0)) for entry in range(layout.entries)]
    central = map(len, layout.central_directory_headers(range(layout.entries), repeat(1)))
    assert len(layout) == sum((*local, *layout.sizes, *central, len(layout.end_records)))
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(layout))] * 2)))
    assert_seamless(layout, start, stop)
    options = ArchiveOptions(NameRules(), zone, change_token)
    representation = represented(ALBUM, layout, options)
    assert whole_manifest(representation)


def assert_seamless(layout: ArchiveLayout, start: int, stop: int) -> None:
    position = start
    for segment in layout.segments(start, stop, piece_bytes=lambda: 65536):
        assert segment.start == position
        assert segment.stop > position
        if isinstance(segment, FileData):
            offset = layout.data_offset(segment.entry)
            assert offset <= segment.start
            assert segment.stop <= offset + layout.sizes[segment.entry]
        if isinstance(segment, Entries):
            assert len(layout.entries_between(segment.start, segment.stop)) > 0
        position = segment.stop
    assert position == stop


def write_tree(root: bytes, tree: Sequence[tuple[bytes, ...]]) -> dict[bytes, bytes]:
    """Write files of their own names, except where one would stand in another's way."""
    written = {}
    for parts in tree:
        path = b"/".join(parts)
        try:
            os.makedirs(os.path.join(root, *parts[:-1]), exist_ok=True)
            with open(os.path.join(root, path), "xb") as file:
                file.write(path)
        except OSError:
            continue
        written[path] = path
    return written


@settings(max_examples=60)
@given(TREES, st.booleans())
def test_names_of_any_bytes_on_a_disk_make_an_archive(
    tree: list[tuple[bytes, ...]], portable: bool
) -> None:
    with TemporaryDirectory() as directory:
        root = Path(directory)
        (root / HASH).mkdir()
        written = write_tree(os.fsencode(root / HASH), tree)
        listings = [
            LocalStorage(root, Exclusion(()), native).list(ALBUM)
            for native in (AS_COMPILED, NOTHING_COMPILED)
        ]
    assert fingerprint_of(listings[0]) == fingerprint_of(listings[1])
    listing = listings[0]
    files = {path for path in listing.paths if not path.endswith(b"/")}
    assert files == written.keys()
    names = archive_names(listing.paths, NameRules(portable))
    layout = lay_out(listing, names, range(len(listing)), zone=timezone.utc)
    content = [written.get(listing.paths[source], b"") for source in layout.sources]
    entries = check(packed(layout, content))  # which looks at the names, too
    assert [entry.name for entry in entries] == list(layout.names)
    assert [entry.crc32 for entry in entries] == list(map(crc32, content))
