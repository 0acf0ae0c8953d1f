"""Albums that are being uploaded: awaited, and refused if they keep changing."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, LONG_AGO_S, make_album, newest_change_ns
from harness.clock import clock_ahead
from harness.conditions import eventually
from harness.gatedfs import gated
from harness.http import Response, get, request
from harness.server import serving

LINK = f"/archive/{HASH}/"
IMPATIENT = ("--settle-time", "60", "--settle-wait", "0")
"""Everything that a test has touched is in motion."""

_VIDEO_MIB = 400


def names_in(response: Response) -> set[str]:
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        return set(archive.namelist())


def test_an_album_is_sent_once_it_has_been_still_for_long_enough(
    serve: Serve, photos_dir: Path
) -> None:
    server = serve("--settle-time", "1")
    album = make_album(photos_dir, {"1.jpg": b"one"})
    response = get(server.port, LINK)
    assert time.time_ns() - newest_change_ns(album) >= 1_000_000_000
    assert names_in(response) == {"1.jpg"}


def test_what_is_uploaded_while_a_request_waits_is_in_its_archive(
    serve: Serve, photos_dir: Path
) -> None:
    server = serve("--settle-time", "1", "--settle-wait", "60", "--level", "debug")
    album = make_album(photos_dir, {"1.jpg": b"one"})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get, server.port, LINK)
        server.wait_for("archive.awaited")
        (album / "2.jpg").write_bytes(b"two")
        assert names_in(waiting.result()) == {"1.jpg", "2.jpg"}


def test_an_upload_is_awaited_on_a_file_server_whose_clock_is_behind(
    photos_dir: Path, tmp_path: Path
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"one"})
    flags = ("--settle-time", "1", "--settle-wait", "0")
    with (
        gated(photos_dir, tmp_path / "mounted") as gates,
        serving(gates.root, tmp_path, *flags, variables=clock_ahead(60)) as server,
        (album / "2.jpg").open("wb") as upload,
    ):
        for _ in range(10):
            upload.write(b"two")
            upload.flush()
            assert get(server.port, LINK).status == HTTPStatus.SERVICE_UNAVAILABLE
        eventually(lambda: get(server.port, LINK).status == HTTPStatus.OK)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("link", [LINK, f"{LINK}manifest.json", f"{LINK}?file=1.jpg"])
def test_an_album_that_does_not_come_to_rest_is_refused_for_now(
    serve: Serve, photos_dir: Path, method: str, link: str
) -> None:
    server = serve(*IMPATIENT)
    make_album(photos_dir, {"1.jpg": b"one"})
    response = request(server.port, method, link)
    assert response.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert int(response["retry-after"]) > 0
    assert "content-disposition" not in response
    assert server.wait_for("archive.in_motion")


def test_the_visitor_is_told_that_the_album_is_being_uploaded(
    serve: Serve, photos_dir: Path
) -> None:
    server = serve(*IMPATIENT)
    make_album(photos_dir, {"1.jpg": b"one"})
    russian = get(server.port, LINK, "Accept-Language: ru")
    english = get(server.port, LINK, "Accept-Language: en")
    assert "Альбом ещё загружается" in russian.content.decode()
    assert "The album is still being uploaded" in english.content.decode()


def upload_with_an_old_date(album: Path) -> None:
    (album / "2.jpg").write_bytes(b"two")
    os.utime(album / "2.jpg", (LONG_AGO_S, LONG_AGO_S))
    os.utime(album, (LONG_AGO_S, LONG_AGO_S))


def replace_by_rename(album: Path) -> None:
    (album.parent / "old").replace(album / "1.jpg")


def begin_an_upload_that_no_archive_shows(album: Path) -> None:
    (album / "2.jpg.filepart").touch()


CHANGES = [
    upload_with_an_old_date,
    replace_by_rename,
    begin_an_upload_that_no_archive_shows,
]
"""What is hard to notice; tests/unit/test_local_storage.py has other changes."""


def test_every_change_puts_an_album_in_motion(serve: Serve, photos_dir: Path) -> None:
    server = serve("--settle-time", "5", "--settle-wait", "0")
    for change in CHANGES:
        make_album(photos_dir, {"1.jpg": b"one", "d/2.jpg": b"two"}, change.__name__)
    (photos_dir / "old").write_bytes(b"old")
    os.utime(photos_dir / "old", (LONG_AGO_S, LONG_AGO_S))

    def status(change: Callable[[Path], None]) -> int:
        return get(server.port, f"/archive/{change.__name__}/").status

    eventually(lambda: all(status(change) == HTTPStatus.OK for change in CHANGES))
    for change in CHANGES:
        change(photos_dir / change.__name__)
        assert status(change) == HTTPStatus.SERVICE_UNAVAILABLE, change.__name__


def test_a_date_in_the_future_puts_no_album_in_motion(serve: Serve, photos_dir: Path) -> None:
    server = serve("--settle-time", "0.5")
    album = make_album(photos_dir, {"1.jpg": b"one"})
    next_year_s = time.time() + 365 * 24 * 3600
    os.utime(album / "1.jpg", (next_year_s, next_year_s))
    assert names_in(get(server.port, LINK)) == {"1.jpg"}


def test_an_album_removed_while_it_is_waited_for_is_not_found(
    serve: Serve, photos_dir: Path
) -> None:
    server = serve("--settle-time", "1", "--settle-wait", "60", "--level", "debug")
    make_album(photos_dir, {"1.jpg": b"one"}, "another")
    album = make_album(photos_dir, {"1.jpg": b"one"})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get, server.port, LINK)
        server.wait_for("archive.awaited")
        shutil.rmtree(album)
        assert waiting.result().status == HTTPStatus.NOT_FOUND


def test_requests_for_an_album_at_rest_do_not_wait_for_one_in_motion(
    serve: Serve, photos_dir: Path
) -> None:
    make_album(photos_dir, {"1.jpg": b"one"}, "still")
    server = serve("--settle-time", "2", "--settle-wait", "600", "--level", "debug")
    eventually(lambda: get(server.port, "/archive/still/").status == HTTPStatus.OK)
    album = make_album(photos_dir, {"1.jpg": b"one"})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get, server.port, LINK)
        server.wait_for("archive.awaited")
        assert get(server.port, "/archive/still/").status == HTTPStatus.OK
        assert not waiting.done() or time.time_ns() - newest_change_ns(album) >= 2_000_000_000
        assert waiting.result().status == HTTPStatus.OK


def test_no_file_is_shown_empty_while_it_is_cut_to_be_uploaded_anew(
    serve: Serve, photos_dir: Path
) -> None:
    """The kernel takes its time for a large file, and shows the new size beside the old times."""
    server = serve("--settle-time", "1", "--settle-wait", "0")
    album = make_album(photos_dir, {"1.jpg": b"one"})
    with (album / "video.mp4").open("wb") as file:
        for _ in range(_VIDEO_MIB):
            file.write(b"v" * 1024 * 1024)

    def sizes() -> list[int] | None:
        answer = get(server.port, f"{LINK}manifest.json")
        if answer.status != HTTPStatus.OK:
            return None
        return [file["size"] for file in json.loads(answer.content)["files"]]

    eventually(sizes)
    with ThreadPoolExecutor(1) as pool:
        cutting = pool.submit(os.truncate, album / "video.mp4", 0)
        while not cutting.done():
            assert sizes() in (None, [3, _VIDEO_MIB * 1024 * 1024])
    assert sizes() is None  # an empty file is an upload that begins
