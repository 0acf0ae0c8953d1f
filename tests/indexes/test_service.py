"""Services, and the commands beside them, that share one index."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from harness.albums import HASH, let_date_begin, make_album, noise, settle
from harness.conditions import eventually
from harness.http import get
from harness.opens import opens_noted
from harness.oracle import contents_of
from harness.server import REPOSITORY, Server, environment, serving
from harness.stores import PASSWORD, PostgresqlServer, StoreServer
from indexes.conftest import MakeIndex

from archive_service.archive.id import ArchiveId
from archive_service.checksums.crc_index.base import Rows
from archive_service.checksums.known_files import ALBUM_PATH

FILES = {f"{number}.bin": noise(3000 + number, seed=number) for number in range(9)}
FILES["large.bin"] = noise(1_000_000)
CENTRAL_DIRECTORY = "Range: bytes=-600"
"""Needs the checksum of each file, and nothing else of it."""
TARGET = f"/archive/{HASH}/"
Start = Callable[..., AbstractContextManager[Server]]


@pytest.fixture
def album(photos_dir: Path) -> Path:
    return settle(make_album(photos_dir, FILES))


@pytest.fixture
def start(tmp_path: Path, url: str) -> Start:
    """Start a service as on a machine of its own: nothing is shared but the index."""

    def start(photos_dir: Path, *flags: str) -> AbstractContextManager[Server]:
        cache_dir = tmp_path / f"cache of {photos_dir.name} {' '.join(flags)}"
        cache_dir.mkdir(exist_ok=True)
        return serving(photos_dir, cache_dir, *flags, variables={"INDEX_URL": url})

    return start


def known(make_index: MakeIndex, url: str) -> int:
    return len(make_index(url).load(ArchiveId(HASH)).keys() - {ALBUM_PATH})


def learn(start: Start, make_index: MakeIndex, url: str, photos_dir: Path, *flags: str) -> None:
    """Have a service learn the album, and stop it."""
    with start(photos_dir, *flags) as server:
        assert contents_of(get(server.port, TARGET).content) == FILES
    assert known(make_index, url) == len(FILES)


def opened_for_checksums(server: Server, album: Path) -> set[str]:
    """Return which files a service opens to learn what another may know."""
    with opens_noted(album) as names:
        answer = get(server.port, TARGET, CENTRAL_DIRECTORY)
    assert answer.status == 206
    return set(names) & FILES.keys()


def test_a_second_service_reads_no_file_for_its_checksum(
    start: Start, make_index: MakeIndex, url: str, photos_dir: Path, album: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"  # as machines mount one disk at different paths
    elsewhere.symlink_to(photos_dir)
    with start(photos_dir, "--workers", "2") as server:
        assert opened_for_checksums(server, album) == FILES.keys()
    assert known(make_index, url) == len(FILES)
    with start(elsewhere) as server:
        assert opened_for_checksums(server, album) == set()
        assert contents_of(get(server.port, TARGET).content) == FILES


def test_a_change_of_owner_moves_no_tag_on_another_machine(
    start: Start, make_index: MakeIndex, url: str, photos_dir: Path, album: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.symlink_to(photos_dir)
    let_date_begin(album)
    with start(photos_dir) as server:
        first = get(server.port, TARGET)
    assert known(make_index, url) == len(FILES)
    for path in (album, *album.iterdir()):
        os.chown(path, path.stat().st_uid, path.stat().st_gid)
    with start(elsewhere) as server:
        second = get(server.port, TARGET)
    fields = "etag", "last-modified"
    assert [second[name] for name in fields] == [first[name] for name in fields]
    assert contents_of(second.content) == FILES


@pytest.mark.parametrize("store", ["redis"], indirect=True)
@pytest.mark.parametrize("token", ["--change-token", "--no-change-token"])
def test_a_copy_of_a_tree_shares_values_where_change_tokens_are_off(
    start: Start,
    make_index: MakeIndex,
    url: str,
    photos_dir: Path,
    album: Path,
    tmp_path: Path,
    token: str,
) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(photos_dir), str(copy)], check=True)
    settle(copy / HASH)
    learn(start, make_index, url, photos_dir, token)
    is_shared = token == "--no-change-token"
    with start(copy, token) as server:
        opened = opened_for_checksums(server, copy / HASH)
        assert opened == (set() if is_shared else FILES.keys())
    with start(photos_dir, token) as server:  # and the first still has its own
        assert opened_for_checksums(server, album) == opened


def test_downloads_go_on_while_the_store_is_down_and_it_is_used_again_when_it_is_back(
    start: Start,
    make_index: MakeIndex,
    url: str,
    store: StoreServer,
    photos_dir: Path,
    album: Path,
) -> None:
    store.kill()
    try:
        with start(photos_dir) as server:
            for _ in range(3):
                assert contents_of(get(server.port, TARGET).content) == FILES
                settle(touched(album))  # so that the index is asked again
            server.wait_for(r'index\.impaired.*reason="the shared CRC index: can\'t be reached')
            store.start()

            def is_restored() -> bool:
                assert contents_of(get(server.port, TARGET).content) == FILES
                settle(touched(album))
                return any("index.restored" in line for line in server.lines)

            eventually(is_restored)
            assert sum("index.impaired" in line for line in server.lines) == 1
            assert PASSWORD not in "".join(server.lines)
    finally:
        if not store.answers():
            store.start()
    assert known(make_index, url) == len(FILES)


def touched(album: Path) -> Path:
    album.touch()
    return album


def test_a_download_does_not_wait_long_for_a_store_that_says_nothing(
    start: Start, store: StoreServer, photos_dir: Path, album: Path
) -> None:
    with start(photos_dir) as server, store.frozen():
        assert contents_of(get(server.port, TARGET).content) == FILES
        server.wait_for(r"index\.impaired.*no answer in time")


def run(
    photos_dir: Path, url: str, *arguments: str, status: int = 0, **variables: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "archive_service", *arguments),
            *("--photos-dir", str(photos_dir), "--cache-dir", str(photos_dir.parent / "cache")),
        ],
        cwd=photos_dir.parent,
        env=environment({"PYTHONPATH": str(REPOSITORY), "INDEX_URL": url, **variables}),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert PASSWORD not in done.stdout + done.stderr
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_the_index_is_filled_verified_and_pruned_by_hand(
    make_index: MakeIndex, url: str, photos_dir: Path, album: Path
) -> None:
    assert run(photos_dir, url, "index", "fill").stdout.startswith("10 files of 1 albums read")
    assert run(photos_dir, url, "index", "fill").stdout.startswith("0 files of 1 albums read")
    index = make_index(url)
    version, crc32 = index.load(ArchiveId(HASH))[b"1.bin"]
    index.store(ArchiveId(HASH), Rows.of([(b"1.bin", version, crc32 ^ 1)]))
    done = run(photos_dir, url, "index", "verify", status=1)
    assert "1.bin: is not what it was" in done.stderr
    assert known(make_index, url) == len(FILES)
    album.rename(photos_dir / "another")
    run(photos_dir, url, "index", "prune")
    assert known(make_index, url) == 0


@pytest.mark.parametrize("store", ["redis"], indirect=True)
def test_a_store_that_is_down_is_told_by_the_commands(
    store: StoreServer, url: str, photos_dir: Path, album: Path
) -> None:
    gone = url.replace(f":{store.port}/", ":1/")
    done = run(photos_dir, gone, "index", "fill", status=1)
    assert "can't be reached" in done.stderr
    done = run(photos_dir, gone, "check", "--port", "0", status=1)
    (line,) = (line for line in done.stdout.splitlines() if " index " in line)
    assert line.startswith("wrong")
    assert "127.0.0.1:1" in line
    assert "INDEX_URL" in line


def test_check_tells_of_the_store_and_changes_nothing(
    store: StoreServer, make_index: MakeIndex, url: str, photos_dir: Path, album: Path
) -> None:
    store.wipe()
    before = run(photos_dir, url, "check", "--port", "0").stdout
    assert store.albums() == [] if not isinstance(store, PostgresqlServer) else not store.is_made()
    make_index(url).store(ArchiveId(HASH), Rows.of([(b"a", b"v" * 32, 1)]))
    after = run(photos_dir, url, "check", "--port", "0").stdout
    for text, found in ((before, "made at the first use|0 keys"), (after, "1 albums|1 keys")):
        (line,) = (line for line in text.splitlines() if line.startswith("good   index"))
        assert f"127.0.0.1:{store.port}" in line
        assert any(part in line for part in found.split("|"))


@pytest.fixture
def without_extras(tmp_path: Path) -> Path:
    """The packages of this Python, without those that a shared index needs."""
    packages = tmp_path / "packages"
    packages.mkdir()
    left_out = ("redis", "psycopg", "__pycache__")
    for path in reversed(list(map(Path, sys.path))):  # the first of one name counts
        if path.name == "site-packages":
            for package in path.iterdir():
                if not package.name.startswith(left_out):
                    (packages / package.name).unlink(missing_ok=True)
                    (packages / package.name).symlink_to(package)
    return packages


def test_without_the_extras_all_is_well_but_for_a_shared_index(
    photos_dir: Path, without_extras: Path
) -> None:
    def checked(**variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-S", "-m", "archive_service", "check", "--port", "0"],
            cwd=photos_dir.parent,
            env=environment(
                {
                    "PYTHONPATH": f"{REPOSITORY}:{without_extras}",
                    "PHOTOS_DIR": str(photos_dir),
                    "CACHE_DIR": str(photos_dir.parent),
                    **variables,
                }
            ),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert checked().returncode == 0
    for url, extra in (("redis://h/0", "redis"), ("postgresql://h/d", "postgres")):
        done = checked(INDEX_URL=url)
        (line,) = done.stderr.splitlines()
        assert done.returncode == 2
        assert f"pip install 'archive-service[{extra}]'" in line
