"""What an index in PostgreSQL has of its own: a schema, rights, and a bound of its size."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.conditions import eventually
from harness.stores import PASSWORD, PostgresqlServer
from indexes.conftest import MakeIndex, outage
from indexes.test_faults import writing_at_once

from archive_service.archive.id import ArchiveId
from archive_service.checksums.crc_index.base import Rows
from archive_service.checksums.crc_index.index_url import make_store, parse_index_url
from archive_service.checksums.crc_index.postgresql_schema import LOCK
from archive_service.checksums.crc_index.row_blocks import block_of
from archive_service.observe.events import Event

ONE, TWO = ArchiveId("1" * 32), ArchiveId("2" * 32)
VERSION = b"v" * 32
COMMENT = "COMMENT ON TABLE archive_crc IS 'CRC index of archive-service, schema {}'"
TABLE_OF_OTHERS = (
    "DROP TABLE IF EXISTS archive_crc",
    "CREATE TABLE archive_crc (other text)",
    "INSERT INTO archive_crc VALUES ('x')",
)


@pytest.fixture
def server(postgresql_store: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """A server without our table, before and after the test."""
    postgresql_store.wipe()
    yield postgresql_store
    postgresql_store.wipe()


def test_replicas_that_start_at_once_make_one_table(
    server: PostgresqlServer, make_index: MakeIndex
) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with server.connected() as other:
        other.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        with writing_at_once(server.url, processes=4, count=5):
            eventually(lambda: server.execute(waiting) == [(4,)])
            other.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
    assert len(make_index(server.url).load(ONE)) == 20


def test_what_another_is_changing_is_waited_for_and_not_lost(
    server: PostgresqlServer, make_index: MakeIndex
) -> None:
    index = make_index(server.url)
    index.store(ONE, Rows.of([(b"a", VERSION, 1), (b"b", VERSION, 2)]))
    changed = block_of(Rows.of([(b"a", VERSION, 1), (b"b", VERSION, 2), (b"c", VERSION, 3)]))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with server.connected() as other, ThreadPoolExecutor(1) as thread:
        with other.transaction():
            other.execute(
                "UPDATE archive_crc SET paths = %b, versions = %b, crc32s = %b, part_check = %b",
                changed,
            )
            forgotten = thread.submit(index.forget, ONE, [b"a"])
            eventually(lambda: server.execute(waiting) == [(1,)])
        forgotten.result()
    assert index.load(ONE) == {b"b": (VERSION, 2), b"c": (VERSION, 3)}


def test_a_table_of_an_earlier_release_is_made_anew(
    server: PostgresqlServer, make_index: MakeIndex
) -> None:
    server.execute(*TABLE_OF_OTHERS, COMMENT.format(0))
    index = make_index(server.url)
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    assert index.load(ONE) == {b"a": (VERSION, 1)}
    assert server.execute("SELECT obj_description('archive_crc'::regclass)") == [
        ("CRC index of archive-service, schema 1",)
    ]


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ([COMMENT.format(2)], "of a later release"),
        ([], "a table archive_crc of something else"),
        (["COMMENT ON TABLE archive_crc IS 'crucial'"], "a table archive_crc of something else"),
    ],
)
def test_a_table_of_a_later_release_or_of_others_is_left_alone(
    server: PostgresqlServer, make_index: MakeIndex, comment: list[str], reason: str
) -> None:
    server.execute(*TABLE_OF_OTHERS, *comment)
    happened: list[Event] = []
    index = make_index(server.url, happened.append)
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    index.prune([])
    index.store(ONE, Rows.of([(b"a", VERSION, 2)]))
    assert index.load(ONE) == {b"a": (VERSION, 2)}
    assert happened == [outage(reason)]
    assert server.execute("SELECT * FROM archive_crc") == [("x",)]


def test_a_table_that_becomes_one_of_a_later_release_is_used_no_more(
    server: PostgresqlServer, make_index: MakeIndex
) -> None:
    happened: list[Event] = []
    index = make_index(server.url, happened.append)
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    server.execute(*TABLE_OF_OTHERS, COMMENT.format(2))
    index.store(ONE, Rows.of([(b"b", VERSION, 2)]))
    assert index.load(ONE) == {b"b": (VERSION, 2)}
    assert len(happened) == 1


def test_a_user_who_may_not_make_the_table_is_told(
    server: PostgresqlServer, make_index: MakeIndex
) -> None:
    server.execute(
        "DROP ROLE IF EXISTS visitor", f"CREATE ROLE visitor LOGIN PASSWORD '{PASSWORD}'"
    )
    happened: list[Event] = []
    index = make_index(server.url.replace("archive:", "visitor:"), happened.append)
    assert index.load(ONE) == {}
    assert happened == [outage("may not make its table")]


def test_a_user_who_may_only_read_reads(server: PostgresqlServer, make_index: MakeIndex) -> None:
    make_index(server.url).store(ONE, Rows.of([(b"a", VERSION, 1)]))
    server.execute(
        "DROP ROLE IF EXISTS reader",
        f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'",
        "GRANT SELECT ON archive_crc TO reader",
        "UPDATE archive_crc SET used = current_date - 1",
    )
    happened: list[Event] = []
    index = make_index(server.url.replace("archive:", "reader:"), happened.append)
    index.store(TWO, Rows.of([(b"b", VERSION, 2)]))
    assert index.load(ONE) == {b"a": (VERSION, 1)}
    assert index.load(TWO) == {b"b": (VERSION, 2)}
    assert happened == [outage("not permitted")]
    index.close()
    server.execute("DROP OWNED BY reader", "DROP ROLE reader")


def tidy(url: str) -> None:
    store = make_store(parse_index_url(url))
    store.tidy()
    store.close()


def test_a_tidy_that_is_never_answered_is_given_up(
    server: PostgresqlServer, make_index: MakeIndex
) -> None:
    index = make_index(server.url, all_albums_timeout_s=0.5)
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with server.connected() as other, other.transaction():
        other.execute("LOCK TABLE archive_crc")
        index.tidy([])
        eventually(lambda: server.execute(waiting) == [(1,)])
        assert eventually(lambda: not tidying_threads())
    assert index.load(ONE)


def tidying_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "index tidy"]


def test_what_nobody_has_used_for_long_goes(
    server: PostgresqlServer, make_index: MakeIndex
) -> None:
    url = f"{server.url}?keep_days=10"
    index, other = make_index(url), make_index(f"{url}&namespace=other")
    for album in (ONE, TWO):
        index.store(album, Rows.of([(b"a", VERSION, 1)]))
        other.store(album, Rows.of([(b"a", VERSION, 1)]))
    server.execute("UPDATE archive_crc SET used = current_date - 11")
    assert index.load(ONE)  # which is a use of it
    tidy(url)
    assert index.load(ONE)
    assert index.load(TWO) == {}
    assert other.load(TWO)


def test_what_was_used_longest_ago_goes_where_there_is_no_room(
    server: PostgresqlServer, make_index: MakeIndex
) -> None:
    url = f"{server.url}?max_size=1M"
    index = make_index(url)
    albums = [ArchiveId(f"{number:032x}") for number in range(40)]
    rows = [(b"%04d" % number, VERSION, number) for number in range(1000)]  # 41 kB an album
    for album in albums:
        index.store(album, Rows.of(rows))
    server.execute("UPDATE archive_crc SET used = current_date - 5")
    assert index.load(albums[0])
    tidy(url)
    kept = [bool(index.load(album)) for album in albums]
    assert kept[0]
    assert kept[1:17] == [False] * 16
    assert kept[17:] == [True] * 23


def test_a_use_is_written_once_a_day(server: PostgresqlServer, make_index: MakeIndex) -> None:
    index = make_index(server.url)
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    before = server.execute("SELECT xmin FROM archive_crc")
    index.load(ONE)
    assert server.execute("SELECT xmin FROM archive_crc") == before
