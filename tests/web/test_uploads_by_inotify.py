"""Uploads that inotify alone shows, and what looks to it like one."""

from __future__ import annotations

import os
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.conditions import eventually
from harness.http import get
from harness.inotify import watches
from harness.readers import succeed
from harness.server import Server
from harness.settling import LINK, SOON, WITHIN_S, files_in, is_refused, still
from harness.swapping import exchange

PICTURE = noise(20_000)


def test_inotify_shows_open_files_where_leases_do_not(serve: Serve, photos_dir: Path) -> None:
    album = make_album(photos_dir, {"1.jpg": b"one", "a/2.jpg": PICTURE})
    server = serve(*SOON, "--open-files", "watch", "--index-ahead", "watch")
    server.wait_for("index_ahead.watching")
    with (album / "a/3.jpg").open("wb") as upload:
        upload.write(PICTURE)
        upload.flush()
        still(album)
        eventually(lambda: is_refused(server) and _awaits(server))
    wanted = {"1.jpg": b"one", "a/2.jpg": PICTURE}
    (album / "a/3.jpg").unlink()
    eventually(lambda: files_in(server) == wanted, within_s=WITHIN_S)
    count = len(server.lines)
    with (album / "a/2.jpg").open("r+b") as upload:  # there before, and renamed meanwhile
        upload.write(b"anew")
        upload.flush()
        (album / "a/2.jpg").rename(album / "4.jpg")
        eventually(lambda: is_refused(server) and _awaits(server, after=count))
    wanted = {"1.jpg": b"one", "a/": b"", "4.jpg": b"anew" + PICTURE[4:]}
    eventually(lambda: files_in(server) == wanted, within_s=WITHIN_S)


def test_inotify_knows_an_open_file_that_has_changed_places_with_another(
    serve: Serve, photos_dir: Path
) -> None:
    """The kernel reports it as a renaming, and one back."""
    album = make_album(photos_dir, {"1.jpg": b"one", "2.jpg": b"two"})
    server = serve(*SOON, "--open-files", "watch", "--index-ahead", "watch")
    server.wait_for("index_ahead.watching")
    with (album / "2.jpg").open("r+b") as upload:
        upload.write(PICTURE)
        upload.flush()
        exchange(album / "1.jpg", album / "2.jpg")
        (album / "2.jpg").unlink()
        still(album)
        eventually(lambda: is_refused(server) and _awaits(server))
    eventually(lambda: files_in(server) == {"1.jpg": PICTURE}, within_s=WITHIN_S)


@pytest.mark.parametrize("directory", [".", "day/evening"])
def test_inotify_watches_a_new_directory_before_its_album_is_still(
    serve: Serve, photos_dir: Path, directory: str
) -> None:
    """The first file that is uploaded into it may be open for long."""
    server = serve("--settle-time", "3600", "--open-files", "watch", "--index-ahead", "watch")
    server.wait_for("index_ahead.watching")
    assert watches(server.pid) == 1
    (photos_dir / HASH / directory).mkdir(parents=True)
    levels = len((Path(HASH) / directory).parts)
    eventually(lambda: watches(server.pid) == 1 + levels, within_s=WITHIN_S)


def date(path: Path, data: bytes) -> None:
    """Set its time behind the close, and that alone, as 7-Zip does."""
    path.write_bytes(data)
    succeed(["touch", "--no-create", "-m", "-d", "2020-01-01", str(path)])


def link(path: Path, data: bytes) -> None:
    """Give a whole file its name in a way that replaces no other."""
    hidden = path.with_name(".1.part")
    hidden.write_bytes(data)
    path.hardlink_to(hidden)
    hidden.unlink()


def link_what_has_no_name(path: Path, data: bytes) -> None:
    """Give a whole file its first name, as lighttpd does."""
    file = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o644)
    try:
        os.write(file, data)
        os.link(f"/proc/self/fd/{file}", path, src_dir_fd=file, follow_symlinks=True)
    finally:
        os.close(file)


@pytest.mark.parametrize("put", [date, link, link_what_has_no_name])
def test_inotify_takes_no_name_and_no_date_that_is_given_for_a_write(
    serve: Serve, photos_dir: Path, put: Callable[[Path, bytes], None]
) -> None:
    """The kernel reports both like a write, and no close follows."""
    server = serve(*SOON, "--open-files", "watch", "--index-ahead", "watch")
    server.wait_for("index_ahead.watching")
    album = make_album(photos_dir, {"1.jpg": b"one"})
    wanted = {"1.jpg": b"one", "2.jpg": PICTURE}
    eventually(lambda: get(server.port, LINK).status == HTTPStatus.OK, within_s=WITHIN_S)
    put(album / "2.jpg", PICTURE)
    still(album)
    eventually(lambda: files_in(server) == wanted, within_s=WITHIN_S)


def _awaits(server: Server, after: int = 0) -> bool:
    return any("upload_awaited" in line for line in server.lines[after:])
