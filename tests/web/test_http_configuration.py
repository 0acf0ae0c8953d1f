"""Other settings make other bytes: no validator of the old ones may stand for the new ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, let_date_begin, make_album
from harness.http import get
from harness.remembered import remember_for_long

ARCHIVE = f"/archive/{HASH}/"


@pytest.fixture
def _album(photos_dir: Path) -> None:
    let_date_begin(make_album(photos_dir, {"1.jpg": b"one", "2.txt": b"two"}))


def date_at(port: int) -> str:
    return get(port, ARCHIVE)["last-modified"]


@pytest.mark.usefixtures("_album")
@pytest.mark.parametrize(
    "flags", [("--exclude", "*.txt"), ("--timezone", "Asia/Tokyo"), ("--no-change-token",)]
)
def test_a_date_of_other_settings_resumes_nothing(
    serve: Serve, photos_dir: Path, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    remember_for_long(photos_dir, tmp_path / "cache")
    before = serve()
    date = date_at(before.port)
    assert get(before.port, ARCHIVE, "Range: bytes=10-", f"If-Range: {date}").status == 206
    before.stop()
    answer = get(serve(*flags).port, ARCHIVE, "Range: bytes=10-", f"If-Range: {date}")
    assert answer.status == 200


@pytest.mark.usefixtures("_album")
def test_a_date_outlives_a_restart_with_the_same_settings(
    serve: Serve, photos_dir: Path, tmp_path: Path
) -> None:
    remember_for_long(photos_dir, tmp_path / "cache")
    first = serve()
    date = date_at(first.port)
    first.stop()
    answer = get(serve().port, ARCHIVE, "Range: bytes=10-", f"If-Range: {date}")
    assert (answer.status, answer["last-modified"]) == (206, date)


@pytest.mark.usefixtures("_album")
def test_a_date_resumes_nothing_while_other_replicas_may_have_other_settings(serve: Serve) -> None:
    server = serve()
    date = date_at(server.port)
    assert get(server.port, ARCHIVE, "Range: bytes=10-", f"If-Range: {date}").status == 200


@pytest.mark.usefixtures("_album")
def test_no_date_is_strong_where_settings_can_not_be_remembered(
    serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    server = serve("--cache-dir", str(tmp_path / "file" / "cache"))
    date = date_at(server.port)
    assert get(server.port, ARCHIVE, "Range: bytes=10-", f"If-Range: {date}").status == 200


@pytest.mark.usefixtures("_album")
@pytest.mark.parametrize("path", [f"{ARCHIVE}?file=nothing", "/nothing", "/archive/nothing/"])
def test_whatever_is_not_found_is_logged(serve: Serve, path: str) -> None:
    server = serve()
    assert get(server.port, path).status == 404
    server.wait_for("event=archive.missing")


@pytest.mark.parametrize(("name", "saved"), [("album", "album.zip"), ("Album.ZIP", "Album.ZIP")])
def test_the_name_of_a_download_ends_as_archives_do(
    serve: Serve, photos_dir: Path, name: str, saved: str
) -> None:
    make_album(photos_dir, {"1.jpg": b"one"})
    answer = get(serve("--download-name", name).port, f"/archive/{HASH}/")
    assert f'filename="{saved}"' in answer["content-disposition"]
