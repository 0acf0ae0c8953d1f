"""What can befall a CRC index in memory and on a disk; their contract is in tests/indexes."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import pytest
from harness.server import REPOSITORY

from archive_service.archive.id import ArchiveId
from archive_service.checksums.crc_index.base import Rows
from archive_service.checksums.crc_index.memory import MOST_ROWS, MemoryCrcIndex
from archive_service.checksums.crc_index.sqlite import MAX_BLOCKS, SqliteCrcIndex
from archive_service.observe.events import Event, Observe

ONE, TWO = ArchiveId("1" * 32), ArchiveId("2" * 32)
VERSION, OTHER_VERSION = b"v" * 32, b"w" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "crc.sqlite3"


@pytest.fixture
def happened() -> list[Event]:
    return []


def no_event(event: Event) -> None:
    raise AssertionError(event)


def test_memory_holds_no_more_rows_than_there_is_room_for() -> None:
    index = MemoryCrcIndex()
    half = [(b"%d" % number, VERSION, number) for number in range(MOST_ROWS // 2)]
    for album in (ONE, TWO):
        index.store(album, Rows.of(half))
        index.store(album, Rows.of(half))  # the same rows take no more room
    assert len(index.load(ONE)) == len(index.load(TWO)) == len(half)
    index.store(TWO, Rows.of([(b"one more", VERSION, 1)]))
    assert index.load(ONE) == {}
    assert len(index.load(TWO)) == len(half) + 1


# SQLite


def stored(path: Path, *, crc32: int = 7) -> None:
    index = SqliteCrcIndex(path, no_event)
    index.store(ONE, Rows.of([(b"a", VERSION, crc32)]))
    index.close()


def load(path: Path, observe: Observe = no_event) -> dict[bytes, tuple[bytes, int]]:
    index = SqliteCrcIndex(path, observe)
    try:
        return dict(index.load(ONE))
    finally:
        index.close()


def test_rows_outlive_the_process(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from archive_service.archive.id import ArchiveId;"
        "from archive_service.checksums.crc_index.base import Rows;"
        "from archive_service.checksums.crc_index.sqlite import SqliteCrcIndex;"
        "index = SqliteCrcIndex(Path(sys.argv[1]), sys.exit);"
        f"index.store(ArchiveId('{ONE.value}'), Rows.of([(b'a', {VERSION!r}, 7)]));"
        "import os; os._exit(0)"  # not closed: as after a crash
    )
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=REPOSITORY, check=True)
    assert load(path) == {b"a": (VERSION, 7)}


def test_two_indexes_on_one_file_see_each_others_rows(path: Path) -> None:
    one, two = (SqliteCrcIndex(path, no_event) for _ in range(2))
    for number in range(20):
        one.store(ONE, Rows.of([(b"one %d" % number, VERSION, number)]))
        two.store(ONE, Rows.of([(b"two %d" % number, VERSION, number)]))
    assert len(one.load(ONE)) == len(two.load(ONE)) == 40
    one.close()
    two.close()


def test_processes_that_start_at_once_all_store(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from archive_service.archive.id import ArchiveId;"
        "from archive_service.checksums.crc_index.base import Rows;"
        "from archive_service.checksums.crc_index.sqlite import SqliteCrcIndex;"
        "index = SqliteCrcIndex(Path(sys.argv[1]), sys.exit);"
        "sys.stdin.read();"
        f"[index.store(ArchiveId('{ONE.value}'), Rows.of([(b'%b %d' % (sys.argv[2].encode(), n),"
        f" {VERSION!r}, n)])) for n in range(50)];"
        "index.close()"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path), name], cwd=REPOSITORY, stdin=subprocess.PIPE
        )
        for name in "abcd"
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    assert [writer.wait(30) for writer in writers] == [0] * 4
    assert len(load(path)) == 200


def test_nobody_else_may_read_the_index(path: Path) -> None:
    stored(path)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_nobody_else_may_read_the_index_in_a_directory_that_was_there(tmp_path: Path) -> None:
    index = SqliteCrcIndex(tmp_path / "crc.sqlite3", no_event)
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    index.close()
    assert modes == dict.fromkeys(modes, 0o600)
    assert "crc.sqlite3-wal" in modes


def test_an_albums_id_is_not_written(path: Path) -> None:
    index = SqliteCrcIndex(path, no_event)
    index.store(ONE, Rows.of([(b"a", VERSION, 7)]))
    written = b"".join(file.read_bytes() for file in path.parent.iterdir())
    index.close()
    written += b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert VERSION in written
    assert ONE.value.encode() not in written
    assert bytes.fromhex(ONE.value) not in written


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(0).randbytes(20_000))


def text(path: Path) -> None:
    path.write_text("This is not a database.\n" * 100)


def a_page_of_garbage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:8192] = random.Random(0).randbytes(4096)
    path.write_bytes(data)


def a_page_lost(path: Path) -> None:
    os.truncate(path, 4096)


def a_schema_of_garbage(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b"CREATE TABLE", b"CRATE TABLES"))


def a_schema_that_is_no_text(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b"CREATE TABLE", b"CREATE \x80ABLE"))


@pytest.mark.parametrize(
    "spoil",
    [
        *(garbage, text, a_page_of_garbage, a_page_lost),
        *(a_schema_of_garbage, a_schema_that_is_no_text),
    ],
)
def test_a_corrupt_file_is_started_afresh(
    path: Path, happened: list[Event], spoil: Callable[[Path], None]
) -> None:
    stored(path)
    spoil(path)
    index = SqliteCrcIndex(path, happened.append)
    assert index.load(ONE) == {}
    index.store(ONE, Rows.of([(b"a", VERSION, 8)]))
    assert index.load(ONE) == {b"a": (VERSION, 8)}
    index.close()
    assert len(happened) == 1
    assert load(path) == {b"a": (VERSION, 8)}


def test_an_empty_file_is_a_fresh_index(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    stored(path)
    assert load(path) == {b"a": (VERSION, 7)}


def test_a_file_spoilt_while_it_is_used_is_started_afresh(
    path: Path, happened: list[Event]
) -> None:
    index = SqliteCrcIndex(path, happened.append)
    index.store(ONE, Rows.of([(b"%d" % number, VERSION, number) for number in range(5000)]))
    index.close()
    index = SqliteCrcIndex(path, happened.append)
    assert len(index.load(ONE)) == 5000
    data = bytearray(path.read_bytes())
    data[100:] = random.Random(0).randbytes(len(data) - 100)
    path.write_bytes(data)
    os.utime(path)
    for _ in range(3):
        index.store(ONE, Rows.of([(b"a", VERSION, 8)]))
        index.load(ONE)
    index.close()
    assert len(happened) <= 1
    known = load(path, happened.append)
    # Whatever could be saved is right.
    known.pop(b"a", None)
    assert all(row == (VERSION, int(path)) for path, row in known.items())


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE crc SET crc32s = x'08000000'",
        "UPDATE crc SET crc32s = 'seven'",
        "UPDATE crc SET crc32s = 7",
        "UPDATE crc SET crc32s = 7.5",
        "UPDATE crc SET paths = x'6100'",
        "UPDATE crc SET paths = CAST(x'ff' AS TEXT)",
        "UPDATE crc SET versions = zeroblob(32)",
        "UPDATE crc SET versions = x''",
        "UPDATE crc SET part_check = zeroblob(8)",
    ],
)
def test_a_part_that_is_spoilt_is_ignored(path: Path, statement: str) -> None:
    stored(path)
    execute(path, statement)
    assert load(path) == {}


def test_a_part_that_is_spoilt_takes_no_other_with_it(path: Path) -> None:
    stored(path)
    execute(path, "UPDATE crc SET part_check = 0")
    index = SqliteCrcIndex(path, no_event)
    index.store(ONE, Rows.of([(b"b", VERSION, 8)]))
    index.forget(ONE, [b"a"])
    assert index.load(ONE) == {b"b": (VERSION, 8)}
    index.close()


def parts(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM crc").fetchone()
        return int(count)


def test_what_is_stored_file_by_file_becomes_few_parts(path: Path) -> None:
    index = SqliteCrcIndex(path, no_event)
    for number in range(3 * MAX_BLOCKS):
        index.store(ONE, Rows.of([(b"same", VERSION, number), (b"%d" % number, VERSION, number)]))
        index.store(TWO, Rows.of([(b"same", VERSION, 0)]))
    known = index.load(ONE)
    assert known.pop(b"same") == (VERSION, 3 * MAX_BLOCKS - 1)
    assert known == {b"%d" % number: (VERSION, number) for number in range(3 * MAX_BLOCKS)}
    assert index.load(TWO) == {b"same": (VERSION, 0)}
    index.close()
    assert parts(path) <= 2 * MAX_BLOCKS


@pytest.mark.parametrize("version", [1, 99])
def test_an_index_of_another_release_is_started_afresh(path: Path, version: int) -> None:
    path.parent.mkdir()
    execute(path, "CREATE TABLE crc (album BLOB, path BLOB, version BLOB, crc32 INTEGER)")
    execute(path, "INSERT INTO crc VALUES (x'00', x'00', x'00', 7)")
    execute(path, f"PRAGMA user_version = {version}")
    stored(path)
    assert load(path) == {b"a": (VERSION, 7)}
    assert parts(path) == 1


def test_a_schema_that_is_not_what_its_version_says_is_no_reason_to_fail(
    path: Path, happened: list[Event]
) -> None:
    stored(path)
    execute(path, "DROP TABLE crc")
    execute(path, "CREATE TABLE crc (other TEXT)")
    index = SqliteCrcIndex(path, happened.append)
    index.store(ONE, Rows.of([(b"a", VERSION, 8)]))
    assert index.load(ONE) == {b"a": (VERSION, 8)}
    index.close()
    assert len(happened) == 1


@pytest.fixture(
    params=["a file for a directory", "a directory for the file", "no right to make it"]
)
def unusable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    if request.param == "a file for a directory":
        (tmp_path / "file").touch()
        yield tmp_path / "file" / "crc.sqlite3"
    elif request.param == "a directory for the file":
        (tmp_path / "directory").mkdir()
        yield tmp_path / "directory"
    elif os.geteuid() == 0:
        yield Path("/proc/no-directory/crc.sqlite3")  # where even root can't make one
    else:
        (tmp_path / "closed").mkdir(mode=0o500)
        yield tmp_path / "closed" / "crc.sqlite3"


def test_a_place_that_can_not_be_written_is_told_once(
    unusable: Path, happened: list[Event]
) -> None:
    index = SqliteCrcIndex(unusable, happened.append)
    for number in range(3):
        index.store(ONE, Rows.of([(b"%d" % number, VERSION, number)]))
    assert len(index.load(ONE)) == 3
    index.prune([])
    assert index.load(ONE) == {}
    index.close()
    assert len(happened) == 1


def test_another_processs_lock_is_not_waited_for_long(path: Path, happened: list[Event]) -> None:
    stored(path)
    index = SqliteCrcIndex(path, happened.append)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        index.store(ONE, Rows.of([(b"b", VERSION, 8)]))
        assert index.load(ONE)[b"b"] == (VERSION, 8)
        index.forget(ONE, [b"b"])
        assert b"b" not in index.load(ONE)
        other.execute("ROLLBACK")
    assert len(happened) == 1
    # It is used again as soon as the other has released it.
    index.store(ONE, Rows.of([(b"c", VERSION, 9)]))
    index.close()
    assert load(path) == {b"a": (VERSION, 7), b"c": (VERSION, 9)}


def test_a_new_file_that_another_process_prepares_is_waited_for(
    path: Path, happened: list[Event]
) -> None:
    path.parent.mkdir()
    index = SqliteCrcIndex(path, happened.append)
    with (
        ThreadPoolExecutor(1) as threads,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        storing = threads.submit(index.store, ONE, Rows.of([(b"a", VERSION, 7)]))
        assert not wait([storing], timeout=0.1).done
        other.execute("ROLLBACK")
    index.close()
    assert load(path) == {b"a": (VERSION, 7)}
    assert not happened


def test_another_process_that_writes_does_not_keep_this_one_from_reading(path: Path) -> None:
    stored(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert load(path) == {b"a": (VERSION, 7)}


def test_what_was_kept_in_memory_gives_way_to_what_is_newer(
    path: Path, happened: list[Event]
) -> None:
    stored(path)
    index = SqliteCrcIndex(path, happened.append)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        index.store(ONE, Rows.of([(b"a", VERSION, 8)]))
        other.execute("ROLLBACK")
    index.store(ONE, Rows.of([(b"a", OTHER_VERSION, 9)]))
    assert index.load(ONE) == {b"a": (OTHER_VERSION, 9)}
    index.close()


def test_a_file_deleted_under_the_index_is_no_reason_to_fail(
    path: Path, happened: list[Event]
) -> None:
    index = SqliteCrcIndex(path, happened.append)
    index.store(ONE, Rows.of([(b"a", VERSION, 7)]))
    for file in path.parent.iterdir():
        file.unlink()
    index.store(ONE, Rows.of([(b"b", VERSION, 8)]))
    assert index.load(ONE)[b"b"] == (VERSION, 8)
    index.close()


def test_closing_twice_is_fine_and_it_opens_again(path: Path) -> None:
    index = SqliteCrcIndex(path, no_event)
    index.close()
    index.store(ONE, Rows.of([(b"a", VERSION, 7)]))
    index.close()
    index.close()
    assert index.load(ONE) == {b"a": (VERSION, 7)}
    index.close()
