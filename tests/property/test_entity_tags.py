"""Equal entity tags, equal archives: whatever the settings, the zone data and the listing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.albums import HASH
from harness.listings import listing_of, packed, represented
from harness.zones import zone_with_data_of
from hypothesis import given
from hypothesis import strategies as st

from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import lay_out
from archive_service.archive.naming import NameRules, archive_names
from archive_service.archive.representation import ArchiveOptions, Representation

ZONE = "Asia/Almaty"
DATA = ("Etc/GMT-5", "Etc/GMT-6", "Etc/UTC", "Europe/London", "Europe/Paris", "Africa/Lagos")
ZONES = [zone_with_data_of(ZONE, data_of) for data_of in DATA]
RULES = [NameRules(), NameRules(False), NameRules(True, "latin-1"), NameRules(False, "latin-1")]
OPTIONS = st.builds(ArchiveOptions, st.sampled_from(RULES), st.sampled_from(ZONES))
# Few of each, so that two environments often have the same archive.
PATHS = st.sampled_from(
    [b"a", b"b", b"a:", b"d/\xe4", b"\xe4", "д".encode(), b"a\0b", b"e/", b"e/f/"]
)
MTIMES_S = st.sampled_from([-1, 0, 1_700_000_000, 1_720_000_000, 2**31 - 1, 2**31, 2**62 // 10**9])


@dataclass(frozen=True)
class File:
    """A file as a listing has it; its content is that of its path, size and time."""

    path: bytes
    size: int
    mtime_s: int
    mode: int


FILES = st.builds(File, PATHS, st.integers(0, 2), MTIMES_S, st.sampled_from([0o644, 0o755, 0o4644]))
ALBUMS = st.lists(FILES, max_size=4, unique_by=lambda file: file.path)


def described(album: Sequence[File], options: ArchiveOptions) -> Representation:
    paths = [file.path for file in album]
    listing = listing_of(
        paths,
        [0 if file.path.endswith(b"/") else file.size for file in album],
        [file.mtime_s * 10**9 for file in album],
        [file.mode for file in album],
    )
    names = archive_names(paths, options.names)
    layout = lay_out(listing, names, range(len(paths)), zone=options.zone)
    return represented(ArchiveId(HASH), layout, options)


def archive_of(made: Representation) -> bytes:
    """Put the archive together; the bytes of a file, if it has any, are its size and time."""
    layout = made.layout
    numbers = range(layout.entries)
    data = [b"%d" % (layout.mtimes_ns[entry] % 7) * layout.sizes[entry] for entry in numbers]
    return packed(layout, data)


@given(ALBUMS, OPTIONS, ALBUMS, OPTIONS)
def test_equal_tags_mean_equal_archives(
    ours: list[File], our_options: ArchiveOptions, theirs: list[File], their_options: ArchiveOptions
) -> None:
    one, other = described(ours, our_options), described(theirs, their_options)
    assert (one.etag != other.etag) or archive_of(one) == archive_of(other)


@given(ALBUMS, OPTIONS, OPTIONS)
def test_other_settings_and_zone_data_move_the_tag_only_with_the_bytes(
    album: list[File], our_options: ArchiveOptions, their_options: ArchiveOptions
) -> None:
    one, other = described(album, our_options), described(album, their_options)
    assert (one.etag == other.etag) == (archive_of(one) == archive_of(other))
