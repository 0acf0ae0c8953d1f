"""Tag and date follow the content: not owner, links and inode numbers, and not litter."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, let_date_begin, make_album, noise, settle
from harness.commands import run_command
from harness.conditions import eventually
from harness.gatedfs import gated
from harness.http import Response, Truncated, connected, get, request
from harness.opens import opens_noted
from harness.oracle import contents_of
from harness.server import Server, serving
from harness.touches import rewrite

TARGET = f"/archive/{HASH}/"
FILES = {
    "a.bin": noise(40_000_000, 1),
    "b.txt": b"small",
    "c/c.bin": noise(600_000, 2),
    "d.txt": b"d",
}
END = "Range: bytes=-700"
"""Needs the checksum of each file, and of the large ones nothing else."""


def chown_recursively(album: Path) -> None:
    status = album.stat()
    owner = f"{status.st_uid}:{status.st_gid}"
    subprocess.run(["chown", "-R", owner, str(album)], check=True)


def link_each(album: Path) -> None:
    for path in list(album.rglob("*.*")):
        os.link(path, album.parent.parent / f"link to {path.name}")


def copy_as_links(album: Path) -> None:
    subprocess.run(["cp", "-al", str(album), str(album.parent.parent / "copy")], check=True)


def replace_by_copies(album: Path) -> None:
    copy = album.parent.parent / "copy"
    subprocess.run(["cp", "-a", str(album), str(copy)], check=True)
    for path in list(copy.rglob("*.*")):
        path.replace(album / path.relative_to(copy))


TOUCHES = [chown_recursively, link_each, copy_as_links, replace_by_copies]


def validators(server: Server) -> tuple[str, str]:
    answer = request(server.port, "HEAD", TARGET)
    assert answer.status == 200
    return answer["etag"], answer["last-modified"]


def is_whole(server: Server) -> bool:
    try:
        contents_of(get(server.port, TARGET).content)
    except Truncated:
        return False
    return True


def learned(server: Server) -> Response:
    answer = get(server.port, TARGET)
    assert answer.status == 200
    return answer


@pytest.mark.parametrize("touch", TOUCHES)
def test_what_changes_no_byte_moves_neither_tag_nor_date(
    photos_dir: Path, serve: Serve, touch: Callable[[Path], None]
) -> None:
    album = settle(make_album(photos_dir, {**FILES, "empty/": b""}))
    first = serve()
    let_date_begin(album)
    whole = learned(first)
    before = album.stat().st_ctime_ns, (album / "b.txt").stat().st_ctime_ns
    touch(album)
    settle(album)
    assert (album.stat().st_ctime_ns, (album / "b.txt").stat().st_ctime_ns) != before
    expected = whole["etag"], whole["last-modified"]
    assert validators(first) == expected
    rest = get(first.port, TARGET, "Range: bytes=40300000-", f"If-Range: {whole['etag']}")
    assert (rest.status, rest.content) == (206, whole.content[40300000:])
    assert get(first.port, TARGET).content == whole.content
    assert validators(serve()) == expected  # another process
    first.stop()
    later = serve()
    with opens_noted(album) as opened:
        assert get(later.port, TARGET, END).status == 206
    assert "a.bin" not in opened  # it was read once more, by the first
    assert validators(later) == expected


@pytest.mark.parametrize("name", FILES)
def test_a_file_rewritten_with_its_old_time_moves_the_tag_in_each_process(
    photos_dir: Path, serve: Serve, name: str
) -> None:
    album = settle(make_album(photos_dir, FILES))
    servers = [serve(), serve()]
    tags = {learned(server)["etag"] for server in servers}
    assert len(tags) == 1
    rewrite(album / name)
    settle(album)
    new = {name: (album / name).read_bytes() for name in FILES}
    after = set()
    for server in (*servers, serve()):
        whole = get(server.port, TARGET, f"If-None-Match: {next(iter(tags))}")
        assert whole.status == 200
        assert contents_of(whole.content) == new
        after.add(whole["etag"])
    assert len(after) == 1
    assert not after & tags


def test_a_large_file_rewritten_with_its_old_time_moves_the_tag_for_who_only_compares_it(
    photos_dir: Path, serve: Serve
) -> None:
    """No index ahead reads it, and no download."""
    album = make_album(photos_dir, {"b.txt": b"small"})
    with (album / "a.bin").open("wb") as file:
        file.truncate(80_000_000)
    settle(album)
    server = serve()
    unchanged = f"If-None-Match: {learned(server)['etag']}"
    rewrite(album / "a.bin")
    settle(album)
    eventually(lambda: request(server.port, "HEAD", TARGET, unchanged).status == 200)


def test_a_large_file_rewritten_with_its_old_time_is_no_rest_of_the_old(
    photos_dir: Path, serve: Serve
) -> None:
    """It takes too long to read it before the answer: the answer is cut, and the next knows."""
    album = make_album(photos_dir, {"a.bin": b"", "b.txt": b"small"})
    for name in ("a.bin", "c.bin"):
        with (album / name).open("wb") as file:
            file.truncate(80_000_000)
    settle(album)
    server = serve()
    before = learned(server)
    for name in ("a.bin", "c.bin"):
        rewrite(album / name)
    settle(album)
    middle = ("Range: bytes=50000000-60000000", f"If-Range: {before['etag']}")
    with pytest.raises(Truncated):
        get(server.port, TARGET, *middle)

    # The other file is found as well, so that no download is cut for it.
    eventually(lambda: validators(server)[0] != before["etag"])
    eventually(lambda: is_whole(server))
    assert get(server.port, TARGET, *middle).status == 200


def test_inode_numbers_that_change_by_themselves_change_nothing(
    photos_dir: Path, tmp_path: Path
) -> None:
    """As on sshfs; also while nothing is known of the album yet."""
    let_date_begin(make_album(photos_dir, FILES))
    with ExitStack() as stack:
        mounted = stack.enter_context(gated(photos_dir, tmp_path / "mounted"))
        mounted.renumber(1)
        caches = [tmp_path / "cache", tmp_path / "another cache"]
        for cache_dir in caches:
            cache_dir.mkdir()
        first, second = (stack.enter_context(serving(mounted.root, cache)) for cache in caches)
        expected = validators(first)
        for number in (2, 3):
            with connected(first.port) as connection:
                connection.send("GET", TARGET)
                status, fields = connection.receive_head()
                assert (status, dict(fields)["etag"]) == (200, expected[0])
                start = connection.receive_content(1_000_000)
                mounted.renumber(number)
                rest = connection.receive_content(int(dict(fields)["content-length"]) - len(start))
            assert contents_of(start + rest) == FILES
        assert validators(first) == validators(second) == expected


def test_what_was_hashed_of_a_file_before_it_was_cut_is_not_used(
    photos_dir: Path, tmp_path: Path
) -> None:
    """It is written again with the size and times of before, where there is no ctime."""
    before, after = noise(3_000_000, 1), noise(3_000_000, 2)
    file = make_album(photos_dir, {"large.bin": before}) / "large.bin"
    mtime_ns = file.stat().st_mtime_ns
    with ExitStack() as stack:
        mounted = stack.enter_context(gated(photos_dir, tmp_path / "mounted"))
        mounted.renumber(1)
        server = stack.enter_context(serving(mounted.root, tmp_path))
        thread = stack.enter_context(ThreadPoolExecutor(1))
        mounted.hold("read", f"{HASH}/large.bin", at=2_000_000)
        cut = thread.submit(get, server.port, TARGET)
        mounted.wait_held()
        os.truncate(file, 1_000_000)
        mounted.clear()
        with pytest.raises(Truncated):
            cut.result()
        file.write_bytes(after)
        os.utime(file, ns=(0, mtime_ns))
        assert contents_of(get(server.port, TARGET).content) == {"large.bin": after}


def test_verify_mends_what_no_ctime_tells(photos_dir: Path, tmp_path: Path) -> None:
    cache_dir = tmp_path / "cache"
    cache_dir.mkdir()
    album = make_album(photos_dir, FILES)
    let_date_begin(album)
    with gated(photos_dir, tmp_path / "mounted") as mounted:
        mounted.renumber(1)
        with serving(mounted.root, cache_dir) as server:
            before = learned(server)
        for name in ("a.bin", "d.txt"):
            rewrite(album / name)
        verify = ["index", "verify", "--photos-dir", str(mounted.root)]
        verify += ["--cache-dir", str(cache_dir)]
        done = run_command(verify, tmp_path)
        assert done.returncode == 1
        assert "a.bin: is not what it was" in done.stderr
        assert "mended" in done.stderr
        assert run_command(verify, tmp_path).returncode == 0
        with serving(mounted.root, cache_dir) as server:
            after = learned(server)
            dated = f"If-Range: {before['last-modified']}"
            rest = get(server.port, TARGET, "Range: bytes=1000-", dated)
    assert (rest.status, rest.content) == (200, after.content)
    assert "last-modified" not in after  # no time of the album tells the two apart
    assert contents_of(after.content) == {name: (album / name).read_bytes() for name in FILES}
    assert after["etag"] != before["etag"]


@pytest.mark.parametrize("name", [".DS_Store", "c/Thumbs.db"])
def test_litter_made_anew_moves_nothing_in_another_process(
    photos_dir: Path, serve: Serve, name: str
) -> None:
    album = settle(make_album(photos_dir, {**FILES, name: b"litter"}))
    first = serve()
    let_date_begin(album)
    expected = validators(first)
    for _ in range(2):
        let_date_begin(album)
        (album / name).unlink()
        assert validators(first) == expected == validators(serve())
        (album / name).write_bytes(b"anew")
        os.utime(album / name)
        assert validators(first) == expected == validators(serve())


def test_an_album_that_was_empty_for_a_while_is_known_again(photos_dir: Path, serve: Serve) -> None:
    """As if its disk had not been mounted: no file is read again, and tag and date stay."""
    album = settle(make_album(photos_dir, FILES))
    server = serve()
    let_date_begin(album)
    learned(server)
    chown_recursively(album)
    settle(album)
    before = learned(server)
    elsewhere = album.with_name("elsewhere")
    album.rename(elsewhere)
    album.mkdir()
    assert get(server.port, TARGET).status == 404
    album.rmdir()
    elsewhere.rename(album)
    settle(album)
    assert validators(server) == (before["etag"], before["last-modified"])
    with opens_noted(album) as opened:
        assert get(server.port, TARGET, END).status == 206
    assert "a.bin" not in opened
