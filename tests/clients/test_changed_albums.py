"""Download programs while the album changes: none ends with success and a mixture of two archives.

The service cuts a download whose files were replaced.  Programs then ask for the rest, most of them
by a range that nothing guards, at once or when they are started again.  Without the incomplete file
they get the new archive.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.clients import run_client, started_client
from harness.conditions import eventually
from harness.http import get
from harness.readers import need
from harness.server import Server

TARGET = f"/archive/{HASH}/"
NAME = "archive.zip"
FILE_BYTES = 400_000
BYTES_PER_S = 3_000_000
FILES = {f"{number:02d}.jpg": noise(FILE_BYTES, seed=number) for number in range(12)}
OTHERS = "User-Agent: another program"
BEGUN = r"event=download\.piece"
QUARTER = re.compile(r"event=download\.piece .*content_length=1\d{6} request=(\w+)")
"""A piece of one of axel's four connections; it leaves the request that it makes before at once."""
RETRIES = 2
"""Times that a user starts a failed program again."""


def wget(url: str) -> list[str]:
    return ["wget", "-nv", "--tries=3", "--waitretry=1", "-O", NAME, url]


def wget_continued(url: str) -> list[str]:
    return ["wget", "-nv", "-c", "--tries=1", "-O", NAME, url]


def wget2(url: str) -> list[str]:
    return ["wget2", "-q", "-c", "--tries=3", "--max-threads=1", "-O", NAME, url]


def curl(url: str) -> list[str]:
    return ["curl", "-sS", "-f", "-C", "-", "-o", NAME, url]


def curl_retrying(url: str) -> list[str]:
    retrying = ["--retry", "3", "--retry-all-errors", "--retry-delay", "1"]
    return ["curl", "-sS", "-f", *retrying, "-C", "-", "-o", NAME, url]


def busybox(url: str) -> list[str]:
    return ["busybox", "wget", "-q", "-c", "-O", NAME, url]


def apt_helper(url: str) -> list[str]:
    # It is the one program here that resumes with a date in If-Range.
    return ["/usr/lib/apt/apt-helper", "download-file", url, NAME]


def aria2c(url: str) -> list[str]:
    splitting = ["-x", "4", "-s", "4", "-k", "1M", "--file-allocation=none"]
    return ["aria2c", "-q", "-c", "--max-tries=3", "--retry-wait=1", *splitting, "-o", NAME, url]


def axel(url: str) -> list[str]:
    # It repeats a refused request for ever.
    return ["timeout", "8", "axel", "-q", "-n", "4", "-o", NAME, url]


def lftp(url: str) -> list[str]:
    settings = "set net:max-retries 3; set net:reconnect-interval-base 1; set xfer:clobber true"
    return ["lftp", "-c", f"{settings}; get -c {url} -o {NAME}"]


def lftp_in_parts(url: str) -> list[str]:
    settings = "set net:max-retries 3; set net:reconnect-interval-base 1"
    return ["lftp", "-c", f"{settings}; pget -c -n 4 {url} -o {NAME}"]


def httpie(url: str) -> list[str]:
    return ["http", "--ignore-stdin", "--check-status", "--download", "-c", "-o", NAME, url]


CLIENTS: dict[str, Callable[[str], list[str]]] = {
    "wget": wget,
    "wget -c": wget_continued,
    "wget2": wget2,
    "curl": curl,
    "curl --retry": curl_retrying,
    "busybox": busybox,
    "/usr/lib/apt/apt-helper": apt_helper,
    "aria2c": aria2c,
    "axel": axel,
    "lftp get": lftp,
    "lftp pget": lftp_in_parts,
    "http": httpie,
}


def replace_equally(album: Path) -> None:
    for number, name in enumerate(FILES):
        _replace(album / name, noise(FILE_BYTES, seed=100 + number))


def replace_by_longer(album: Path) -> None:
    for number, name in enumerate(FILES):
        _replace(album / name, noise(FILE_BYTES + 1000, seed=100 + number))


def remove_most(album: Path) -> None:
    for name in list(FILES)[1:]:
        (album / name).unlink()


def _replace(path: Path, data: bytes) -> None:
    other = path.with_name(".other")
    other.write_bytes(data)
    other.replace(path)


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    path = tmp_path / "downloads"
    path.mkdir()
    return path


def quarter(line: str) -> str | None:
    """Return the request of one of axel's connections that a line is about."""
    found = QUARTER.search(line)
    return found[1] if found else None


def url_of(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}{TARGET}"


@pytest.mark.parametrize("change", [replace_equally, replace_by_longer, remove_most])
@pytest.mark.parametrize("client", CLIENTS)
def test_success_means_one_archive(
    client: str,
    change: Callable[[Path], None],
    photos_dir: Path,
    serve: Serve,
    downloads: Path,
) -> None:
    need(client.split(maxsplit=1)[0])
    album = make_album(photos_dir, FILES)
    bytes_per_s = BYTES_PER_S // 3 if client == "axel" else BYTES_PER_S
    server = serve("--level", "debug", "--rate-limit-per-download", f"{bytes_per_s}")
    old = get(server.port, TARGET, OTHERS).content
    server.wait_for(r"event=download\.finished")
    after = len(server.lines)
    command = CLIENTS[client](url_of(server))
    with started_client(command, downloads) as process:
        server.wait_for(BEGUN, after=after)
        if client == "axel":  # the album that a connection finds is one that it may begin with
            eventually(lambda: len(set(filter(None, map(quarter, server.lines)))) == 4)
        change(album)
        server.wait_for(r"event=download\.interrupted .*reason=(rewritten|resized|vanished)")
        process.communicate(timeout=60)
    status = process.returncode
    for _ in range(RETRIES):
        if status:
            status = run_client(command, downloads).returncode
    whole = get(server.port, TARGET, OTHERS).content
    if client == "wget2" and not status:  # 1.99 takes what it has got for the whole
        assert old.startswith((downloads / NAME).read_bytes())
    elif not status:
        assert (downloads / NAME).read_bytes() == whole

    for left in downloads.glob(f"{NAME}*"):  # aria2, axel and lftp note how far they are
        left.unlink()
    anew = run_client(command, downloads)
    assert anew.returncode == 0, anew.stdout
    assert (downloads / NAME).read_bytes() == whole


@pytest.mark.parametrize("client", CLIENTS)
def test_download_of_an_album_at_rest_succeeds(
    client: str, photos_dir: Path, serve: Serve, downloads: Path
) -> None:
    need(client.split(maxsplit=1)[0])
    make_album(photos_dir, FILES)
    server = serve("--level", "debug")
    done = run_client(CLIENTS[client](url_of(server)), downloads)
    assert done.returncode == 0, done.stdout
    assert (downloads / NAME).read_bytes() == get(server.port, TARGET).content


def wget_if_match(url: str, etag: str) -> list[str]:
    return ["wget", "-nv", "-c", "--tries=1", "--header", f"If-Match: {etag}", "-O", NAME, url]


def curl_if_match(url: str, etag: str) -> list[str]:
    return ["curl", "-sS", "-f", "-C", "-", "-H", f"If-Match: {etag}", "-o", NAME, url]


@pytest.mark.parametrize("command", [wget_if_match, curl_if_match])
def test_the_entity_tag_by_hand_makes_it_certain(
    command: Callable[[str, str], list[str]], photos_dir: Path, serve: Serve, downloads: Path
) -> None:
    album = make_album(photos_dir, FILES)
    server = serve()
    whole = get(server.port, TARGET, OTHERS)
    part = whole.content[:1_000_000]
    (downloads / NAME).write_bytes(part)
    done = run_client(command(url_of(server), whole["etag"]), downloads)
    assert done.returncode == 0, done.stdout
    assert (downloads / NAME).read_bytes() == whole.content

    (downloads / NAME).write_bytes(part)
    replace_equally(album)
    refused = run_client(command(url_of(server), whole["etag"]), downloads)
    assert refused.returncode != 0
    assert (downloads / NAME).read_bytes() == part
