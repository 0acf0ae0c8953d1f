"""One store for all tests here; each has an album of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest
from harness.faulty import Fault, FaultyStore, faulty_store
from harness.ports import free_port
from harness.s3 import Bucket, moto


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    with moto(tmp_path_factory.mktemp("moto")) as bucket:
        yield bucket


@pytest.fixture(scope="session")
def shared_proxy(bucket: Bucket) -> Iterator[FaultyStore]:
    with faulty_store(bucket.endpoint) as proxy:
        yield proxy


@pytest.fixture
def proxy(shared_proxy: FaultyStore) -> Iterator[FaultyStore]:
    """What stands before the store; it forgets faults and requests when a test ends."""
    shared_proxy.heal()
    yield shared_proxy
    shared_proxy.heal()


@pytest.fixture
def album() -> str:
    """An unused name for an album."""
    return uuid4().hex


@pytest.fixture
def free_endpoint() -> str:
    """Where no store is."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def silence(proxy: FaultyStore) -> Iterator[threading.Event]:
    """Have the store accept requests and say nothing, until the test ends."""
    fault = proxy.befall(Fault(lambda _: True, times=1000, hold_after=0))
    yield fault.released
    fault.released.set()
