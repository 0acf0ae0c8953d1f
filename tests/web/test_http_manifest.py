"""The manifest against the archive that it describes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zipfile import ZipFile

import pytest
from harness.albums import HASH, LONG_AGO_S, make_album, noise
from harness.http import Connection, Response, connected, get
from harness.server import Server, serving

TARGET = f"/archive/{HASH}/"
ALBUM = {
    "1.jpg": noise(300_000),
    "empty.txt": b"",
    "none/": b"",
    "sub/2.jpg": noise(10),
    "Отпуск/море.jpg": noise(20),
    "📷.jpg": noise(30),
    "a:b?.jpg": noise(40),
    "photo.jpg": noise(50),
    "PHOTO.JPG": noise(60),
    "con.jpg": noise(70),
    "кафе\u0301.jpg": noise(80),
    ".hidden.jpg": b"hidden",
    "upload.filepart": b"half",
}
EMPTY = "empty"
MTIMES_S = {
    "1.jpg": 0,
    "empty.txt": 315_532_799,  # 1979, before what DOS knows
    "photo.jpg": LONG_AGO_S + 0.75,
    "📷.jpg": 4_354_819_200,  # 2108, after what DOS knows
    "con.jpg": -86_400,
}


@pytest.fixture(scope="module")
def photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos")
    album = make_album(path, ALBUM)
    for name, mtime_s in MTIMES_S.items():
        os.utime(album / name, (mtime_s, mtime_s))
    make_album(path, {}, EMPTY)
    return path


@pytest.fixture(scope="module")
def server(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(photos_dir, tmp_path_factory.mktemp("cache")) as server:
        yield server


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    with connected(server.port) as connection:
        yield connection


@pytest.fixture(scope="module")
def archive(connection: Connection) -> Response:
    return connection.exchange("GET", TARGET)


@pytest.fixture(scope="module")
def manifest(connection: Connection) -> dict[str, Any]:
    return manifest_of(connection, TARGET)


def manifest_of(connection: Connection, target: str) -> dict[str, Any]:
    answer = connection.exchange("GET", f"{target}manifest.json")
    assert (answer.status, answer["content-type"]) == (200, "application/json")
    found: dict[str, Any] = json.loads(answer.content.decode("utf-8"))
    return found


def by_name(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {file["name"]: file for file in manifest["files"]}


def test_size_and_etag_are_those_of_the_archive(
    manifest: Mapping[str, Any], archive: Response
) -> None:
    assert manifest["size"] == len(archive.content) == int(archive["content-length"])
    assert manifest["etag"] == archive["etag"]


def test_names_and_sizes_are_those_in_the_archive(
    manifest: Mapping[str, Any], archive: Response
) -> None:
    with ZipFile(BytesIO(archive.content)) as found:
        files = [(info.filename, info.file_size) for info in found.infolist() if not info.is_dir()]
    assert [(file["name"], file["size"]) for file in manifest["files"]] == files


def test_count_is_of_files_alone(manifest: Mapping[str, Any]) -> None:
    assert manifest["count"] == len(manifest["files"])
    assert "none/" not in by_name(manifest)


def test_what_is_left_out_is_not_listed(manifest: Mapping[str, Any]) -> None:
    assert not {".hidden.jpg", "upload.filepart"} & by_name(manifest).keys()


def test_renames_are_told_and_nothing_else(manifest: Mapping[str, Any]) -> None:
    renames = {file["name"]: file["original"] for file in manifest["files"] if "original" in file}
    # The number goes to one of the two that differ in case alone.
    numbered = renames.keys() & {"photo (2).jpg", "PHOTO (2).JPG"}
    assert len(numbered) == 1
    assert renames == {
        "a_b_.jpg": "a:b?.jpg",
        "_con.jpg": "con.jpg",
        **{name: name.replace(" (2)", "") for name in numbered},
    }


@pytest.mark.parametrize("name", ["name", "original"])
def test_listed_names_can_be_asked_for(
    connection: Connection, manifest: Mapping[str, Any], name: str
) -> None:
    for file in manifest["files"]:
        if name in file and file[name] not in by_name(manifest).keys() - {file["name"]}:
            query = f"?file={quote(file[name])}"
            answer = connection.exchange("GET", TARGET + query)
            with ZipFile(BytesIO(answer.content)) as found:
                assert found.namelist() == [file["name"]]


def test_times_are_utc_as_on_the_disk(manifest: Mapping[str, Any]) -> None:
    modified = {
        file.get("original", file["name"]): datetime.fromisoformat(
            file["modified"].replace("Z", "+00:00")
        )
        for file in manifest["files"]
    }
    assert len(modified) == manifest["count"]
    for name, moment in modified.items():
        expected_s = MTIMES_S.get(name, LONG_AGO_S) // 1
        assert moment == datetime.fromtimestamp(expected_s, timezone.utc)


def test_times_are_of_one_form(manifest: Mapping[str, Any]) -> None:
    # RFC 3339 section 5.6, to the second
    assert all(len(file["modified"]) == len("2020-09-13T12:26:40Z") for file in manifest["files"])
    assert all(file["modified"].endswith("Z") for file in manifest["files"])


def test_empty_album(connection: Connection) -> None:
    target = f"/archive/{EMPTY}/"
    archive = connection.exchange("GET", target)
    assert manifest_of(connection, target) == {
        "size": len(archive.content),
        "count": 0,
        "etag": archive["etag"],
        "files": [],
    }


def test_is_the_same_until_the_album_changes(server: Server, photos_dir: Path) -> None:
    make_album(photos_dir, {"1.jpg": b"one"}, "changing")
    target = "/archive/changing/manifest.json"
    first, second = get(server.port, target), get(server.port, target)
    assert (first.content, first["etag"]) == (second.content, second["etag"])
    assert get(server.port, target, f"If-None-Match: {first['etag']}").status == 304
    (photos_dir / "changing" / "2.jpg").write_bytes(b"two")
    changed = get(server.port, target, f"If-None-Match: {first['etag']}")
    assert changed.status == 200
    assert json.loads(changed.content)["count"] == 2


def test_is_the_same_on_a_fresh_server(
    server: Server, photos_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with serving(photos_dir, tmp_path_factory.mktemp("cache")) as other:
        answers = [get(port, f"{TARGET}manifest.json") for port in (server.port, other.port)]
    assert answers[0].content == answers[1].content
    assert answers[0]["etag"] == answers[1]["etag"]


def test_is_compact_and_plain_utf_8(connection: Connection) -> None:
    content = connection.exchange("GET", f"{TARGET}manifest.json").content
    assert "Отпуск/море.jpg".encode() in content
    assert not content.startswith(b"\xef\xbb\xbf")
    assert b"\n" not in content
