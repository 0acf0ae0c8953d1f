"""The service without its compiled part: slower, and the same in all else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, noise, settle
from harness.ending import HOLDING_BYTES
from harness.http import Truncated, connected, get
from harness.server import Server, serving
from harness.uncompiled import copy_uncompiled, has_compiled_part

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

TARGET = f"/archive/{HASH}/"
FILES = {
    **{f"day {number % 7}/{number}.txt": noise(number * 37, number) for number in range(400)},
    "large.jpg": noise(3_000_000),
    "empty": b"",
    "no files/": b"",
}
SAME = ("etag", "content-length", "content-type", "content-range")


@pytest.fixture(scope="module")
def photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos")
    settle(make_album(path, FILES))
    return path


@pytest.fixture(scope="module")
def uncompiled(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    program = copy_uncompiled(tmp_path_factory.mktemp("copy"))
    cache_dir = tmp_path_factory.mktemp("cache")
    with serving(photos_dir, cache_dir, "--level", "debug", program=program) as server:
        yield server


@pytest.fixture(scope="module")
def compiled(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(photos_dir, tmp_path_factory.mktemp("cache")) as server:
        if not has_compiled_part(server.pid):
            pytest.skip("the optional part was not compiled")
        yield server


def test_the_copy_runs_without_it(uncompiled: Server) -> None:
    get(uncompiled.port, TARGET)
    assert not has_compiled_part(uncompiled.pid)


@pytest.mark.parametrize("download", ["first", "second"])
@pytest.mark.parametrize("ranges", [(), ("Range: bytes=5000-900000",), ("Range: bytes=0-9,-9",)])
def test_answers_are_the_same(
    compiled: Server, uncompiled: Server, ranges: tuple[str, ...], download: str
) -> None:
    one, other = (get(server.port, TARGET, *ranges) for server in (compiled, uncompiled))
    assert one.content == other.content, download
    assert [one.fields.get(name) for name in SAME] == [other.fields.get(name) for name in SAME]


def test_the_manifests_are_the_same(compiled: Server, uncompiled: Server) -> None:
    one, other = (
        get(server.port, f"{TARGET}manifest.json").content for server in (compiled, uncompiled)
    )
    assert one == other


@pytest.mark.parametrize("name", ["0.txt", "399.txt"])
def test_a_file_that_changes_breaks_the_download(
    uncompiled: Server, photos_dir: Path, name: str
) -> None:
    files = {f"z/{number}.txt": b"small" for number in range(400)}
    album = make_album(photos_dir, {"a": b"", **files}, f"changing-{name}")
    with (album / "held.bin").open("wb") as held:
        held.truncate(HOLDING_BYTES)
    logged = len(uncompiled.lines)
    with connected(uncompiled.port, small_window=True) as connection:
        connection.send("GET", f"/archive/{album.name}/")
        _, fields = connection.receive_head()
        os.truncate(album / "z" / name, 1)
        with pytest.raises(Truncated):
            connection.receive_content(int(dict(fields)["content-length"]))
    uncompiled.wait_for("download.interrupted", after=logged)
