"""The manifest against the archive that it describes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
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

PIECE_BYTES = 512 * 1024
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
    flags = ("--empty-archives", "zip")
    with serving(photos_dir, tmp_path_factory.mktemp("cache"), *flags) as server:
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


def test_the_short_form_tells_size_count_and_newest_time(
    connection: Connection, manifest: Mapping[str, Any]
) -> None:
    answer = connection.exchange("GET", f"{TARGET}manifest.json?summary")
    assert (answer.status, answer["content-type"]) == (200, "application/json")
    assert json.loads(answer.content) == {
        "size": manifest["size"],
        "count": manifest["count"],
        "etag": manifest["etag"],
        "modified": max(file["modified"] for file in manifest["files"]),
    }


def test_the_short_form_of_a_part_is_of_the_part(connection: Connection) -> None:
    part = connection.exchange("GET", f"{TARGET}manifest.json?file=1.jpg&summary=")
    assert json.loads(part.content)["count"] == 1


def test_the_short_form_of_an_album_without_files_has_no_time(connection: Connection) -> None:
    answer = connection.exchange("GET", f"/archive/{EMPTY}/manifest.json?summary")
    assert (json.loads(answer.content)["count"], json.loads(answer.content)["modified"]) == (
        0,
        None,
    )


@pytest.mark.parametrize("form", ["", "?summary"])
def test_both_forms_have_fields_and_tags_of_their_own(connection: Connection, form: str) -> None:
    target = f"{TARGET}manifest.json{form}"
    answer = connection.exchange("GET", target)
    head = connection.exchange("HEAD", target)
    assert head["content-length"] == answer["content-length"] == str(len(answer.content))
    assert head["etag"] == answer["etag"]
    unchanged = connection.exchange("GET", target, f"If-None-Match: {answer['etag']}")
    assert unchanged.status == 304
    guard = f"If-Match: {answer['etag']}"
    part = connection.exchange("GET", target, "Range: bytes=5-9", guard)
    assert (part.status, part.content) == (206, answer.content[5:10])


@pytest.mark.parametrize(
    ("bare", "status"), [("0-9", 206), ("-9", 206), ("5-9", 412), ("5-", 412), ("1000000-", 412)]
)
def test_a_bare_range_never_continues_a_manifest(
    connection: Connection, bare: str, status: int
) -> None:
    """The client may have the start of another one."""
    target = f"{TARGET}manifest.json"
    assert connection.exchange("GET", target, f"Range: bytes={bare}").status == status


def test_the_manifest_is_printed_once_for_all_who_ask(photos_dir: Path, tmp_path: Path) -> None:
    """Many at once take no more memory than one, and HEAD none."""
    make_album(
        photos_dir, {f"{number:05}-{'x' * 200}.jpg": b"" for number in range(20_000)}, "many"
    )
    target = "/archive/many/manifest.json"
    with serving(photos_dir, tmp_path, "--settle-wait", "0") as server:
        body = get(server.port, target).content
        before = server.peak_memory_bytes()
        with ThreadPoolExecutor(20) as pool:
            for answer in pool.map(lambda _: get(server.port, target), range(40)):
                assert answer.content == body
        assert server.peak_memory_bytes() - before < 6 * len(body)


def test_a_manifest_of_many_pieces_is_sent_whole_and_in_ranges(
    photos_dir: Path, tmp_path: Path
) -> None:
    make_album(
        photos_dir, {f"{number:04}-{'x' * 200}.jpg": b"" for number in range(5000)}, "pieces"
    )
    target = "/archive/pieces/manifest.json"
    with serving(photos_dir, tmp_path, "--settle-wait", "0") as server:
        whole = get(server.port, target)
        body = whole.content
        assert len(body) > 2 * PIECE_BYTES
        assert len(json.loads(body)["files"]) == 5000
        first, last = PIECE_BYTES - 1, 2 * PIECE_BYTES
        fields = (f"Range: bytes={first}-{last}", f"If-Range: {whole['etag']}")
        part = get(server.port, target, *fields)
        assert (part.status, part.content) == (206, body[first : last + 1])
