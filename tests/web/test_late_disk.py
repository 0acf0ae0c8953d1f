"""PHOTOS_DIR is mounted later, is lost, and comes back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.automounter import automounter
from harness.conditions import eventually
from harness.gatedfs import gated, opened_at_the_end
from harness.http import get
from harness.lists import ORDER, write_list
from harness.server import REPOSITORY, Server, environment, serving

from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.storage import LocalStorage

LINK = f"/archive/{HASH}/"


def status(server: Server, target: str) -> int:
    return get(server.port, target).status


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_directory_that_does_not_exist_yet_is_waited_for(
    serve: Serve, photos_dir: Path, workers: str
) -> None:
    photos_dir.rmdir()
    server = serve("--workers", workers)
    server.wait_for(r"albums\.lost.*reason=ENOENT")
    assert status(server, "/healthz") == 200
    assert status(server, "/readyz") == 503
    assert status(server, LINK) == 503
    photos_dir.mkdir()
    make_album(photos_dir, {"1.jpg": noise(1000)})
    assert status(server, LINK) == 200
    assert status(server, "/readyz") == 200
    server.wait_for(r"albums\.found")
    assert sum("albums.lost" in line for line in server.lines) == 1


def test_a_directory_that_vanishes_and_comes_back_is_noticed(
    serve: Serve, photos_dir: Path
) -> None:
    make_album(photos_dir, {"1.jpg": b"x"})
    server = serve()
    assert status(server, LINK) == 200
    photos_dir.rename(photos_dir.with_name("unmounted"))
    server.wait_for(r"albums\.lost.*reason=ENOENT")
    assert (status(server, LINK), status(server, "/readyz")) == (503, 503)
    photos_dir.with_name("unmounted").rename(photos_dir)
    server.wait_for(r"albums\.found")
    assert (status(server, LINK), status(server, "/readyz")) == (200, 200)


def test_an_empty_directory_whose_albums_are_indexed_is_no_site_without_albums(
    serve: Serve, photos_dir: Path
) -> None:
    make_album(photos_dir, {"1.jpg": noise(1000)})
    server = serve()
    assert status(server, LINK) == status(server, "/readyz") == 200
    photos_dir.rename(photos_dir.with_name("unmounted"))
    photos_dir.mkdir()  # the point that a disk is mounted on
    assert eventually(lambda: status(server, "/readyz") == 503)
    assert status(server, LINK) == 503
    server.wait_for(r"albums\.lost.*reason=empty")
    photos_dir.rmdir()
    photos_dir.with_name("unmounted").rename(photos_dir)
    assert status(server, LINK) == status(server, "/readyz") == 200


def test_an_automounter_that_lists_nothing_is_ready(serve: Serve, photos_dir: Path) -> None:
    """It mounts an album once its name is used, and may list those alone that are mounted."""
    make_album(photos_dir, {"1.jpg": noise(1000)})
    server = serve()
    assert status(server, LINK) == 200
    with automounter(photos_dir):
        assert not list(photos_dir.iterdir())
        assert status(server, "/readyz") == 200
        assert status(server, LINK) == 503  # its server may be down
    assert status(server, LINK) == 200
    server.stop()
    assert not [line for line in server.lines if "albums.lost" in line]


def test_the_index_keeps_the_albums_of_an_automounter(photos_dir: Path) -> None:
    with automounter(photos_dir):
        storage = LocalStorage(photos_dir, Exclusion(()))
        assert storage.check()
        assert not storage.archives()


def test_an_empty_directory_of_a_new_site_is_ready(serve: Serve) -> None:
    server = serve()
    assert status(server, "/readyz") == 200
    assert status(server, LINK) == 404


def test_a_directory_on_a_disk_that_does_not_answer_is_not_ready(
    photos_dir: Path, tmp_path: Path
) -> None:
    """Every request gets an answer in time; health never waits."""
    make_album(photos_dir, {"1.jpg": b"x"})
    with gated(photos_dir, tmp_path / "mounted") as gates, serving(gates.root, tmp_path) as server:
        assert status(server, LINK) == 200
        gates.hold("stat", "")
        gates.hold("list", "")
        answers = [status(server, "/readyz") for _ in range(2)]
        assert status(server, "/healthz") == 200
        gates.clear()
        assert answers == [503, 503]
        assert eventually(lambda: status(server, "/readyz") == 200)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_disk_that_does_not_answer_at_the_start_is_waited_for(
    photos_dir: Path, tmp_path: Path, workers: str
) -> None:
    make_album(photos_dir, {"1.jpg": b"x"})
    with gated(photos_dir, tmp_path / "mounted") as gates:
        for operation in ("stat", "list"):
            gates.hold(operation, "")
        with serving(gates.root, tmp_path, "--workers", workers) as server:
            assert status(server, "/healthz") == 200
            assert status(server, "/readyz") == 503
            gates.clear()
            assert eventually(lambda: status(server, "/readyz") == 200)
            assert status(server, LINK) == 200


def test_lists_on_a_disk_that_does_not_answer_are_waited_for(
    photos_dir: Path, tmp_path: Path
) -> None:
    make_album(photos_dir, {"1.jpg": b"x"})
    write_list(tmp_path / "lists", {"files": [{"path": f"{HASH}/1.jpg"}]})
    with gated(tmp_path / "lists", tmp_path / "mounted") as gates:
        gates.hold("list", "")
        gates.hold("stat", f"{ORDER}.json")
        flags = ("--lists-dir", str(gates.root), "--listing-timeout", "0.5")
        with serving(photos_dir, tmp_path, *flags) as server, opened_at_the_end(gates):
            server.wait_for(r"lists\.lost reason=timeout")
            assert status(server, f"/archive/{ORDER}/") == 503
            assert status(server, LINK) == status(server, "/readyz") == 200
            gates.clear()
            assert eventually(lambda: status(server, f"/archive/{ORDER}/") == 200)


@pytest.mark.parametrize("place", ["--photos-dir", "--lists-dir", "--cache-dir"])
def test_check_tells_of_a_disk_that_does_not_answer(
    photos_dir: Path, tmp_path: Path, place: str
) -> None:
    with gated(photos_dir, tmp_path / "mounted") as gates:
        for operation in ("stat", "list"):
            gates.hold(operation, "")
        places = {"--photos-dir": photos_dir, "--cache-dir": tmp_path, place: gates.root}
        flags = [str(word) for pair in places.items() for word in pair] + ["--port", "0"]
        with subprocess.Popen(
            [sys.executable, "-m", "archive_service", "check", *flags],
            cwd=tmp_path,
            env=environment({"PYTHONPATH": str(REPOSITORY)}),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            # Its end has to wait: no signal ends a call that the disk does not answer.
            assert any("does not answer" in line for line in process.stdout)
            gates.clear()
            assert process.wait(60) == 1
