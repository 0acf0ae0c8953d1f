"""Fair use with several workers: what is counted, they count together."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, make_sparse, noise
from harness.conditions import eventually
from harness.ending import (
    HOLDING_BYTES,
    MOST_CONNECTIONS,
    WORKERS,
    held,
    held_by_all,
    senders,
)
from harness.http import get
from harness.server import Server

from archive_service.web.limits.failed_lookups import REFUSED_FROM

if not Path("/proc/self/stat").exists():
    pytest.skip("no /proc here", allow_module_level=True)

Serve = Callable[..., Server]

TARGET = f"/archive/{HASH}/"
OTHER = "another-album"
LITTLE = f"/archive/{OTHER}/"
SAVED_S = 0.2
"""More than a rate is saved up for."""


@pytest.fixture(autouse=True)
def album(photos_dir: Path) -> Path:
    """An album whose download can be held, and another one that is little."""
    make_album(photos_dir, {"1.jpg": noise(2000)}, OTHER)
    return make_sparse(photos_dir / HASH / "a.bin", HOLDING_BYTES).parent


def statuses(server: Server, count: int = 12) -> set[int]:
    """Ask on many connections at once, so that each worker has some of them."""
    with ThreadPoolExecutor(count) as threads:
        return set(threads.map(lambda _: get(server.port, LITTLE).status, range(count)))


def test_a_slot_of_one_worker_is_taken_for_all(serve: Serve, album: Path) -> None:
    server = serve("--workers", f"{WORKERS}", "--max-downloads", f"{MOST_CONNECTIONS + 1}")
    with ExitStack() as stack:
        downloads = stack.enter_context(held_by_all(server, album))
        for _ in range(MOST_CONNECTIONS + 1 - len(downloads)):
            stack.enter_context(held(server))
        assert statuses(server) == {503}
    eventually(lambda: get(server.port, LITTLE).status == 200)


def test_downloads_of_a_client_are_those_of_all_workers(serve: Serve, album: Path) -> None:
    server = serve("--workers", f"{WORKERS}", "--max-downloads-per-client", "1")
    with held_by_all(server, album) as downloads:
        with ExitStack() as stack:  # 16 connections on one album are one download
            for _ in range(16 - len(downloads)):
                stack.enter_context(held(server))
            assert get(server.port, TARGET).status == 429
        assert statuses(server) == {429}
    eventually(lambda: get(server.port, LITTLE).status == 200)


def test_slots_of_a_worker_that_was_killed_are_free(serve: Serve, album: Path) -> None:
    server = serve(
        *("--workers", f"{WORKERS}", "--max-downloads", "1"), "--max-downloads-per-client", "1"
    )
    with held(server):
        [sender] = eventually(lambda: senders(server, album))
        assert statuses(server) == {503}
        os.kill(sender, signal.SIGKILL)
        server.wait_for("event=worker.died")
        # At once, and not only when the next one in its place counts its own.
        assert get(server.port, LITTLE).status == 200
        server.wait_for("event=worker.replaced", timeout_s=30)
        with held(server):
            assert statuses(server) == {503}


def test_the_rate_is_that_of_all_workers(serve: Serve, photos_dir: Path) -> None:
    make_album(photos_dir, {"1.jpg": noise(1_000_000)}, OTHER)
    server = serve("--workers", f"{WORKERS}", "--rate-limit", "4M")
    started_s = time.monotonic()
    assert statuses(server, 8) == {200}
    assert time.monotonic() - started_s > 8 / 4 - SAVED_S


def test_a_worker_has_the_whole_rate_while_the_others_send_nothing(
    serve: Serve, photos_dir: Path
) -> None:
    make_album(photos_dir, {"1.jpg": noise(1_000_000)}, OTHER)
    server = serve("--workers", "4", "--rate-limit", "500K")
    started_s = time.monotonic()
    assert get(server.port, LITTLE).status == 200
    # A quarter of the rate would take eight seconds.
    assert 2 - SAVED_S < time.monotonic() - started_s < 7


def test_misses_at_all_workers_add_up(serve: Serve) -> None:
    limit = 4
    server = serve(
        *("--workers", f"{WORKERS}", "--trusted-proxies", "none", "--miss-limit", f"{limit}")
    )

    def miss(number: int) -> int:
        return get(server.port, f"/archive/guess-{number}/").status

    with ThreadPoolExecutor(REFUSED_FROM * limit) as threads:
        assert set(threads.map(miss, range(REFUSED_FROM * limit))) == {404}
    assert statuses(server) == {429}
