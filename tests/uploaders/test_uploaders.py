"""Uploads by the programs that sites use, which pause for longer than an album has to be still."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import make_album, noise
from harness.conditions import eventually
from harness.http import get
from harness.server import Server
from harness.settling import LINK, SOON, files_in, still
from uploaders.downloads import DOWNLOADERS, aria2c, axel, lftp_pget
from uploaders.ftp import FTP_CLIENTS
from uploaders.programs import UPLOADERS, WITHIN_S, Upload, Uploader
from uploaders.servers import OF_NO_KNOWN_NAME, SERVERS, UNSEEN
from uploaders.syncing import SYNCHRONIZERS
from uploaders.torrents import HOLED

PICTURE = noise(3_000_000)
ALL = (*UPLOADERS, *DOWNLOADERS, *FTP_CLIENTS, *SERVERS, *SYNCHRONIZERS)


def sizes_in(server: Server) -> Mapping[str, int] | None:
    """Return what a failed test shows in a line."""
    found = files_in(server)
    return None if found is None else {name: len(data) for name, data in found.items()}


@contextmanager
def paused(uploader: Uploader, photos_dir: Path, tmp_path: Path) -> Iterator[Upload]:
    """Have an upload that pauses, beside a picture that is whole."""
    album = make_album(photos_dir, {"0.jpg": b"zero"})
    (tmp_path / "source").mkdir()
    source = tmp_path / "source" / "picture.jpg"
    source.write_bytes(PICTURE)
    with uploader(source, album / "1.jpg") as upload:
        still(album)
        yield upload


@pytest.mark.parametrize("uploader", [*ALL, *OF_NO_KNOWN_NAME, *HOLED])
def test_an_album_is_held_while_an_upload_pauses(
    serve: Serve, photos_dir: Path, tmp_path: Path, uploader: Uploader
) -> None:
    server = serve(*SOON)
    with paused(uploader, photos_dir, tmp_path) as upload:
        assert [sizes_in(server) for _ in range(3)] == [None] * 3
        assert get(server.port, LINK).status == HTTPStatus.SERVICE_UNAVAILABLE
        upload.go_on()
    wanted = {"0.jpg": b"zero", "1.jpg": PICTURE}
    eventually(lambda: files_in(server) == wanted, within_s=WITHIN_S)


@pytest.mark.parametrize("uploader", ALL)
def test_an_upload_that_was_killed_does_not_hold_its_album(
    serve: Serve, photos_dir: Path, tmp_path: Path, uploader: Uploader
) -> None:
    server = serve(*SOON)
    with paused(uploader, photos_dir, tmp_path) as upload:
        upload.kill()
    found = eventually(lambda: files_in(server), within_s=WITHIN_S)
    assert found
    assert found["0.jpg"] == b"zero"
    assert set(found) <= {"0.jpg", "1.jpg"}  # nothing under a temporary name


@pytest.mark.parametrize("downloader", [aria2c, axel, lftp_pget])
def test_a_part_stays_left_out_while_its_marker_is_there(
    serve: Serve, photos_dir: Path, tmp_path: Path, downloader: Uploader
) -> None:
    server = serve(*SOON)
    with paused(downloader, photos_dir, tmp_path) as upload:
        upload.kill()
    assert eventually(lambda: files_in(server), within_s=WITHIN_S) == {"0.jpg": b"zero"}


@pytest.mark.parametrize("uploader", UNSEEN)
def test_an_upload_that_cannot_be_seen_is_there_when_it_is_whole(
    serve: Serve, photos_dir: Path, tmp_path: Path, uploader: Uploader
) -> None:
    server = serve(*SOON)
    with paused(uploader, photos_dir, tmp_path) as upload:
        assert sizes_in(server) == {"0.jpg": 4}
        upload.go_on()
        wanted = {"0.jpg": b"zero", "1.jpg": PICTURE}
        eventually(lambda: files_in(server) == wanted, within_s=WITHIN_S)
