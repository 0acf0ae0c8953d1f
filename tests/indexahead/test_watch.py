"""Uploads are indexed as they land, by events of the kernel."""

from __future__ import annotations

import io
import mmap
import os
import shutil
import signal
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, LONG_AGO_S, make_album, make_sparse, noise
from harness.conditions import eventually
from harness.http import get
from harness.indexed import unknown_files
from harness.inotify import watches
from harness.oracle import contents_of
from harness.privileges import without_override
from harness.strace import traced
from indexahead.conftest import WATCH, WITHIN_S, Await

from archive_service.archive.segments import LARGE_FILE_BYTES

FILES: Mapping[str, bytes] = {
    "1.jpg": noise(LARGE_FILE_BYTES + 1, seed=1),
    "day/2.jpg": noise(5000, seed=2),
    "day/empty": b"",
}
WATCHING = r"index_ahead\.watching"


def write_at_once(photos_dir: Path, _elsewhere: Path) -> None:
    make_album(photos_dir, FILES)


def write_to_a_hidden_name(photos_dir: Path, _elsewhere: Path) -> None:
    make_album(photos_dir, {"x/.in.1.jpg.": FILES["1.jpg"]})
    (photos_dir / HASH / "x/.in.1.jpg.").rename(photos_dir / HASH / "x/1.jpg")


def move_a_tree_in(photos_dir: Path, elsewhere: Path) -> None:
    make_album(elsewhere, FILES).rename(photos_dir / HASH)


def move_a_directory_into_an_album(photos_dir: Path, elsewhere: Path) -> None:
    album = make_album(photos_dir, {"0.jpg": b"0"})
    make_album(elsewhere, FILES).rename(album / "moved")


def rename_a_hidden_directory(photos_dir: Path, _elsewhere: Path) -> None:
    make_album(photos_dir, FILES, ".uploading").rename(photos_dir / HASH)


def link_what_is_there(photos_dir: Path, elsewhere: Path) -> None:
    album = make_album(photos_dir, {"0.jpg": b"0"})
    os.link(make_album(elsewhere, FILES) / "1.jpg", album / "1.jpg")
    (album / "2.jpg").symlink_to("1.jpg")


def fill_fresh_directories(photos_dir: Path, _elsewhere: Path) -> None:
    for number in range(50):
        make_album(photos_dir, {f"{number}/a/b/c/{file}.jpg": b"x" * file for file in range(5)})


@pytest.mark.parametrize(
    "upload",
    [
        write_at_once,
        write_to_a_hidden_name,
        move_a_tree_in,
        move_a_directory_into_an_album,
        rename_a_hidden_directory,
        link_what_is_there,
        fill_fresh_directories,
    ],
)
def test_an_upload_is_known_to_the_index_before_it_is_asked_for(
    serve: Serve,
    photos_dir: Path,
    tmp_path: Path,
    await_indexed: Await,
    upload: Callable[[Path, Path], None],
) -> None:
    serve(*WATCH).wait_for(WATCHING)
    upload(photos_dir, tmp_path / "elsewhere")
    await_indexed(HASH)


def test_a_file_is_not_indexed_while_somebody_may_write_to_it(
    serve: Serve, photos_dir: Path, tmp_path: Path, await_indexed: Await
) -> None:
    """Through a mapping, whose second write moves no time."""
    server = serve(*WATCH)
    server.wait_for(WATCHING)
    album = make_album(photos_dir, {"1.jpg": noise(5000, seed=1)})
    with (album / "1.jpg").open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    mapped[:] = noise(5000, seed=2)
    make_album(photos_dir, FILES, "later")
    await_indexed("later")  # the album had its turn before
    assert unknown_files(photos_dir, tmp_path / "cache", HASH) == {b"1.jpg"}
    mapped[:] = noise(5000, seed=3)
    mapped.close()
    await_indexed(HASH)
    archive = get(server.port, f"/archive/{HASH}/").content
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.read("1.jpg") == noise(5000, seed=3)


def rewrite(album: Path) -> None:
    (album / "1.jpg").write_bytes(noise(300_000, seed=9))


def append(album: Path) -> None:
    with (album / "day/2.jpg").open("ab") as file:
        file.write(b"more")


def set_a_date_back(album: Path) -> None:
    os.utime(album / "day/2.jpg", (LONG_AGO_S - 5, LONG_AGO_S - 5))


def replace(album: Path) -> None:
    (album / "new").write_bytes(FILES["1.jpg"])
    (album / "new").replace(album / "day/2.jpg")


def move_a_file_in(album: Path) -> None:
    (album.parent.parent / "elsewhere").rename(album / "3.jpg")


def rename_a_directory_and_go_on_in_it(album: Path) -> None:
    (album / "day").rename(album / "night")
    (album / "night/3.jpg").write_bytes(b"three")


@pytest.mark.parametrize(
    "change",
    [rewrite, append, set_a_date_back, replace, move_a_file_in, rename_a_directory_and_go_on_in_it],
)
def test_what_changes_in_an_album_is_indexed_again(
    serve: Serve, photos_dir: Path, await_indexed: Await, change: Callable[[Path], None]
) -> None:
    album = make_album(photos_dir, FILES)
    (photos_dir.parent / "elsewhere").write_bytes(b"three")
    serve(*WATCH).wait_for(WATCHING)
    await_indexed(HASH)
    change(album)
    await_indexed(HASH)


def test_a_directory_moved_between_albums_is_watched_in_its_new_one(
    serve: Serve, photos_dir: Path, await_indexed: Await
) -> None:
    album, other = make_album(photos_dir, FILES), make_album(photos_dir, {"1.jpg": b""}, "other")
    serve(*WATCH).wait_for(WATCHING)
    (album / "day").rename(other / "day")
    await_indexed("other")
    (other / "day/3.jpg").write_bytes(b"three")
    await_indexed("other")


def test_the_first_download_after_an_upload_reads_a_large_file_once(
    serve: Serve, photos_dir: Path, tmp_path: Path, await_indexed: Await
) -> None:
    server = serve(*WATCH)
    server.wait_for(WATCHING)
    files = {name: data for name, data in FILES.items() if data}  # an empty one would be awaited
    album = make_album(photos_dir, files)
    await_indexed(HASH)
    with traced(server.pid, tmp_path / "trace", "read", "pread64", "readv", "preadv2") as trace:
        response = get(server.port, f"/archive/{HASH}/")
    assert contents_of(response.content) == files
    read_bytes = sum(max(call.result, 0) for call in trace.of(album / "1.jpg"))
    # The ends show whether a young file is whole, single bytes whether it is in memory.
    assert read_bytes < len(files["1.jpg"]) + 2 * 4096 + 10


def test_albums_that_were_there_before_are_indexed_too(
    serve: Serve, photos_dir: Path, await_indexed: Await
) -> None:
    make_album(photos_dir, FILES)
    make_album(photos_dir, FILES, "other")
    serve(*WATCH)
    await_indexed(HASH)
    await_indexed("other")


def test_a_file_that_cannot_be_read_is_passed_over(
    serve: Serve, photos_dir: Path, tmp_path: Path
) -> None:
    album = make_album(photos_dir, {**FILES, "day/1.jpg": b"locked", "0.jpg": FILES["1.jpg"]})
    for locked in ("day/1.jpg", "0.jpg"):
        (album / locked).chmod(0)
    serve(*WATCH, launcher=without_override())
    eventually(
        lambda: unknown_files(photos_dir, tmp_path / "cache", HASH) == {b"day/1.jpg", b"0.jpg"},
        within_s=WITHIN_S,
    )


def test_more_changes_than_the_kernel_can_tell_are_found_all_the_same(
    serve: Serve, photos_dir: Path, await_indexed: Await
) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    names = [f"album{number}" for number in range(20)]
    for name in names:
        make_album(photos_dir, {"0.jpg": b"0"}, name)
    server = serve(*WATCH)
    server.wait_for(WATCHING)
    for name in names:
        await_indexed(name)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        for number in range(most // 2):  # making and closing one are two events
            (photos_dir / names[number % 10] / f"{number}.jpg").write_bytes(b"x")
        for name in names[10:]:
            make_album(photos_dir, {"fresh/1.jpg": b"1"}, name)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    server.wait_for(r"index_ahead\.overflown")
    for name in names:
        await_indexed(name)
    (photos_dir / names[-1] / "fresh/2.jpg").write_bytes(b"2")  # no event reported `fresh`
    await_indexed(names[-1])


def test_nothing_is_watched_any_more_of_what_is_gone(
    serve: Serve, photos_dir: Path, tmp_path: Path, await_indexed: Await
) -> None:
    server = serve(*WATCH)
    server.wait_for(WATCHING)
    assert watches(server.pid) == 1
    for name in ("removed", "moved"):
        make_album(photos_dir, {**FILES, ".hidden/1.jpg": b"no album shows it"}, name)
    make_album(photos_dir, {"away/1.jpg": b"1"}, "kept")
    for name in ("removed", "moved", "kept"):
        await_indexed(name)
    assert watches(server.pid) == 1 + 2 + 2 + 2
    shutil.rmtree(photos_dir / "removed")
    (photos_dir / "moved").rename(tmp_path / "moved")
    (photos_dir / "kept/away").rename(tmp_path / "away")
    eventually(lambda: watches(server.pid) == 1 + 1, within_s=WITHIN_S)


def test_a_large_old_album_holds_up_no_upload(
    serve: Serve, photos_dir: Path, await_indexed: Await
) -> None:
    make_sparse(photos_dir / "old" / "1.bin", 50 * 1024**3)  # half an hour, at the pace of a pass
    time.sleep(1)  # or else it were an upload too
    server = serve(*WATCH)
    eventually(lambda: server.open_below(photos_dir), within_s=WITHIN_S)
    make_album(photos_dir, FILES)
    await_indexed(HASH)
    assert server.open_below(photos_dir)


def test_a_download_does_not_wait_for_a_file_that_is_hashed_at_leisure(
    serve: Serve, photos_dir: Path
) -> None:
    album = make_album(photos_dir, {})
    with (album / "1.bin").open("wb") as file:  # with data, or else it would be awaited
        for _ in range(256):
            file.write(b"1" * 1024**2)
    server = serve(*WATCH)
    eventually(lambda: server.open_below(photos_dir), within_s=WITHIN_S)
    assert len(get(server.port, f"/archive/{HASH}/", "Range: bytes=0-999").content) == 1000
    server.wait_for(r"index_ahead\.indexed .*files=0")  # it stopped where the download was done


def test_the_server_stops_in_the_middle_of_a_large_file(serve: Serve, photos_dir: Path) -> None:
    make_sparse(photos_dir / HASH / "1.bin", 50 * 1024**3)
    server = serve(*WATCH)
    eventually(lambda: server.open_below(photos_dir), within_s=WITHIN_S)
    assert server.stop() == 0
    assert not [line for line in server.lines if "Traceback" in line]


def test_of_several_workers_one_watches_and_is_replaced(
    serve: Serve, photos_dir: Path, await_indexed: Await
) -> None:
    server = serve(*WATCH, "--workers", "2")

    def watching() -> list[int]:
        return [pid for pid in server.workers() if watches(pid)]

    server.wait_for(WATCHING)
    assert len(watching()) == 1
    lines = len(server.lines)
    os.kill(watching()[0], signal.SIGKILL)
    server.wait_for(WATCHING, after=lines)
    make_album(photos_dir, FILES)
    await_indexed(HASH)
    assert len(watching()) == 1
