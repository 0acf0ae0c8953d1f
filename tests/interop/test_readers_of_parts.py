"""Each part of an album opens in every reader, and together they are what the whole is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, noise
from harness.http import get
from harness.readers import READERS, TESTERS, Toolbox, succeed
from harness.server import serving

PARTS = 4
FILES = {
    "1.jpg": noise(300_000),
    "2.jpg": noise(200),
    "пусто/": b"",
    "day 1/none/deeper/": b"",
    "day 1/3.jpg": noise(100_000),
    "day 1/tool.sh": b"#!/bin/sh\n",
    "Отпуск/море.jpg": noise(150_000),
    "Отпуск/📷.jpg": b"",
    "я.jpg": noise(400_000),
}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The whole archive, then its parts."""
    photos_dir, downloads = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("downloads")
    os.chmod(make_album(photos_dir, FILES) / "day 1" / "tool.sh", 0o755)
    queries = ("", *(f"?part={number + 1}/{PARTS}" for number in range(PARTS)))
    with serving(photos_dir, tmp_path_factory.mktemp("cache")) as server:
        paths = []
        for number, query in enumerate(queries):
            paths.append(downloads / f"{number}.zip")
            paths[-1].write_bytes(get(server.port, f"/archive/{HASH}/{query}").content)
    return paths


@pytest.mark.parametrize("reader", READERS)
def test_parts_together_are_the_whole(
    reader: str, parts: list[Path], toolbox: Toolbox, tmp_path: Path
) -> None:
    found: list[Mapping[str, object]] = []
    for number, archive in enumerate(parts):
        target = tmp_path / str(number)
        target.mkdir()
        found.append(READERS[reader](toolbox, archive, target))
    whole, *rest = found
    assert {name: each for part in rest for name, each in part.items()} == whole
    files = [name for part in rest for name in part if not name.endswith("/")]
    assert len(files) == len(set(files)) == sum(not name.endswith("/") for name in FILES)


@pytest.mark.parametrize("tester", TESTERS)
def test_each_part_is_sound(tester: str, parts: list[Path]) -> None:
    command, verdict = TESTERS[tester]
    for archive in parts:
        assert verdict in succeed([*command, str(archive)])


def test_parts_unpacked_into_one_folder_are_the_album(parts: list[Path], tmp_path: Path) -> None:
    for archive in parts[1:]:
        succeed(["unzip", "-q", "-o", str(archive), "-d", str(tmp_path)])
    for name, data in FILES.items():
        path = tmp_path / name
        assert path.is_dir() if name.endswith("/") else path.read_bytes() == data
