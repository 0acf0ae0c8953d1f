"""Uploads that pause for longer than an album has to be still, and show it on the disk."""

from __future__ import annotations

import errno
import json
import mmap
import os
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, let_date_begin, make_album, noise
from harness.conditions import eventually
from harness.gatedfs import gated
from harness.http import Truncated, get
from harness.server import serving
from harness.settling import LINK, SETTLE_TIME_S, SOON, WITHIN_S, files_in, is_refused, still

LATER = ("--settle-time", "5", "--settle-wait", "0")
PICTURE = noise(20_000)


def test_no_checksum_is_kept_of_a_file_that_is_sent_while_it_is_written_to(
    serve: Serve, photos_dir: Path
) -> None:
    """Without SETTLE_TIME it is sent as it is; writing on through a mapping moves no time."""
    album = make_album(photos_dir, {"1.jpg": noise(10_000), "2.jpg": noise(300_000)})
    server = serve("--settle-time", "0")
    expected = {}
    for name in ("1.jpg", "2.jpg"):
        with (album / name).open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
            mapped[0] ^= 1
            still(album)
            assert files_in(server)
            mapped[-1] ^= 1
        expected[name] = (album / name).read_bytes()
        assert files_in(server)
    assert files_in(server) == expected
    assert files_in(serve("--settle-time", "0")) == expected


def test_a_file_that_somebody_has_open_for_writing_is_not_sent(
    serve: Serve, photos_dir: Path
) -> None:
    server = serve(*SOON)
    album = make_album(photos_dir, {"1.jpg": b"one"})
    with (album / "2.jpg").open("wb") as upload:
        upload.write(PICTURE)
        upload.flush()
        still(album)
        assert is_refused(server)
        server.wait_for("upload_awaited.*open for writing")
        metrics = get(server.port, "/metrics").content.decode()
        assert 'archive_uploads_awaited_total{reason="open for writing"} 1.0' in metrics
        upload.write(PICTURE)
    wanted = {"1.jpg": b"one", "2.jpg": 2 * PICTURE}
    eventually(lambda: files_in(server) == wanted, within_s=WITHIN_S)


def test_a_file_that_is_open_for_reading_is_sent(serve: Serve, photos_dir: Path) -> None:
    server = serve(*SOON)
    album = make_album(photos_dir, {"1.jpg": b"one"})
    with (album / "1.jpg").open("rb"):
        still(album)
        assert files_in(server) == {"1.jpg": b"one"}


def test_every_process_notices_open_files(serve: Serve, photos_dir: Path) -> None:
    server = serve(*SOON, "--workers", "2")
    album = make_album(photos_dir, {"1.jpg": b"one"})
    with (album / "2.jpg").open("wb") as upload:
        upload.write(PICTURE)
        upload.flush()
        still(album)
        assert all(is_refused(server) for _ in range(20))


def test_open_files_are_of_no_concern_where_that_is_off(serve: Serve, photos_dir: Path) -> None:
    server = serve(*SOON, "--open-files", "off")
    album = make_album(photos_dir, {"1.jpg": b"one"})
    with (album / "2.jpg").open("wb") as upload:
        upload.write(PICTURE)
        upload.flush()
        still(album)
        assert files_in(server) == {"1.jpg": b"one", "2.jpg": PICTURE}


def leave_empty(path: Path) -> None:
    path.touch()


def leave_zeros(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(8_000_000)


def leave_pieces(path: Path) -> None:
    with path.open("wb") as file:
        file.write(PICTURE)
        file.truncate(8_000_000)
        file.seek(-len(PICTURE), os.SEEK_END)
        file.write(PICTURE)


@pytest.mark.parametrize("leave", [leave_empty, leave_zeros, leave_pieces])
def test_a_young_file_without_all_its_content_is_awaited(
    serve: Serve, photos_dir: Path, leave: Callable[[Path], None]
) -> None:
    server = serve(*SOON)
    album = make_album(photos_dir, {"1.jpg": b"one"})
    leave(album / "2.jpg")
    for _ in range(2):  # an empty file has to be seen twice in any case
        still(album)
        assert is_refused(server)
        seen_s = time.monotonic()
        eventually(lambda seen_s=seen_s: time.monotonic() - seen_s > 2 * SETTLE_TIME_S)
    (album / "2.jpg").write_bytes(PICTURE)
    eventually(lambda: files_in(server) == {"1.jpg": b"one", "2.jpg": PICTURE}, within_s=WITHIN_S)


@pytest.mark.parametrize(
    "name",
    [".2.jpg.AbC123", ".in.2.jpg.", ".davfs.tmp1a2b3c", "2.jpg.part", "a/2.jpg.1a2b.partial"],
)
def test_what_looks_like_an_upload_counts_while_it_changes(
    serve: Serve, photos_dir: Path, name: str
) -> None:
    server = serve(*LATER)
    album = make_album(photos_dir, {"1.jpg": b"one", "a/3.jpg": b"three"})
    (album / name).write_bytes(b"begun")
    files = {"1.jpg": b"one", "a/3.jpg": b"three"}
    eventually(lambda: files_in(server) == files, within_s=WITHIN_S)
    with (album / name).open("ab") as upload:
        upload.write(b"goes on")
    assert is_refused(server)


def test_what_looks_like_an_upload_counts_while_it_is_open(serve: Serve, photos_dir: Path) -> None:
    server = serve(*SOON)
    album = make_album(photos_dir, {"1.jpg": b"one"})
    with (album / ".2.jpg.AbC123").open("wb"):
        still(album)
        assert is_refused(server)
    assert eventually(lambda: files_in(server)) == {"1.jpg": b"one"}


def test_a_file_beside_its_marker_is_unfinished(serve: Serve, photos_dir: Path) -> None:
    server = serve(*SOON)
    files = {"1.jpg": PICTURE, "1.jpg.aria2": b"x", "2.jpg": b"", "2.jpg.PARTIAL": b"xy"}
    album = make_album(photos_dir, {**files, "3.jpg": PICTURE, "3.jpg.partial": b"x"})
    assert eventually(lambda: files_in(server)) == {"3.jpg": PICTURE}
    (album / "1.jpg.aria2").unlink()
    (album / "2.jpg.PARTIAL").replace(album / "2.jpg")
    wanted = {"1.jpg": PICTURE, "2.jpg": b"xy", "3.jpg": PICTURE}
    eventually(lambda: files_in(server) == wanted, within_s=WITHIN_S)


def make_anew(litter: Path) -> None:
    litter.with_name(".DS_Store.new").write_bytes(noise(100))
    litter.with_name(".DS_Store.new").replace(litter)


def remove_and_make(litter: Path) -> None:
    litter.unlink()
    litter.write_bytes(b"anew")


@pytest.mark.parametrize("rewrite", [make_anew, remove_and_make])
@pytest.mark.parametrize("name", [".DS_Store", "a/Thumbs.db"])
def test_litter_moves_nothing(
    serve: Serve, photos_dir: Path, name: str, rewrite: Callable[[Path], None]
) -> None:
    server = serve(*LATER)
    album = make_album(photos_dir, {"1.jpg": b"one", "a/2.jpg": b"two", name: b"litter"})
    first = eventually(lambda: (r := get(server.port, LINK)).status == HTTPStatus.OK and r)
    assert first
    before = album.joinpath(name).parent.stat().st_ctime_ns
    rewrite(album / name)
    assert album.joinpath(name).parent.stat().st_ctime_ns > before
    again = get(server.port, LINK)
    assert again.status == HTTPStatus.OK
    assert (again["etag"], again["last-modified"]) == (first["etag"], first["last-modified"])


def test_a_removal_beside_litter_moves_the_date(serve: Serve, photos_dir: Path) -> None:
    server = serve(*SOON)
    album = make_album(photos_dir, {"1.jpg": b"one", "2.jpg": b"two", ".DS_Store": b"litter"})
    first = eventually(lambda: (r := get(server.port, LINK)).status == HTTPStatus.OK and r)
    assert first
    let_date_begin(album)
    (album / "2.jpg").unlink()
    (album / ".DS_Store").write_bytes(b"anew")
    let_date_begin(album)
    second = eventually(lambda: (r := get(server.port, LINK)).status == HTTPStatus.OK and r)
    assert second
    assert second["last-modified"] != first["last-modified"]
    assert second["etag"] != first["etag"]


def test_what_a_nas_keeps_beside_pictures_is_not_looked_into(
    serve: Serve, photos_dir: Path
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"one", "#recycle/old.jpg": b"old"})
    deep = album / "@eaDir"
    for _ in range(100):  # more than an album may have
        deep = deep / "d"
    deep.mkdir(parents=True)
    (album / "@eaDir").chmod(0)
    server = serve()
    assert files_in(server) == {"1.jpg": b"one"}
    manifest = json.loads(get(server.port, f"{LINK}manifest.json").content)
    assert [file["name"] for file in manifest["files"]] == ["1.jpg"]
    os.chmod(album / "@eaDir", 0o700)


def test_a_young_file_that_cant_be_read_fails_when_it_is_sent(
    photos_dir: Path, tmp_path: Path
) -> None:
    """Its ends are looked at before the answer: that error is none of the whole album."""
    album = make_album(photos_dir, {"1.jpg": PICTURE, "2.jpg": PICTURE})
    changed_s = time.time() - 5
    for path in (*album.iterdir(), album):
        os.utime(path, (changed_s, changed_s))
    with gated(photos_dir, tmp_path / "mounted") as disk:
        disk.renumber(1)  # a disk without a ctime
        # Before the server starts: what it has read ahead would be in the page cache.
        disk.fail("read", f"{HASH}/2.jpg", errno.EIO)
        with serving(disk.root, tmp_path, *SOON, "--settle-wait", "10") as it:
            with pytest.raises(Truncated):
                get(it.port, LINK)
            disk.clear()
            assert files_in(it) == {"1.jpg": PICTURE, "2.jpg": PICTURE}
