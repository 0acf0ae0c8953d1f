"""Albums without files: a page that says so, unless an empty zip is wanted."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from conftest import Serve
from harness.albums import HASH, make_album
from harness.http import get, request

TARGET = f"/archive/{HASH}/"


@pytest.mark.parametrize("files", [{}, {"only/directories/": b""}, {".hidden.jpg": b"hidden"}])
def test_album_without_files_is_a_kind_page(
    serve: Serve, photos_dir: Path, files: dict[str, bytes]
) -> None:
    make_album(photos_dir, files)
    server = serve("--miss-limit", "1")
    for _ in range(5):  # is no guess, which would be slowed and counted
        answer = get(server.port, TARGET, "Accept-Language: ru")
        assert answer.status == 404
        assert "В архиве пока нет файлов" in answer.content.decode()
    assert request(server.port, "HEAD", TARGET).status == 404
    failure = json.loads(get(server.port, TARGET, "Accept: application/json").content)
    assert failure["error"] == "empty_archive"
    manifest = get(server.port, f"{TARGET}manifest.json")
    assert (manifest.status, json.loads(manifest.content)["count"]) == (200, 0)
    assert not [line for line in server.lines if "archive.missing" in line]


def test_archive_is_there_with_the_first_file(serve: Serve, photos_dir: Path) -> None:
    album = make_album(photos_dir, {})
    server = serve()
    assert get(server.port, TARGET).status == 404
    (album / "1.jpg").write_bytes(b"first")
    assert get(server.port, TARGET).status == 200


def test_empty_zip_can_be_had(serve: Serve, photos_dir: Path) -> None:
    make_album(photos_dir, {})
    answer = get(serve("--empty-archives", "zip").port, TARGET)
    assert answer.status == 200
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.namelist() == []
