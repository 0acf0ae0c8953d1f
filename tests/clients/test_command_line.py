"""curl, wget and aria2c: interrupted downloads are resumed to the identical archive.

Known of the clients: curl 7.88 and wget 1.21 send neither If-Range nor If-Match when they resume.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.clients import run_client, started_client
from harness.http import get
from harness.server import Server, serving

from archive_service.archive.signed_link import Link

TARGET = f"/archive/{HASH}/"
NAME = "archive.zip"
FILES = {"1.jpg": noise(3_000_000), "2.jpg": noise(9_000_000), "notes/3.txt": b"three"}
ONE_PIECE_ONLY = ("--debug", "--delay", "60", "--level", "debug")
"""Flags of a server that sends the first 256 KiB and then pauses for longer than a test."""
PIECE_BYTES = 256 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that no test stops."""
    photos_dir, cache_dir = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("cache")
    make_album(photos_dir, FILES)
    with serving(photos_dir, cache_dir) as server:
        yield server


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    path = tmp_path / "downloads"
    path.mkdir()
    return path


def url_of(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}{TARGET}"


def whole_archive(server: Server) -> bytes:
    answer = get(server.port, TARGET)
    assert answer.status == 200
    return answer.content


def curl(url: str) -> list[str]:
    # Without -f: with it curl 7.88 fails on the 416 for a complete file.
    return ["curl", "-sS", "-C", "-", "-o", NAME, url]


def wget(url: str) -> list[str]:
    return ["wget", "-nv", "-c", "--tries=1", "-O", NAME, url]


def aria2c(url: str) -> list[str]:
    splitting = ["-x", "8", "-s", "8", "-k", "1M"]
    return [
        "aria2c",
        "-q",
        "-c",
        "--max-tries=1",
        "--file-allocation=none",
        *splitting,
        "-o",
        NAME,
        url,
    ]


RESUMING: dict[str, Callable[[str], list[str]]] = {"curl": curl, "wget": wget}
ALL_CLIENTS = {**RESUMING, "aria2c": aria2c}


@pytest.mark.parametrize("client", ALL_CLIENTS)
def test_download_cut_by_a_killed_server_is_resumed_by_the_next(
    client: str, photos_dir: Path, serve: Serve, downloads: Path
) -> None:
    make_album(photos_dir, FILES)
    first = serve(*ONE_PIECE_ONLY)
    with started_client(ALL_CLIENTS[client](url_of(first)), downloads) as process:
        first.wait_for(rf"event=download\.piece .*sent_bytes={PIECE_BYTES} ")
        first.process.kill()
        process.communicate(timeout=120)
    assert process.returncode != 0
    assert (downloads / NAME).stat().st_size > 0

    second = serve()
    done = run_client(ALL_CLIENTS[client](url_of(second)), downloads)
    assert done.returncode == 0, done.stdout
    assert (downloads / NAME).read_bytes() == whole_archive(second)
    resumed = second.wait_for(r"event=download\.resumed .*status=206 first_pos=(\d+)")
    # Not all of the piece: aria2c may throw away what it had not yet written.
    assert int(resumed[1]) > 0


def test_curl_resumes_after_its_link_has_expired_where_it_is_told_the_entity_tag(
    photos_dir: Path, serve: Serve, downloads: Path
) -> None:
    key = "key-of-0123456789"
    variables = {"SIGNING_KEYS": key}
    make_album(photos_dir, FILES)

    def url(server: Server, life_s: int) -> str:
        link = Link(HASH, int(time.time()) + life_s).signed(key.encode())
        return f"http://127.0.0.1:{server.port}{link}"

    first = serve(*ONE_PIECE_ONLY, variables=variables)
    command = ["curl", "-sS", "--etag-save", "tag", "-o", NAME, url(first, 60)]
    with started_client(command, downloads) as process:
        first.wait_for(rf"event=download\.piece .*sent_bytes={PIECE_BYTES} ")
        first.process.kill()
        process.communicate(timeout=120)
    begun = (downloads / NAME).read_bytes()
    assert begun

    second = serve(variables=variables)
    refused = run_client(["curl", "-sS", "-f", "-C", "-", "-o", NAME, url(second, -60)], downloads)
    assert refused.returncode == 22, refused.stdout
    assert (downloads / NAME).read_bytes() == begun
    tag = (downloads / "tag").read_text().strip()
    told = ["-H", f"If-Match: {tag}"]
    done = run_client(
        ["curl", "-sS", "-f", "-C", "-", *told, "-o", NAME, url(second, -60)], downloads
    )
    assert done.returncode == 0, done.stdout
    whole = run_client(["curl", "-sS", "-f", "-o", "whole", url(second, 60)], downloads)
    assert whole.returncode == 0, whole.stdout
    assert (downloads / NAME).read_bytes() == (downloads / "whole").read_bytes()


@pytest.mark.parametrize("client", RESUMING)
@pytest.mark.parametrize("part", ["1 byte", "a header", "half", "all but 1 byte"])
def test_partial_file_is_completed(client: str, part: str, server: Server, downloads: Path) -> None:
    whole = whole_archive(server)
    lengths = {"1 byte": 1, "a header": 20, "half": len(whole) // 2, "all but 1 byte": -1}
    (downloads / NAME).write_bytes(whole[: lengths[part]])
    done = run_client(ALL_CLIENTS[client](url_of(server)), downloads)
    assert done.returncode == 0, done.stdout
    assert (downloads / NAME).read_bytes() == whole


@pytest.mark.parametrize("client", ALL_CLIENTS)
def test_complete_file_is_left_alone(client: str, server: Server, downloads: Path) -> None:
    whole = whole_archive(server)
    (downloads / NAME).write_bytes(whole)
    done = run_client(ALL_CLIENTS[client](url_of(server)), downloads)
    assert done.returncode == 0, done.stdout
    assert (downloads / NAME).read_bytes() == whole


def test_aria2c_downloads_over_several_connections(server: Server, downloads: Path) -> None:
    before = len(server.lines)
    done = run_client(aria2c(url_of(server)), downloads)
    assert done.returncode == 0, done.stdout
    assert [path.name for path in downloads.iterdir()] == [NAME]
    assert (downloads / NAME).read_bytes() == whole_archive(server)
    answers = [line for line in server.lines[before:] if "status=206" in line]
    assert len(answers) >= 4


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "archive.zip"),
        ("?name=wedding%202024", "wedding 2024.zip"),
        # curl 7.88 knows `filename` only, which is the fallback in ASCII.
        ("?name=%D0%9B%D0%B5%D1%82%D0%BE", "archive.zip"),
        ("?name=..%20up", "_.. up.zip"),
    ],
)
def test_curl_saves_under_the_name_that_the_server_gives(
    query: str, name: str, server: Server, downloads: Path
) -> None:
    done = run_client(["curl", "-sS", "-f", "-OJ", url_of(server) + query], downloads)
    assert done.returncode == 0, done.stdout
    assert [path.name for path in downloads.iterdir()] == [name]
    assert (downloads / name).read_bytes() == whole_archive(server)


def test_wget_saves_under_the_name_that_the_server_gives(server: Server, downloads: Path) -> None:
    command = ["wget", "-nv", "--content-disposition", url_of(server) + "?name=wedding"]
    done = run_client(command, downloads)
    assert done.returncode == 0, done.stdout
    assert [path.name for path in downloads.iterdir()] == ["wedding.zip"]


def test_missing_archive_leaves_no_file(server: Server, downloads: Path) -> None:
    url = url_of(server).replace(HASH, "f" * 32)
    assert run_client(["curl", "-sS", "-f", "-OJ", url], downloads).returncode == 22
    assert run_client(["wget", "-nv", "--content-disposition", url], downloads).returncode == 8
    assert list(downloads.iterdir()) == []
