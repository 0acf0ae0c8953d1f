"""The bytes of one small archive, which must not change.

A download begun before an upgrade is resumed after it: the bytes of a listing may change only
together with FORMAT_VERSION, which is part of the ETag.  So a failure here has two ways out: undo
the change; or raise FORMAT_VERSION and commit the file that the failing test has left, under the
new number.
"""

from __future__ import annotations

import os
from datetime import timezone
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH
from harness.http import get
from harness.listings import listing_of, packed
from harness.specimens import Specimen, at, write_album
from harness.zipcheck import check

from archive_service.archive.entity_tag import FORMAT_VERSION
from archive_service.archive.layout import lay_out
from archive_service.archive.naming import NameRules, archive_names

GOLDEN = Path(__file__).with_name(f"format-{FORMAT_VERSION}.zip")
MAX_GOLDEN_BYTES = 3000
JULY_S = at(2024, 7, 1, 12, 30, 31)

ALBUM = (
    Specimen(b"1.jpg", "1.jpg", b"one", JULY_S),
    Specimen(b"a/b/2.jpg", "a/b/2.jpg", bytes(range(256)), at(1999, 12, 31, 23, 59, 59)),
    Specimen(b"CON.txt", "_CON.txt", b"device", at(1970, 1, 1)),
    Specimen(b"a:b?.txt", "a_b_.txt", b"renamed", at(1960, 2, 3)),
    Specimen(b"Same.jpg", "Same.jpg", b"first", JULY_S),
    Specimen(b"same.JPG", "same (2).JPG", b"second", JULY_S),
    Specimen(b"empty", "empty", b"", at(2038, 1, 19, 3, 14, 8)),
    Specimen(b"empty dir/", "empty dir/", b"", JULY_S, 0o755, 0o755),
    Specimen(b"outer/", "outer/", b"", JULY_S, 0o711, 0o711),
    Specimen(b"outer/inner/", "outer/inner/", b"", JULY_S, 0o755, 0o755),
    Specimen(b"run.sh", "run.sh", b"#!/bin/sh\n", at(2107, 12, 31, 23, 59, 59), 0o755, 0o755),
    Specimen("Лето.jpg".encode(), "Лето.jpg", b"summer", JULY_S, 0o600, 0o600),
    Specimen("Зима.jpg".encode("cp1251"), "Зима.jpg", b"winter", JULY_S, 0o444, 0o644),
)


def archive_of(album: tuple[Specimen, ...]) -> bytes:
    """Put an archive together from its layout."""
    paths = [specimen.path for specimen in album]
    listing = listing_of(
        paths,
        [len(specimen.data) for specimen in album],
        [specimen.mtime_s * 1_000_000_000 for specimen in album],
        [specimen.mode for specimen in album],
    )
    names = archive_names(paths, NameRules())
    layout = lay_out(listing, names, range(len(album)), zone=timezone.utc)
    data = [album[source].data for source in layout.sources]
    return packed(layout, data)


def test_bytes_change_only_with_the_format_version(tmp_path: Path) -> None:
    archive = archive_of(ALBUM)
    if not GOLDEN.exists() or archive != GOLDEN.read_bytes():
        (tmp_path / GOLDEN.name).write_bytes(archive)
        pytest.fail(f"{GOLDEN.name} is not what is made now: {tmp_path / GOLDEN.name}")


def test_server_sends_the_golden_archive(photos_dir: Path, serve: Serve) -> None:
    album = photos_dir / HASH
    write_album(album, ALBUM)
    for specimen in ALBUM:
        if os.stat(os.path.join(os.fsencode(album), specimen.path)).st_mtime != specimen.mtime_s:
            pytest.skip("this file system can't keep every time")
    assert get(serve().port, f"/archive/{HASH}/").content == GOLDEN.read_bytes()


def test_golden_archive_is_what_the_format_says() -> None:
    golden = GOLDEN.read_bytes()
    assert len(golden) < MAX_GOLDEN_BYTES
    by_name = {specimen.name: specimen for specimen in ALBUM}
    entries = {entry.name.decode(): entry for entry in check(golden)}
    assert entries.keys() == by_name.keys()
    for name, entry in entries.items():
        assert golden[entry.data_offset :][: entry.size] == by_name[name].data
        assert entry.permissions == by_name[name].archived_mode
