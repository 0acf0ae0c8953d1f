"""Albums that are uploaded by FTP while visitors download them."""

from __future__ import annotations

import ftplib
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from http import HTTPStatus
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, noise
from harness.clients import run_client
from harness.conditions import eventually
from harness.ftp import FtpServer, make_directories, pyftpdlib, upload, upload_a_part, vsftpd
from harness.http import Response, Truncated, get
from harness.indexed import unknown_files
from harness.server import Server

LINK = f"/archive/{HASH}/"
NO_SETTLING = ("--settle-time", "1", "--settle-wait", "0", "--index-ahead", "watch")
WITHIN_S = 120.0
PICTURES: Mapping[str, bytes] = {
    f"{folder}{number}.jpg": noise(200_000 + number, seed=number)
    for number, folder in enumerate(("", "", "day 1/", "day 1/", "day 2/eve/"))
}
DIRECTORIES = (HASH, f"{HASH}/day 1", f"{HASH}/day 2", f"{HASH}/day 2/eve")


@pytest.fixture(params=[vsftpd, pyftpdlib])
def ftp(request: pytest.FixtureRequest, photos_dir: Path, tmp_path: Path) -> Iterator[FtpServer]:
    """An FTP server over the albums."""
    running: Callable[[Path, Path], AbstractContextManager[FtpServer]] = request.param
    with running(photos_dir, tmp_path) as server:
        yield server


@pytest.fixture
def server(serve: Serve) -> Server:
    return serve(*NO_SETTLING)


@pytest.fixture
def slow_server(serve: Serve) -> Server:
    """A server that waits for longer than an upload may stall on a busy machine."""
    return serve(*NO_SETTLING, "--settle-time", "3")


def upload_all(client: ftplib.FTP, files: Mapping[str, bytes] = PICTURES) -> None:
    make_directories(client, DIRECTORIES)
    for name, data in files.items():
        upload(client, f"{HASH}/{name}", data)


def files_in(response: Response) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}


def await_album(server: Server, files: Mapping[str, bytes]) -> None:
    """Wait until the album is given out; then it has to be this one."""
    response = eventually(lambda: _given_out(server), within_s=WITHIN_S)
    assert files_in(response) == files


def _given_out(server: Server) -> Response | None:
    response = get(server.port, LINK)
    return response if response.status == HTTPStatus.OK else None


class Visitor:
    """Downloads again and again until stopped."""

    def __init__(self, server: Server) -> None:
        self.archives: list[Response] = []
        self.statuses: list[int] = []
        self.refused = threading.Event()
        self._server = server
        self._leaving = threading.Event()

    def __call__(self) -> None:
        while not self._leaving.wait(0.01):
            try:
                response = get(self._server.port, LINK)
            except Truncated:  # which every client takes for a failure
                continue
            self.statuses.append(response.status)
            if response.status == HTTPStatus.OK:
                self.archives.append(response)
            elif response.status == HTTPStatus.SERVICE_UNAVAILABLE:
                self.refused.set()

    def leave(self) -> None:
        self._leaving.set()


def visiting(server: Server, act: Callable[[Visitor], None]) -> Visitor:
    """Let visitors download while something is done."""
    visitor = Visitor(server)
    with ThreadPoolExecutor(3) as pool:
        visits = [pool.submit(visitor) for _ in range(3)]
        try:
            act(visitor)
        finally:
            visitor.leave()
        for visit in visits:
            visit.result()
    return visitor


def test_nobody_gets_half_a_picture_of_an_album_that_is_uploaded(
    slow_server: Server, ftp: FtpServer
) -> None:
    def act(visitor: Visitor) -> None:
        with ftp.client() as client:
            make_directories(client, DIRECTORIES)
            for name, data in PICTURES.items():
                visitor.refused.clear()
                # Every picture stops half-way until a visitor has come.
                upload(client, f"{HASH}/{name}", data, lambda sent: _halt(visitor, sent))
        eventually(lambda: visitor.archives, within_s=WITHIN_S)

    visitor = visiting(slow_server, act)
    for archive in visitor.archives:
        assert files_in(archive).items() <= PICTURES.items()
    assert files_in(visitor.archives[-1]) == PICTURES
    assert HTTPStatus.SERVICE_UNAVAILABLE in visitor.statuses
    others = set(visitor.statuses) - {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}
    assert others <= {HTTPStatus.NOT_FOUND}


def _halt(visitor: Visitor, sent_bytes: int) -> None:
    if sent_bytes > 100_000:
        # Each of the blocks after it changes the file, so the album is never still for long.
        visitor.refused.wait(0.1)


def test_a_picture_that_is_uploaded_anew_is_given_out_old_or_new(
    slow_server: Server, ftp: FtpServer
) -> None:
    old = {"1.jpg": noise(300_000, seed=1), "2.jpg": noise(1000, seed=2)}
    new = {**old, "1.jpg": noise(300_000, seed=3)}

    def act(visitor: Visitor) -> None:
        with ftp.client() as client:
            upload_all(client, old)
            await_album(slow_server, old)
            visitor.refused.clear()
            upload(client, f"{HASH}/1.jpg", new["1.jpg"], lambda sent: _halt(visitor, sent))
            assert visitor.refused.is_set()
        await_album(slow_server, new)

    for archive in visiting(slow_server, act).archives:
        assert files_in(archive) in (old, new)


def test_an_upload_that_broke_off_is_resumed(server: Server, ftp: FtpServer) -> None:
    data = PICTURES["0.jpg"]
    with ftp.client() as client:
        make_directories(client, [HASH])
        upload_a_part(client, f"{HASH}/0.jpg", data[:100_000])
    with ftp.client() as client:
        client.voidcmd("TYPE I")
        arrived = eventually(lambda: client.size(f"{HASH}/0.jpg"))
        assert arrived == 100_000
        upload(client, f"{HASH}/0.jpg", data, rest=arrived)
    await_album(server, {"0.jpg": data})


def test_curl_and_lftp_resume_an_upload_by_appending(
    server: Server, ftp: FtpServer, tmp_path: Path
) -> None:
    (tmp_path / "0.jpg").write_bytes(PICTURES["0.jpg"])
    with ftp.client() as client:
        make_directories(client, [HASH])
        upload_a_part(client, f"{HASH}/0.jpg", PICTURES["0.jpg"][:70_000])
        upload_a_part(client, f"{HASH}/1.jpg", PICTURES["0.jpg"][:70_000])
    curl = ["curl", "-sS", "-C", "-", "-T", "0.jpg", ftp.url(f"{HASH}/0.jpg")]
    assert run_client(curl, tmp_path).returncode == 0
    script = f"set net:max-retries 1; put -c 0.jpg -o {HASH}/1.jpg"
    lftp = ["lftp", "-e", f"{script}; quit", ftp.url("")]
    assert run_client(lftp, tmp_path).returncode == 0
    await_album(server, {"0.jpg": PICTURES["0.jpg"], "1.jpg": PICTURES["0.jpg"]})


@pytest.mark.parametrize("temporary", [".in.0.jpg.", "0.jpg.filepart", "0.jpg.part", "0.tmp"])
def test_a_picture_appears_when_it_gets_its_name(
    server: Server, ftp: FtpServer, temporary: str
) -> None:
    with ftp.client() as client:
        upload_all(client, {"1.jpg": PICTURES["1.jpg"]})
        upload(client, f"{HASH}/{temporary}", PICTURES["0.jpg"])
        await_album(server, {"1.jpg": PICTURES["1.jpg"]})
        client.rename(f"{HASH}/{temporary}", f"{HASH}/0.jpg")
    await_album(server, {name: PICTURES[name] for name in ("0.jpg", "1.jpg")})


def test_what_is_renamed_or_deleted_is_so_in_the_archive(server: Server, ftp: FtpServer) -> None:
    with ftp.client() as client:
        upload_all(client)
        await_album(server, PICTURES)
        client.rename(f"{HASH}/0.jpg", f"{HASH}/z.jpg")
        client.rename(f"{HASH}/day 1", f"{HASH}/night 1")
        client.delete(f"{HASH}/1.jpg")
        left = {name.replace("day 1", "night 1"): data for name, data in PICTURES.items()}
        left["z.jpg"] = left.pop("0.jpg")
        del left["1.jpg"]
        await_album(server, left)


def test_an_album_that_is_removed_is_not_found(
    server: Server, ftp: FtpServer, photos_dir: Path
) -> None:
    (photos_dir / "another").mkdir()  # a site without any album looks like a missing disk
    with ftp.client() as client:
        upload_all(client, {"0.jpg": PICTURES["0.jpg"]})
        await_album(server, {"0.jpg": PICTURES["0.jpg"]})
        client.delete(f"{HASH}/0.jpg")
        for directory in reversed(DIRECTORIES):
            client.rmd(directory)
    assert get(server.port, LINK).status == HTTPStatus.NOT_FOUND


def test_a_date_that_the_client_sets_is_that_of_the_picture(
    server: Server, ftp: FtpServer, photos_dir: Path, tmp_path: Path
) -> None:
    with ftp.client() as client:
        upload_all(client)
        await_album(server, PICTURES)
        before = get(server.port, LINK)["etag"]
        answer = client.sendcmd(f"{ftp.sets_dates_by} 20200102030405 {HASH}/0.jpg")
        assert answer.startswith("213")
    await_album(server, PICTURES)
    assert get(server.port, LINK)["etag"] != before
    manifest = json.loads(get(server.port, f"{LINK}manifest.json").content)
    times = {file["name"]: file["modified"] for file in manifest["files"]}
    assert times["0.jpg"].startswith("2020-01-02T03:04:05")
    eventually(lambda: not unknown_files(photos_dir, tmp_path / "cache", HASH), within_s=WITHIN_S)


def test_names_of_an_old_client_are_read_in_its_encoding(server: Server, ftp: FtpServer) -> None:
    with ftp.client("cp1251") as client:
        make_directories(client, [HASH, f"{HASH}/Ёлка"])
        upload(client, f"{HASH}/Ёлка/фото № 1.jpg", PICTURES["0.jpg"])
    with ftp.client() as client:
        upload(client, f"{HASH}/фото № 2.jpg", PICTURES["1.jpg"])
    await_album(server, {"Ёлка/фото № 1.jpg": PICTURES["0.jpg"], "фото № 2.jpg": PICTURES["1.jpg"]})


def test_an_upload_by_ftp_is_indexed_before_it_is_asked_for(
    server: Server, ftp: FtpServer, photos_dir: Path, tmp_path: Path
) -> None:
    with ftp.client() as client:
        upload_all(client)
        client.sendcmd(f"{ftp.sets_dates_by} 20200102030405 {HASH}/0.jpg")
    eventually(lambda: not unknown_files(photos_dir, tmp_path / "cache", HASH), within_s=WITHIN_S)
    await_album(server, PICTURES)
