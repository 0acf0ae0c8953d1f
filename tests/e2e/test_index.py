"""`archive-service index` as an operator runs it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from harness.albums import HASH, let_date_begin, make_album, noise, settle
from harness.commands import run_command
from harness.http import get
from harness.indexed import learn_otherwise, unknown_files
from harness.lists import ORDER, write_list
from harness.privileges import without_override
from harness.server import serving

OTHER = "0" * 32
FILES = {"1.jpg": b"one", "sub/2.jpg": noise(3_000_000), "empty": b"", "no files/": b""}


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def run(
    cache_dir: Path,
    photos_dir: Path,
    *arguments: str,
    status: int = 0,
    command: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    where = ("--photos-dir", str(photos_dir), "--cache-dir", str(cache_dir))
    done = run_command(["index", *arguments, *where], photos_dir.parent, launcher=command)
    assert done.returncode == status, done.stderr
    return done


def settled_album(photos_dir: Path, name: str = HASH) -> Path:
    album = make_album(photos_dir, FILES, name)
    settle(album)
    return album


def test_fill_learns_all_albums_and_a_second_time_nothing(
    cache_dir: Path, photos_dir: Path
) -> None:
    for name in (HASH, OTHER):
        settled_album(photos_dir, name)
    (photos_dir / "not an id").mkdir()
    done = run(cache_dir, photos_dir, "fill")
    assert (done.stdout, done.stderr) == ("6 files of 2 albums read, 6,000,006 bytes\n", "")
    assert not unknown_files(photos_dir, cache_dir, HASH)
    assert run(cache_dir, photos_dir, "fill").stdout == "0 files of 2 albums read, 0 bytes\n"


@pytest.mark.parametrize("action", ["fill", "verify"])
def test_a_file_that_is_open_for_writing_is_not_learned(
    cache_dir: Path, photos_dir: Path, action: str
) -> None:
    """Through a mapping it might be written to without a time that moves."""
    album = settled_album(photos_dir)
    with (album / "1.jpg").open("r+b"):
        done = run(cache_dir, photos_dir, action, status=1)
    assert done.stderr.endswith(": can't be read (changing)\n")
    assert (
        run(cache_dir, photos_dir, "fill").stdout == "3 files of 1 albums read, 3,000,003 bytes\n"
    )


def test_fill_takes_the_albums_that_are_named(cache_dir: Path, photos_dir: Path) -> None:
    for name in (HASH, OTHER):
        settled_album(photos_dir, name)
    run(cache_dir, photos_dir, "fill", OTHER)
    assert not unknown_files(photos_dir, cache_dir, OTHER)
    assert unknown_files(photos_dir, cache_dir, HASH)


def test_options_may_stand_between_hashes(cache_dir: Path, photos_dir: Path) -> None:
    for name in (HASH, OTHER):
        settled_album(photos_dir, name)
    done = run(cache_dir, photos_dir, "fill", HASH, "--level", "error", OTHER)
    assert done.stdout == "6 files of 2 albums read, 6,000,006 bytes\n"


def test_fill_tells_of_what_is_missing_and_of_what_cannot_be_read_and_goes_on(
    cache_dir: Path, photos_dir: Path
) -> None:
    album = settled_album(photos_dir)
    (album / "1.jpg").chmod(0)
    settle(album)
    done = run(*(cache_dir, photos_dir, "fill", OTHER, HASH), status=1, command=without_override())
    assert "000000…: there is no such album" in done.stderr
    assert f"{HASH[:6]}…/1.jpg: can't be read" in done.stderr
    assert HASH not in done.stderr
    assert unknown_files(photos_dir, cache_dir, HASH) == {b"1.jpg"}


def test_verify_finds_content_that_is_not_what_was_learned(
    cache_dir: Path, photos_dir: Path
) -> None:
    settled_album(photos_dir)
    run(cache_dir, photos_dir, "fill")
    done = run(cache_dir, photos_dir, "verify")
    assert (done.stdout, done.stderr) == ("3 files of 1 albums read, 3,000,003 bytes\n", "")
    learn_otherwise(cache_dir, HASH, b"1.jpg")
    done = run(cache_dir, photos_dir, "verify", status=1)
    assert f"{HASH[:6]}…/1.jpg: is not what it was" in done.stderr
    assert unknown_files(photos_dir, cache_dir, HASH) == {b"1.jpg"}


def test_a_download_has_what_is_there_after_verify_has_found_it_different(
    cache_dir: Path, photos_dir: Path
) -> None:
    settled_album(photos_dir)
    run(cache_dir, photos_dir, "fill")
    learn_otherwise(cache_dir, HASH, b"1.jpg")
    run(cache_dir, photos_dir, "verify", status=1)
    with serving(photos_dir, cache_dir) as server:
        archive = get(server.port, f"/archive/{HASH}/").content
    with ZipFile(BytesIO(archive)) as opened:
        assert opened.testzip() is None


def test_prune_forgets_albums_that_are_gone(cache_dir: Path, photos_dir: Path) -> None:
    settled_album(photos_dir)
    gone = settled_album(photos_dir, OTHER)
    run(cache_dir, photos_dir, "fill")
    hidden = gone.rename(photos_dir.parent / OTHER)
    run(cache_dir, photos_dir, "prune")
    hidden.rename(gone)
    assert unknown_files(photos_dir, cache_dir, OTHER)
    assert not unknown_files(photos_dir, cache_dir, HASH)


def test_prune_keeps_the_date_of_a_list(cache_dir: Path, photos_dir: Path) -> None:
    cache_dir.mkdir()
    album = settled_album(photos_dir)
    lists = photos_dir.parent / "lists"
    write_list(lists, {"files": [{"path": f"{HASH}/1.jpg"}]})
    settle(lists)
    where = ("--lists-dir", str(lists))

    def validators() -> tuple[str, str]:
        with serving(photos_dir, cache_dir, *where) as server:
            answer = get(server.port, f"/archive/{ORDER}/")
            return answer["etag"], answer["last-modified"]

    let_date_begin(lists)
    before = validators()
    os.link(album / "1.jpg", photos_dir.parent / "a link")  # moves the ctime and no byte
    settle(album)
    run(cache_dir, photos_dir, "prune", *where)
    assert validators() == before


def test_nothing_is_forgotten_where_no_album_is_there(cache_dir: Path, photos_dir: Path) -> None:
    album = settled_album(photos_dir)
    run(cache_dir, photos_dir, "fill")
    hidden = album.rename(photos_dir.parent / HASH)
    assert "is the disk mounted?" in run(cache_dir, photos_dir, "prune", status=1).stderr
    hidden.rename(album)
    assert not unknown_files(photos_dir, cache_dir, HASH)


@pytest.mark.parametrize(
    "arguments", [["fill", "no/hash"], ["mend"], ["prune", HASH], ["fill", "--settle-time", "x"]]
)
def test_wrong_arguments_are_told_in_one_line(
    cache_dir: Path, photos_dir: Path, arguments: list[str]
) -> None:
    done = run(cache_dir, photos_dir, *arguments, status=2)
    assert done.stderr.startswith("archive-service index: ")
    assert done.stderr.count("\n") == 1


def test_an_index_that_cannot_be_written_is_told(cache_dir: Path, photos_dir: Path) -> None:
    settled_album(photos_dir)
    cache_dir.write_text("no directory")
    assert "archive-service check" in run(cache_dir, photos_dir, "fill", status=1).stderr
