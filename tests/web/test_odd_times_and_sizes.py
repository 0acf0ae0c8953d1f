"""With any times on the disk there is an archive; uncountable sizes are refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness.albums import HASH, make_album
from harness.gatedfs import gated
from harness.http import Response, get
from harness.readers import go_without
from harness.server import serving
from harness.zipcheck import check

TARGET = f"/archive/{HASH}/"
FILES = {"1.jpg": b"one", "d/2.jpg": b"two", "empty/": b""}
YEAR_1_NS, YEAR_2301_NS, YEAR_30000_NS = (
    seconds * 10**9 for seconds in (-62_135_596_800, 10_445_000_000, 884_600_000_000)
)
IMAGE_BYTES = 8 * 1024**2


def assert_whole(answer: Response) -> None:
    assert answer.status == 200
    assert {entry.name.decode() for entry in check(answer.content)} == FILES.keys()


@pytest.mark.parametrize("field", ["st_mtime", "st_ctime"])
@pytest.mark.parametrize("time_ns", [YEAR_1_NS, -1, YEAR_2301_NS, YEAR_30000_NS])
@pytest.mark.parametrize("path", ["", "/1.jpg", "/d/2.jpg", "/empty"])
def test_any_time_makes_an_archive(tmp_path: Path, field: str, time_ns: int, path: str) -> None:
    """Damaged inodes have such times, and directories of SeaweedFS' mount."""
    album = make_album(tmp_path / "photos", FILES)
    with gated(album.parent, tmp_path / "mounted") as fs:
        fs.show(field, time_ns, HASH + path)
        told = os.lstat(f"{fs.root}/{HASH}{path}")
        assert getattr(told, f"{field}_ns") == time_ns
        with serving(fs.root, tmp_path) as server:
            first = get(server.port, TARGET)
            assert_whole(first)
            again = get(server.port, TARGET, f"If-None-Match: {first['etag']}")
            assert again.status == 304
            assert get(server.port, f"{TARGET}manifest.json").status == 200


def test_without_ctimes_there_is_no_date_that_would_stand_still(tmp_path: Path) -> None:
    """As on a mount that fills in modification times alone, ratarmount's for one."""
    album = make_album(tmp_path / "photos", FILES)
    with gated(album.parent, tmp_path / "mounted") as fs:
        for path in ("", "/1.jpg", "/d", "/d/2.jpg", "/empty"):
            fs.show("st_ctime", 0, HASH + path)
        with serving(fs.root, tmp_path) as server:
            first = get(server.port, TARGET)
            assert_whole(first)
            os.utime(album / "1.jpg", (1e9, 1e9))
            later = get(server.port, TARGET, "If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT")
    assert later.status == 200
    assert later["etag"] != first["etag"]
    assert "last-modified" not in first


@contextmanager
def ext4_image(image: Path, mount_point: Path) -> Iterator[Path]:
    """Mount an image until the block ends; skip the test where that is not permitted."""
    mount_point.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-o", "loop", image, mount_point], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("an image can't be mounted here")
    try:
        yield mount_point
    finally:
        subprocess.run(["umount", "-l", mount_point], check=True)


def test_a_damaged_inode_of_ext4_makes_an_archive(tmp_path: Path) -> None:
    """Its ctime is in the year 2301, for which 64 bits of nanoseconds are too few."""
    if not (shutil.which("mkfs.ext4") and shutil.which("debugfs")):
        go_without("e2fsprogs is not installed")
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-I", "256", image], check=True)
    with ext4_image(image, tmp_path / "mounted") as root:
        make_album(root, FILES)
    for command in ("ctime 0x170000000", "ctime_extra 2"):
        order = f"set_inode_field /{HASH}/1.jpg {command}"
        subprocess.run(["debugfs", "-w", "-R", order, image], capture_output=True, check=True)
    with ext4_image(image, tmp_path / "mounted") as root:
        assert (root / HASH / "1.jpg").stat().st_ctime > 2**33
        with serving(root, tmp_path) as server:
            assert_whole(get(server.port, TARGET))


def test_sizes_that_nobody_can_count_are_refused(tmp_path: Path) -> None:
    photos_dir = Path("/dev/shm")
    if not photos_dir.is_dir():
        pytest.skip("there is no tmpfs")
    photos_dir = Path(
        subprocess.check_output(["mktemp", "-d", "-p", photos_dir], text=True).strip()
    )
    try:
        album = make_album(photos_dir, FILES)
        for number in range(3):
            with (album / f"sparse {number}").open("wb") as file:
                os.truncate(file.fileno(), 2**63 - 4096)
        with serving(photos_dir, tmp_path) as server:
            answer = get(server.port, TARGET, "Accept: application/json")
            assert answer.status == 503
            assert "Retry-After" not in answer
            server.wait_for("too large")
    finally:
        shutil.rmtree(photos_dir)
