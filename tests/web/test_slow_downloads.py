"""Downloads whose clients take next to nothing, while slots are scarce and while they are free."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, make_sparse, noise
from harness.conditions import eventually
from harness.ending import HOLDING_BYTES
from harness.fair_use import ANN, BOB, PROXY, holding
from harness.http import Connection, get
from harness.in_process import app_over, listening
from harness.server import Server

from archive_service.http.client_address import TrustedProxies
from archive_service.observe.events import DownloadInterrupted, Event, PieceSent
from archive_service.web.limits.fair_use import FairUse
from archive_service.web.limits.policy import Limits, SharedCounts

TARGET = f"/archive/{HASH}/"
OTHER = "another-album"
WINDOW_S = 1.0
ABOVE_ANY_RATE = 10**12
LONGER_THAN_A_WINDOW_S = 120.0
DRIP_BYTES, DRIP_EVERY_S = 1024, 3.0


@pytest.fixture(autouse=True)
def album(photos_dir: Path) -> Path:
    make_album(photos_dir, {"1.jpg": noise(2000)}, OTHER)
    return make_sparse(photos_dir / HASH / "a.bin", HOLDING_BYTES).parent


@asynccontextmanager
async def running(photos_dir: Path, limits: Limits, happened: list[Event]) -> AsyncIterator[int]:
    """Serve in this process, with a shorter window than the service has."""
    counts = SharedCounts(limits).of(0)
    fair_use = FairUse(limits, TrustedProxies(None), happened.append, counts=counts)
    async with listening(app_over(photos_dir, happened.append, fair_use=fair_use)) as runner:
        yield runner.addresses[0][1]


def slow_ones(happened: list[Event]) -> list[DownloadInterrupted]:
    return [
        each
        for each in list(happened)
        if isinstance(each, DownloadInterrupted) and each.reason == "too slow"
    ]


def served(photos_dir: Path, limits: Limits, test: Callable[[int, list[Event]], None]) -> None:
    """Run a test in a thread, beside the service."""
    happened: list[Event] = []

    async def main() -> None:
        async with running(photos_dir, limits, happened) as port:
            await asyncio.to_thread(test, port, happened)

    asyncio.run(main())


def limits(slots: int, *, least_bytes_per_s: int = 1000) -> Limits:
    return Limits(downloads=slots, least_bytes_per_s=least_bytes_per_s, slow_window_s=WINDOW_S)


def test_as_many_are_cut_as_make_slots_scarce(photos_dir: Path) -> None:
    def test(port: int, happened: list[Event]) -> None:
        with holding(port, 20):
            assert get(port, f"/archive/{OTHER}/").status == 503
            eventually(lambda: len(slow_ones(happened)) == 2)
            for _ in range(5):
                assert get(port, f"/archive/{OTHER}/").status == 200

    served(photos_dir, limits(20), test)


def test_nobody_is_cut_while_slots_are_free(photos_dir: Path) -> None:
    def test(port: int, happened: list[Event]) -> None:
        with holding(port, 18):
            wait_for_windows(port)
            assert not slow_ones(happened)
            with holding(port, 1):  # now they are scarce
                eventually(lambda: slow_ones(happened))
            assert len(slow_ones(happened)) == 1

    served(photos_dir, limits(20), test)


def wait_for_windows(port: int) -> None:
    """Wait for longer than a rate is averaged over."""
    time.sleep(3 * WINDOW_S)
    assert get(port, "/").status == 200


def test_the_slowest_is_cut_first(photos_dir: Path, album: Path) -> None:
    make_sparse(album / "a.bin", 10 * HOLDING_BYTES)  # not read to its end before that

    def test(port: int, happened: list[Event]) -> None:
        # The one that takes nothing came first, so its rate is known first.
        with holding(port, 1), holding(port, 1) as [reading]:
            while not slow_ones(happened):
                # So much that its window opens all the time: a little is acknowledged in lumps.
                assert reading.reader.read(128 * 1024)
                time.sleep(0.02)
            [cut] = slow_ones(happened)
            most = max(each.sent_bytes for each in list(happened) if isinstance(each, PieceSent))
            assert cut.sent_bytes < most

    served(photos_dir, limits(2, least_bytes_per_s=ABOVE_ANY_RATE), test)


def test_without_a_least_rate_nobody_is_cut(photos_dir: Path) -> None:
    def test(port: int, happened: list[Event]) -> None:
        with holding(port, 20):
            wait_for_windows(port)
            assert not slow_ones(happened)

    served(photos_dir, limits(20, least_bytes_per_s=0), test)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_visitors_get_slots_back_from_clients_that_hold_them(serve: Serve, workers: str) -> None:
    server = serve("--max-downloads", "20", "--workers", workers)
    with holding(server.port, 20) as connections, dripping(connections):
        assert get(server.port, f"/archive/{OTHER}/").status == 503
        found = server.wait_for(".*reason=.?too slow.*", timeout_s=LONGER_THAN_A_WINDOW_S)
        assert "level=info event=download.interrupted" in found[0]
        eventually(lambda: get(server.port, f"/archive/{OTHER}/").status == 200)
        eventually(lambda: cut_of(server) >= 2)
        assert cut_of(server) <= 3  # a visitor's download counts while it is sent
        assert not [line for line in server.lines if "stalled" in line]


def cut_of(server: Server) -> int:
    return sum("too slow" in line for line in list(server.lines))


@contextmanager
def dripping(connections: list[Connection]) -> Iterator[None]:
    """Take a few bytes of each so often that none stalls."""
    is_over = threading.Event()

    def drip() -> None:
        while not is_over.wait(DRIP_EVERY_S):
            for connection in connections:
                try:
                    connection.socket.recv(DRIP_BYTES)
                except OSError:  # it was cut
                    continue

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def status_for(server: Server, *field_lines: str) -> int:
    return get(server.port, f"/archive/{OTHER}/", *field_lines).status


def test_a_known_client_has_a_part_of_the_slots_while_they_are_scarce(serve: Serve) -> None:
    server = serve("--max-downloads", "20", *PROXY)
    with holding(server.port, 17, ANN):  # two downloads, at up to 16 connections each
        assert status_for(server, ANN) == 200
        with holding(server.port, 1, BOB):
            assert status_for(server, ANN) == 429
            assert status_for(server, BOB) == 200
        eventually(lambda: status_for(server, ANN) == 200)


def test_a_client_that_is_not_known_may_have_all(serve: Serve) -> None:
    server = serve("--max-downloads", "20")
    with holding(server.port, 19):
        assert status_for(server) == 200


def test_a_limit_for_each_client_is_kept_instead(serve: Serve) -> None:
    server = serve("--max-downloads", "20", "--max-downloads-per-client", "3", *PROXY)
    with holding(server.port, 19, ANN):
        assert status_for(server, ANN) == 200
