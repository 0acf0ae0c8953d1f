"""Archives of 65,534, 65,535 and 65,536 entries: the count of the end record ends there."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.http import get
from harness.readers import READERS, TESTERS, Toolbox, succeed
from harness.server import serving
from harness.zipcheck import check_file

EDGES = (65534, 65535, 65536)
ALBUM = "f" * 32
EMPTY_ENTRY_BYTES = (30 + 5 + 9) + (46 + 5 + 9)
END_BYTES = {65534: 22, 65535: 22 + 76, 65536: 22 + 76}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Path]]:
    """Download the archives of one album that grows by one empty file after another."""
    photos_dir, cache_dir, target = map(tmp_path_factory.mktemp, ("many", "cache", "archives"))
    album = photos_dir / ALBUM
    album.mkdir()
    archives = {}
    with serving(photos_dir, cache_dir) as server:
        for number in range(max(EDGES)):
            (album / f"{number:05}").touch()
            if number + 1 in EDGES:
                archives[number + 1] = target / f"{number + 1}.zip"
                archives[number + 1].write_bytes(get(server.port, f"/archive/{ALBUM}/").content)
    return archives


@pytest.mark.parametrize("count", EDGES)
def test_end_records_are_zip64_from_65535_entries_on(count: int, archives: dict[int, Path]) -> None:
    """APPNOTE 4.4.21 and 4.4.22."""
    entries = check_file(archives[count])
    assert [entry.name for entry in entries] == [b"%05d" % number for number in range(count)]
    assert archives[count].stat().st_size == count * EMPTY_ENTRY_BYTES + END_BYTES[count]


@pytest.mark.parametrize("count", EDGES)
@pytest.mark.parametrize("tester", TESTERS)
def test_reader_tests_every_entry(tester: str, count: int, archives: dict[int, Path]) -> None:
    command, verdict = TESTERS[tester]
    assert verdict in succeed([*command, str(archives[count])])


@pytest.mark.parametrize("count", EDGES)
@pytest.mark.parametrize("reader", ["java", "java from a pipe", "go", "stream-unzip"])
def test_reader_finds_every_entry(
    reader: str, count: int, archives: dict[int, Path], toolbox: Toolbox, tmp_path: Path
) -> None:
    found = READERS[reader](toolbox, archives[count], tmp_path)
    assert found.keys() == {f"{number:05}" for number in range(count)}


@pytest.mark.parametrize("count", EDGES)
def test_listing_has_every_entry(count: int, archives: dict[int, Path]) -> None:
    names = [f"{number:05}" for number in range(count)]
    with zipfile.ZipFile(archives[count]) as opened:
        assert opened.namelist() == names
    assert succeed(["bsdtar", "-tf", str(archives[count])]).split() == names
    assert succeed(["bsdtar", "-tf", "-"], stdin=archives[count]).split() == names
    assert succeed(["unzip", "-Z1", str(archives[count])]).split() == names
