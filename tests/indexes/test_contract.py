"""The contract of a CRC index, kept by each of its kinds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from harness.ports import free_port
from indexes.conftest import MakeIndex, no_event

from archive_service.archive.id import ArchiveId
from archive_service.checksums.crc_index.base import CrcIndex, Rows
from archive_service.checksums.crc_index.memory import MemoryCrcIndex
from archive_service.checksums.crc_index.row_blocks import MAX_BLOCKS
from archive_service.checksums.crc_index.sqlite import SqliteCrcIndex
from archive_service.observe.events import ignore

ONE, TWO = ArchiveId("1" * 32), ArchiveId("2" * 32)
VERSION, OTHER_VERSION = b"v" * 32, b"w" * 32
KINDS = ["memory", "sqlite", "redis", "postgresql"]
UNUSABLE = ["sqlite that can't be used", "redis that is gone"]
numbers = count()


@pytest.fixture(params=KINDS + UNUSABLE)
def index(
    request: pytest.FixtureRequest, path: Path, tmp_path: Path, make_index: MakeIndex
) -> Iterator[CrcIndex]:
    made: CrcIndex
    if request.param == "memory":
        made = MemoryCrcIndex()
    elif request.param == "sqlite":
        made = SqliteCrcIndex(path, no_event)
    elif request.param == "sqlite that can't be used":
        (tmp_path / "file").touch()
        made = SqliteCrcIndex(tmp_path / "file" / "crc.sqlite3", ignore)
    elif request.param == "redis that is gone":
        made = make_index(f"redis://127.0.0.1:{free_port()}/0", ignore)
    else:
        server = request.getfixturevalue(f"{request.param}_store")
        made = make_index(f"{server.url}?namespace=contract-{next(numbers)}")
    yield made
    made.close()


def test_what_is_stored_is_loaded(index: CrcIndex) -> None:
    index.store(ONE, Rows.of([(b"a", VERSION, 0), (b"b/c", OTHER_VERSION, 0xFFFFFFFF)]))
    assert index.load(ONE) == {b"a": (VERSION, 0), b"b/c": (OTHER_VERSION, 0xFFFFFFFF)}


def test_nothing_is_known_of_an_album_at_first(index: CrcIndex) -> None:
    assert index.load(ONE) == {}


def test_a_row_replaces_that_of_the_same_path(index: CrcIndex) -> None:
    index.store(ONE, Rows.of([(b"a", VERSION, 1), (b"b", VERSION, 2)]))
    index.store(ONE, Rows.of([(b"a", OTHER_VERSION, 3)]))
    assert index.load(ONE) == {b"a": (OTHER_VERSION, 3), b"b": (VERSION, 2)}


def test_albums_do_not_see_each_other(index: CrcIndex) -> None:
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    index.store(TWO, Rows.of([(b"a", VERSION, 2)]))
    index.forget(TWO, [b"a"])
    assert index.load(ONE) == {b"a": (VERSION, 1)}
    assert index.load(TWO) == {}


def test_paths_are_bytes(index: CrcIndex) -> None:
    paths = [b"\xff\xfe", b"new\nline", "фото.jpg".encode("cp1251"), b"%", b"'; --", b"a" * 4096]
    index.store(ONE, Rows.of([(path, VERSION, number) for number, path in enumerate(paths)]))
    assert index.load(ONE) == {path: (VERSION, number) for number, path in enumerate(paths)}


def test_what_is_forgotten_is_not_loaded(index: CrcIndex) -> None:
    index.store(ONE, Rows.of([(b"a", VERSION, 1), (b"b", VERSION, 2), (b"\xff", VERSION, 3)]))
    index.forget(ONE, [b"a", b"\xff", b"never known"])
    assert index.load(ONE) == {b"b": (VERSION, 2)}
    index.forget(TWO, [b"a"])


def test_pruning_keeps_the_albums_named(index: CrcIndex) -> None:
    albums = [ArchiveId(f"{number:032x}") for number in range(20)]
    for album in albums:
        index.store(album, Rows.of([(b"a", VERSION, 1), (b"b", VERSION, 2)]))
    index.prune(iter([album.value for album in albums[::2]] + ["unknown", "\udcff"]))
    assert [bool(index.load(album)) for album in albums] == [True, False] * 10


def test_pruning_without_albums_leaves_nothing(index: CrcIndex) -> None:
    index.prune([])
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    index.prune([])
    assert index.load(ONE) == {}


def test_what_was_loaded_does_not_change_any_more(index: CrcIndex) -> None:
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    loaded = index.load(ONE)
    index.store(ONE, Rows.of([(b"a", VERSION, 2)]))
    assert loaded == {b"a": (VERSION, 1)}


def test_storing_nothing_is_fine(index: CrcIndex) -> None:
    index.store(ONE, Rows.of([]))
    index.forget(ONE, [])
    assert index.load(ONE) == {}


def test_what_is_stored_file_by_file_stays_known(index: CrcIndex) -> None:
    for number in range(3 * MAX_BLOCKS):
        index.store(ONE, Rows.of([(b"same", VERSION, number), (b"%d" % number, VERSION, number)]))
        index.store(TWO, Rows.of([(b"same", VERSION, 0)]))
    known = dict(index.load(ONE))
    assert known.pop(b"same") == (VERSION, 3 * MAX_BLOCKS - 1)
    assert known == {b"%d" % number: (VERSION, number) for number in range(3 * MAX_BLOCKS)}
    assert index.load(TWO) == {b"same": (VERSION, 0)}


def test_what_nobody_has_dropped_outlives_a_tidy(index: CrcIndex) -> None:
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    index.tidy([ONE.value])
    assert index.load(ONE) == {b"a": (VERSION, 1)}
