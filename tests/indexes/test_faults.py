"""What can befall a shared index: no call raises, waits for long or gives a wrong value."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from harness.conditions import eventually
from harness.ports import free_port
from harness.relay import Relay, relayed
from harness.server import REPOSITORY
from harness.stores import PASSWORD, StoreServer, cutting_port, silent_port
from indexes.conftest import MakeIndex, impairments, outage

from archive_service.archive.id import ArchiveId
from archive_service.checksums.crc_index.base import CrcIndex, Rows
from archive_service.checksums.crc_index.row_blocks import MAX_BLOCKS
from archive_service.checksums.crc_index.shared_index import ANSWER_TIMEOUT_S, FIRST_PAUSE_S
from archive_service.observe.events import Event
from archive_service.observe.index_events import IndexRestored

ONE, TWO = ArchiveId("1" * 32), ArchiveId("2" * 32)
VERSION = b"v" * 32
BOUND_S = 3 * ANSWER_TIMEOUT_S
"""A wait for one answer, on a machine that does other things too."""
AT_ONCE_S = ANSWER_TIMEOUT_S / 2
MANY = 50_000
READY_FOR_QUERY = b"Z\0\0\0\5I"
"""The end of a login to PostgreSQL."""


@pytest.fixture
def happened() -> list[Event]:
    return []


@pytest.fixture
def index(make_index: MakeIndex, url: str, happened: list[Event]) -> CrcIndex:
    """An index whose store may take its time, as a busy machine does."""
    return make_index(url, happened.append)


@pytest.fixture
def impatient(make_index: MakeIndex, url: str, happened: list[Event]) -> CrcIndex:
    """An index that waits for answers as the service does."""
    return make_index(url, happened.append, answer_timeout_s=ANSWER_TIMEOUT_S)


@pytest.fixture
def relay(store: StoreServer) -> Iterator[Relay]:
    with relayed(store.port) as relay:
        yield relay


@pytest.fixture
def index_behind_relay(
    make_index: MakeIndex, relay: Relay, store: StoreServer, url: str, happened: list[Event]
) -> CrcIndex:
    """An index that waits for answers as the service does, and reaches its store by a relay."""
    there = url.replace(f":{store.port}/", f":{relay.port}/")
    return make_index(there, happened.append, answer_timeout_s=ANSWER_TIMEOUT_S)


@contextmanager
def taking_at_most(bound_s: float) -> Iterator[None]:
    started_s = time.monotonic()
    yield
    assert time.monotonic() - started_s < bound_s


def use_until_restored(
    index: CrcIndex, album: ArchiveId, happened: list[Event], *, files: int
) -> None:
    """Load an album, all of whose files are known each time, until the store is back."""

    def is_restored() -> bool:
        assert len(index.load(album)) == files
        return IndexRestored() in happened

    eventually(is_restored)


def test_a_server_that_is_killed_and_started_again(
    index: CrcIndex,
    make_index: MakeIndex,
    store: StoreServer,
    url: str,
    happened: list[Event],
) -> None:
    index.store(ONE, Rows.of([(b"before", VERSION, 1)]))
    store.kill()
    try:
        for number in range(3):
            with taking_at_most(BOUND_S):
                index.store(TWO, Rows.of([(b"%d" % number, VERSION, number)]))
                assert len(index.load(TWO)) == number + 1
        assert len(impairments(happened)) == 1
        assert "kept in memory" in impairments(happened)[0]
    finally:
        store.start()
    other = make_index(url)
    assert other.load(TWO) == {}
    use_until_restored(index, TWO, happened, files=3)
    assert other.load(TWO) == {b"%d" % number: (VERSION, number) for number in range(3)}
    assert len(impairments(happened)) == 1


def test_a_server_that_does_not_answer_is_not_waited_for(
    index: CrcIndex, impatient: CrcIndex, store: StoreServer, happened: list[Event]
) -> None:
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    with store.frozen():
        with taking_at_most(BOUND_S):
            assert impatient.load(ONE) == {}
        with taking_at_most(AT_ONCE_S):  # and a second time not at all
            assert impatient.load(ONE) == {}
            impatient.store(ONE, Rows.of([(b"b", VERSION, 2)]))
            assert impatient.load(ONE) == {b"b": (VERSION, 2)}
    assert happened == [outage("no answer in time")]
    eventually(lambda: len(impatient.load(ONE)) == 2 and IndexRestored() in happened)


@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
def test_a_server_that_takes_connections_and_says_nothing(
    make_index: MakeIndex, happened: list[Event], scheme: str
) -> None:
    with silent_port() as port:
        index = make_index(
            f"{scheme}://127.0.0.1:{port}/0", happened.append, answer_timeout_s=ANSWER_TIMEOUT_S
        )
        with taking_at_most(BOUND_S):
            assert index.load(ONE) == {}
        with taking_at_most(BOUND_S):
            index.close()
    assert len(impairments(happened)) == 1


@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
def test_a_server_that_is_not_there_is_told_once(
    make_index: MakeIndex, happened: list[Event], scheme: str
) -> None:
    index = make_index(f"{scheme}://:{PASSWORD}@127.0.0.1:{free_port()}/0", happened.append)
    for _ in range(3):
        assert index.load(ONE) == {}
    assert happened == [outage("can't be reached")]


@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
def test_a_server_that_fails_is_left_alone_for_a_while(
    make_index: MakeIndex, happened: list[Event], scheme: str
) -> None:
    with cutting_port() as (port, connections):
        index = make_index(f"{scheme}://:{PASSWORD}@127.0.0.1:{port}/0", happened.append)
        index.load(ONE)
        tries = len(connections)
        assert tries > 0
        with taking_at_most(FIRST_PAUSE_S):
            for _ in range(20):
                index.load(ONE)
                index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
            assert len(connections) == tries
        eventually(lambda: index.load(ONE) and len(connections) > tries)
    assert len(impairments(happened)) == 1


@pytest.mark.parametrize(
    "fault",
    [Relay.hold, Relay.trickle],
    ids=["a dead network has swallowed it", "it trickles"],
)
def test_a_connection_that_brings_no_answer_is_given_up(
    relay: Relay,
    index_behind_relay: CrcIndex,
    happened: list[Event],
    fault: Callable[[Relay], None],
) -> None:
    """Each byte that trickles begins the time-outs of the libraries anew."""
    rows = [(b"%d" % number, VERSION, number) for number in range(100)]
    index_behind_relay.store(ONE, Rows.of(rows))
    fault(relay)
    with taking_at_most(BOUND_S):
        assert index_behind_relay.load(ONE) == {}
    eventually(
        lambda: len(index_behind_relay.load(ONE)) == len(rows) and IndexRestored() in happened
    )
    index_behind_relay.close()
    assert len(impairments(happened)) == 1


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_second_try_that_is_never_answered_is_given_up_too(
    relay: Relay, index_behind_relay: CrcIndex, happened: list[Event]
) -> None:
    """A pooler lets clients log in while the database behind it answers nothing."""
    index_behind_relay.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    relay.hold()
    relay.fall_silent_after(READY_FOR_QUERY)
    assert index_behind_relay.load(ONE) == {}
    eventually(lambda: relay.held == 2)
    relay.fall_silent_after(None)
    eventually(lambda: index_behind_relay.load(ONE) and IndexRestored() in happened)
    index_behind_relay.close()
    assert len(impairments(happened)) == 1


def test_a_store_that_is_wiped_while_it_is_used(
    index: CrcIndex, store: StoreServer, happened: list[Event]
) -> None:
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    store.wipe()
    assert index.load(ONE) == {}
    index.store(ONE, Rows.of([(b"b", VERSION, 2)]))
    store.wipe()
    index.store(ONE, Rows.of([(b"c", VERSION, 3)]))
    index.forget(ONE, [b"b"])
    assert index.load(ONE) == {b"c": (VERSION, 3)}
    assert happened == []


def test_a_wrong_password_is_told_and_not_shown(
    make_index: MakeIndex, store: StoreServer, url: str, happened: list[Event]
) -> None:
    index = make_index(url.replace(PASSWORD, "wrong-secret"), happened.append)
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    assert index.load(ONE) == {b"a": (VERSION, 1)}
    assert happened == [outage("user or password refused")]


def test_a_store_that_takes_nothing_new_is_read_all_the_same(
    index: CrcIndex,
    make_index: MakeIndex,
    store: StoreServer,
    url: str,
    happened: list[Event],
) -> None:
    index.store(ONE, Rows.of([(b"before", VERSION, 1)]))
    with store.refusing_writes():
        for number in range(3):
            index.store(TWO, Rows.of([(b"%d" % number, VERSION, number)]))
        assert index.load(ONE) == {b"before": (VERSION, 1)}
        assert len(index.load(TWO)) == 3
        assert make_index(url).load(TWO) == {}
    (text,) = impairments(happened)
    assert "full" in text or "read-only" in text
    use_until_restored(
        index, ONE, happened, files=1
    )  # asked for something else, it writes what it has
    assert len(make_index(url).load(TWO)) == 3


def test_connections_that_the_server_has_cut_are_made_anew_and_not_told(
    index: CrcIndex, store: StoreServer, happened: list[Event]
) -> None:
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    store.cut_connections()
    assert index.load(ONE) == {b"a": (VERSION, 1)}
    store.cut_connections()
    index.store(ONE, Rows.of([(b"b", VERSION, 2)]))
    store.cut_connections()
    index.forget(ONE, [b"a"])
    assert index.load(ONE) == {b"b": (VERSION, 2)}
    assert happened == []


def test_values_that_are_spoilt_are_not_used(
    index: CrcIndex, store: StoreServer, happened: list[Event]
) -> None:
    index.store(ONE, Rows.of([(b"a", VERSION, 1), (b"b", VERSION, 2)]))
    store.spoil()
    assert index.load(ONE) == {}
    index.store(ONE, Rows.of([(b"a", VERSION, 3)]))
    assert index.load(ONE) == {b"a": (VERSION, 3)}
    index.forget(ONE, [b"a"])
    assert index.load(ONE) == {}
    assert happened == []


def test_an_album_takes_one_round_trip(make_index: MakeIndex, store: StoreServer, url: str) -> None:
    few, many = ([(b"%05d.jpg" % n, VERSION, n) for n in range(count)] for count in (100, MANY))
    make_index(url).store(TWO, Rows.of(many))
    with relayed(store.port) as relay:
        index = make_index(url.replace(f":{store.port}/", f":{relay.port}/"))
        assert index.load(ONE) == {}  # connects
        before = relay.round_trips
        index.store(ONE, Rows.of(few))
        assert relay.round_trips == before + 1
        assert len(index.load(TWO)) == MANY
        assert relay.round_trips == before + 2
        index.close()


def test_namespaces_do_not_mix(make_index: MakeIndex, url: str) -> None:
    one, two = make_index(url), make_index(f"{url}-other")
    one.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    assert two.load(ONE) == {}
    two.store(ONE, Rows.of([(b"b", VERSION, 2)]))
    two.prune([])
    assert one.load(ONE) == {b"a": (VERSION, 1)}
    assert two.load(ONE) == {}


def test_an_albums_id_is_not_stored(index: CrcIndex, store: StoreServer) -> None:
    index.store(ONE, Rows.of([(b"a name.jpg", VERSION, 1)]))
    stored = b"".join(store.albums())
    assert b"a name.jpg" in stored
    assert ONE.value.encode() not in stored
    assert bytes.fromhex(ONE.value) not in stored


WRITER = f"""
import sys
from archive_service.archive.id import ArchiveId
from archive_service.checksums.crc_index.base import Rows
from archive_service.checksums.crc_index.index_url import make_store, parse_index_url
from archive_service.checksums.crc_index.shared_index import SharedCrcIndex
url, name, count = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])
index = SharedCrcIndex(
    lambda: make_store(parse_index_url(url)), sys.exit, answer_timeout_s=60
)
print("ready", flush=True)
sys.stdin.read()
for number in range(count):
    row = (b"%b %d" % (name, number), {VERSION!r}, number)
    index.store(ArchiveId("{ONE.value}"), Rows.of([row, (b"forgotten", {VERSION!r}, number)]))
    if number % 10 == 0:
        index.forget(ArchiveId("{ONE.value}"), [b"forgotten"])
index.forget(ArchiveId("{ONE.value}"), [b"forgotten"])
index.close()
"""


@contextmanager
def writing_at_once(url: str, *, processes: int, count: int) -> Iterator[None]:
    """Have processes store, forget and make one part of many in one album; they have done so then.

    In the block they all have begun.
    """
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, f"{name}", f"{count}"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in range(processes)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    yield
    for writer in writers:
        writer.stdout.close()  # type: ignore[union-attr]
        writer.wait(60)
    assert [writer.returncode for writer in writers] == [0] * processes


def test_processes_that_change_an_album_at_once_lose_nothing(
    make_index: MakeIndex, url: str
) -> None:
    count = 2 * MAX_BLOCKS
    with writing_at_once(url, processes=3, count=count):
        pass
    known = make_index(url).load(ONE)
    assert known.keys() == {
        b"%d %d" % (name, number) for name in range(3) for number in range(count)
    }
