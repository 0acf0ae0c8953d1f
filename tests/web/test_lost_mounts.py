"""What is left of a mount that goes is an empty directory: no album without files.

sshfs unmounts itself when its connection ends; so do disks that are unplugged under udev.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.albums import HASH, make_album, noise
from harness.gatedfs import gated
from harness.http import get
from harness.lists import ORDER, write_list
from harness.server import Server, serving

LINK = f"/archive/{HASH}/"
SUMMARY = f"{LINK}manifest.json?summary"
LIST_LINK = f"/archive/{ORDER}/"


def status(server: Server, target: str) -> int:
    return get(server.port, target).status


@pytest.mark.parametrize("mount", [HASH, f"{HASH}/day 2"], ids=["album", "directory"])
def test_an_album_whose_mount_is_away_is_unavailable_until_it_is_back(
    photos_dir: Path, tmp_path: Path, mount: str
) -> None:
    """Neither is it a 404, nor an archive without what was mounted."""
    make_album(photos_dir, {"1.jpg": noise(1000), "day 2/2.jpg": noise(1000)})
    place, real = photos_dir / mount, tmp_path / "real"
    place.rename(real)
    with serving(photos_dir, tmp_path) as server:
        with gated(real, place) as gates:
            whole = get(server.port, LINK)
            assert (whole.status, status(server, SUMMARY)) == (200, 200)
            gates.unmount()
            away = get(server.port, LINK)
            assert (away.status, status(server, SUMMARY)) == (503, 503)
            assert away["retry-after"]
            server.wait_for('answer.failed.*reason="not mounted"')
            assert status(server, "/readyz") == 200
        with gated(real, place):
            back = get(server.port, LINK)
            assert (back.status, back["etag"]) == (200, whole["etag"])


def test_a_list_of_an_album_whose_mount_is_away_is_unavailable(
    photos_dir: Path, tmp_path: Path
) -> None:
    make_album(tmp_path, {"1.jpg": noise(1000), "2.jpg": noise(1000)})
    write_list(tmp_path / "lists", {"files": [{"path": f"{HASH}/1.jpg"}]})
    flags = ("--lists-dir", str(tmp_path / "lists"))
    with (
        gated(tmp_path / HASH, photos_dir / HASH) as gates,
        serving(photos_dir, tmp_path, *flags) as server,
    ):
        assert status(server, LIST_LINK) == 200
        gates.unmount()
        assert status(server, LIST_LINK) == 503


def test_lists_whose_mount_is_away_are_unavailable(photos_dir: Path, tmp_path: Path) -> None:
    make_album(photos_dir, {"1.jpg": noise(1000)})
    write_list(tmp_path / "lists", {"files": [{"path": f"{HASH}/1.jpg"}]})
    flags = ("--lists-dir", str(tmp_path / "mounted"))
    with (
        gated(tmp_path / "lists", tmp_path / "mounted") as gates,
        serving(photos_dir, tmp_path, *flags) as server,
    ):
        assert status(server, LIST_LINK) == 200
        gates.unmount()
        assert (status(server, LIST_LINK), status(server, LINK)) == (503, 200)


def test_a_root_whose_mount_is_away_is_not_ready_without_an_index_as_well(
    photos_dir: Path, tmp_path: Path
) -> None:
    make_album(photos_dir, {"1.jpg": noise(1000)})
    with (
        gated(photos_dir, tmp_path / "mounted") as gates,
        serving(gates.root, tmp_path, "--index-ahead", "off") as server,
    ):
        assert status(server, "/readyz") == 200
        gates.unmount()
        assert (status(server, "/readyz"), status(server, LINK)) == (503, 503)


def test_an_album_that_is_emptied_is_no_mount_that_is_away(
    photos_dir: Path, tmp_path: Path
) -> None:
    album = make_album(photos_dir, {"1.jpg": noise(1000)})
    with serving(photos_dir, tmp_path) as server:
        assert status(server, LINK) == 200
        (album / "1.jpg").unlink()
        assert (status(server, LINK), status(server, "/readyz")) == (404, 200)


def test_a_mount_that_is_replaced_by_files_is_an_album_like_others(
    photos_dir: Path, tmp_path: Path
) -> None:
    make_album(tmp_path, {"1.jpg": noise(1000)})
    with (
        gated(tmp_path / HASH, photos_dir / HASH) as gates,
        serving(photos_dir, tmp_path) as server,
    ):
        assert status(server, LINK) == 200
        gates.unmount()
        album = make_album(photos_dir, {"2.jpg": noise(1000)})
        assert status(server, LINK) == 200
        (album / "2.jpg").unlink()
        assert status(server, LINK) == 404
