"""The servers that these tests share: one of each for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from harness.stores import (
    PostgresqlServer,
    RedisServer,
    StoreServer,
    postgresql_server,
    redis_server,
)

from archive_service.checksums.crc_index.base import CrcIndex
from archive_service.checksums.crc_index.index_url import make_store, parse_index_url
from archive_service.checksums.crc_index.shared_index import SharedCrcIndex
from archive_service.observe.events import Event, Observe
from archive_service.observe.index_events import IndexImpaired

PATIENT_S = 120.0
"""Where nothing is wrong, a busy machine may take its time."""
_numbers = count()
MakeIndex = Callable[..., SharedCrcIndex]


@pytest.fixture(scope="session")
def redis_store() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_store() -> Iterator[PostgresqlServer]:
    with postgresql_server() as server:
        yield server


@pytest.fixture(params=["redis", "postgresql"])
def store(request: pytest.FixtureRequest) -> StoreServer:
    """Each of the servers."""
    found: StoreServer = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture
def url(store: StoreServer) -> str:
    """An INDEX_URL with a namespace of the test's own."""
    return f"{store.url}?namespace=test-{next(_numbers)}"


def no_event(event: Event) -> None:
    raise AssertionError(event)


def outage(reason: str) -> IndexImpaired:
    return IndexImpaired(f"the shared CRC index: {reason}; CRCs are kept in memory")


def impairments(happened: list[Event]) -> list[str]:
    return [event.reason for event in happened if isinstance(event, IndexImpaired)]


@pytest.fixture
def make_index() -> Iterator[MakeIndex]:
    """Make indexes that are closed when the test ends; by default, no event may come from one."""
    made: list[CrcIndex] = []

    def make(
        url: str,
        observe: Observe = no_event,
        *,
        answer_timeout_s: float = PATIENT_S,
        all_albums_timeout_s: float = PATIENT_S,
    ) -> SharedCrcIndex:
        address = parse_index_url(url)
        index = SharedCrcIndex(
            lambda: make_store(address),
            observe,
            answer_timeout_s=answer_timeout_s,
            all_albums_timeout_s=all_albums_timeout_s,
        )
        made.append(index)
        return index

    yield make
    for index in made:
        index.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an index of SQLite lies."""
    return tmp_path / "cache" / "crc.sqlite3"
