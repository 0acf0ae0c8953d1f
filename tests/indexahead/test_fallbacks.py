"""The kernel reports nothing, or the root comes and goes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.conditions import eventually
from harness.gatedfs import gated
from harness.http import get
from harness.indexed import unknown_files
from harness.inotify import watches
from harness.privileges import without_override
from harness.server import serving
from indexahead.conftest import AHEAD, WATCH, WITHIN_S, Await

FILES = {"1.jpg": noise(200_000), "day/2.jpg": b"two"}
WATCHING, SCANNING = r"index_ahead\.watching", r"index_ahead\.scanning"
LIMITS = Path("/proc/sys/user")


def limited(name: str, value: int) -> list[str]:
    """Return a launcher that limits inotify for one server: in a user namespace of its own."""
    command = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    script = f'echo {value} > {LIMITS / name} && exec "$@"'
    tried = subprocess.run([*command, script, "sh", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("no user namespace with limits of its own")
    return [*command, script, "sh"]


@pytest.mark.parametrize(
    ("limit", "value"), [("max_inotify_watches", 5), ("max_inotify_instances", 0)]
)
def test_where_the_system_grants_no_more_watches_albums_are_looked_at(
    serve: Serve, photos_dir: Path, await_indexed: Await, limit: str, value: int
) -> None:
    for number in range(10):
        make_album(photos_dir, FILES, f"old{number}")
    server = serve(*WATCH, launcher=limited(limit, value))
    server.wait_for(SCANNING + r' reason="watch limit"')
    assert not watches(server.pid)
    make_album(photos_dir, FILES)
    await_indexed(HASH)


def test_the_limit_may_be_reached_by_an_upload(
    serve: Serve, photos_dir: Path, await_indexed: Await
) -> None:
    server = serve(*WATCH, launcher=limited("max_inotify_watches", 5))
    server.wait_for(WATCHING)
    make_album(photos_dir, {f"{number}/1.jpg": b"1" for number in range(10)})
    server.wait_for(SCANNING + r' reason="watch limit"')
    await_indexed(HASH)


def test_uploads_are_found_by_looking_for_them(
    serve: Serve, photos_dir: Path, await_indexed: Await
) -> None:
    make_album(photos_dir, FILES, "old")
    server = serve(*AHEAD, "scan")
    server.wait_for(SCANNING)
    await_indexed("old")
    assert not watches(server.pid)
    album = make_album(photos_dir, FILES)
    await_indexed(HASH)
    (album / "1.jpg").write_bytes(b"another")
    await_indexed(HASH)


def test_nothing_is_indexed_ahead_where_that_is_off(
    serve: Serve, photos_dir: Path, tmp_path: Path
) -> None:
    make_album(photos_dir, FILES)
    server = serve(*AHEAD, "off")
    make_album(photos_dir, FILES, "other")
    get(server.port, "/archive/other/")
    assert server.stop() == 0
    assert unknown_files(photos_dir, tmp_path / "cache", HASH) == {b"1.jpg", b"day/2.jpg"}
    assert not [line for line in server.lines if "index_ahead" in line]


def test_a_file_system_that_others_change_is_looked_at(tmp_path: Path) -> None:
    behind, cache_dir = tmp_path / "behind", tmp_path / "cache"
    behind.mkdir()
    cache_dir.mkdir()
    root = tmp_path / "photos"
    with gated(behind, root), serving(root, cache_dir, *WATCH) as server:
        server.wait_for(SCANNING + r' reason="file system of others"')
        make_album(behind, FILES)
        eventually(lambda: not unknown_files(root, cache_dir, HASH), within_s=WITHIN_S)


@pytest.mark.parametrize("mode", ["watch", "scan"])
def test_a_root_that_was_away_is_indexed_again(
    serve: Serve, photos_dir: Path, await_indexed: Await, mode: str
) -> None:
    make_album(photos_dir, FILES, "old")
    server = serve(*AHEAD, mode)
    await_indexed("old")
    photos_dir.rename(photos_dir.with_name("away"))
    server.wait_for(r"index_ahead\.waiting reason=ENOENT")
    lines = len(server.lines)
    make_album(photos_dir, FILES)
    server.wait_for(rf"index_ahead\.{mode}", after=lines)
    await_indexed(HASH)
    (photos_dir / HASH / "3.jpg").write_bytes(b"three")
    await_indexed(HASH)


def test_a_disk_that_is_mounted_on_the_root_is_indexed(
    serve: Serve, photos_dir: Path, await_indexed: Await
) -> None:
    server = serve(*WATCH)
    server.wait_for(WATCHING)
    mounting = ["mount", "-t", "tmpfs", "none", str(photos_dir)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount anything")
    try:
        make_album(photos_dir, FILES)
        await_indexed(HASH)
        (photos_dir / HASH / "3.jpg").write_bytes(b"three")
        await_indexed(HASH)
    finally:
        subprocess.run(["umount", "-l", str(photos_dir)], check=True)
    make_album(photos_dir, FILES, "beneath")
    await_indexed("beneath")


def test_an_index_that_cannot_be_written_hinders_nothing(
    serve: Serve, photos_dir: Path, tmp_path: Path
) -> None:
    make_album(photos_dir, FILES)
    (tmp_path / "file").touch()
    server = serve(*WATCH, "--cache-dir", str(tmp_path / "file"))
    server.wait_for(r"index_ahead\.indexed .*files=2")
    assert get(server.port, f"/archive/{HASH}/").status == 200


def test_an_album_that_cannot_be_listed_hinders_no_other(
    serve: Serve, photos_dir: Path, await_indexed: Await
) -> None:
    make_album(photos_dir, FILES, "locked").chmod(0)
    server = serve(*WATCH, launcher=without_override())
    server.wait_for(WATCHING)
    make_album(photos_dir, FILES)
    await_indexed(HASH)
    (photos_dir / "locked").chmod(0o755)
    await_indexed("locked")


def test_an_album_that_comes_and_goes_leaves_nothing_behind(
    serve: Serve, photos_dir: Path, await_indexed: Await
) -> None:
    server = serve(*WATCH)
    server.wait_for(WATCHING)
    descriptors = len(server.open_files())
    for _ in range(30):
        album = make_album(photos_dir, FILES)
        os.rename(album / "1.jpg", album / "day/1.jpg")
        shutil.rmtree(album)
    make_album(photos_dir, FILES, "last")
    await_indexed("last")
    eventually(lambda: watches(server.pid) == 3)
    # Those of the index, which was not open before.
    eventually(lambda: len(server.open_files()) <= descriptors + 3)
