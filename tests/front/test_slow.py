"""What takes minutes or gigabytes through each front web server."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from front.client import TlsConnection, connected, curl
from front.conftest import Site
from front.fronts import Front, require_programs, running
from front.programs import COMMANDS, versions_of
from harness import http
from harness.albums import HASH, make_sparse
from harness.http import Connection
from harness.server import serving
from harness.sparse import make_sparse as make_marked_sparse

pytestmark = [pytest.mark.front, pytest.mark.slow]

TARGET = f"/archive/{HASH}/"
HUGE_BYTES = 3_000_000_000
PAUSE_S = 75.0
"""Longer than the minute after which web servers cut a connection by default."""
STEADY_S, STEADY_BYTES_PER_S = 150, 60_000


def blocks_of_archive(connection: Connection) -> Iterator[bytes]:
    connection.send("GET", TARGET)
    status, field_lines = connection.receive_head()
    assert status == 200
    left = int(dict(field_lines)["content-length"])
    while left:
        block = connection.receive_content(min(left, 1 << 24))
        left -= len(block)
        yield block


def digest_of(connection: Connection) -> tuple[int, str]:
    digest, length = hashlib.sha256(), 0
    for block in blocks_of_archive(connection):
        digest.update(block)
        length += len(block)
    return length, digest.hexdigest()


def curled_bytes(front: Front, version: str) -> int:
    done = curl(front, TARGET, "-f", version, "-o", "/dev/null", "-w", "%{size_download}")
    assert done.returncode == 0, done.stdout
    return int(done.stdout)


def test_three_gigabytes_pass_without_a_trace(site: Site) -> None:
    album = site.photos_dir / HASH
    album.mkdir(exist_ok=True)
    if not (album / "huge.mov").exists():
        make_marked_sparse(album / "huge.mov", HUGE_BYTES)
    with http.connected(site.service.port) as direct:
        expected = digest_of(direct)
    assert expected[0] > HUGE_BYTES
    written = site.front.written_bytes()
    with connected(site.front) as connection:
        assert digest_of(connection) == expected
    for version in versions_of(site.name):
        assert curled_bytes(site.front, version) == expected[0]
    assert site.front.written_bytes() - written < 1 << 20
    assert site.front.peak_memory_bytes() < 400 << 20


def pause(connection: TlsConnection) -> int:
    # No event shows that another program's time-out has not come.
    time.sleep(PAUSE_S)
    return 0


def take_steadily(connection: TlsConnection) -> int:
    received = 0
    for _ in range(STEADY_S):
        received += len(connection.receive_content(STEADY_BYTES_PER_S))
        time.sleep(1)
    return received


@pytest.mark.parametrize("wait", [pause, take_steadily])
def test_slow_client_gets_all(wait: Callable[[TlsConnection], int], tmp_path: Path) -> None:
    photos_dir, cache_dir = tmp_path / "photos", tmp_path / "cache"
    cache_dir.mkdir()
    size = 100_000_000
    make_sparse(photos_dir / HASH / "1.jpg", size)

    def length(connection: TlsConnection) -> int:
        received = wait(connection)
        connection.open_window()
        return received + len(connection.receive_content(size - received))

    with ExitStack() as stack:
        service = stack.enter_context(serving(photos_dir, cache_dir, "--stall-timeout", "600"))
        connections = {}
        for name in filter(is_installed, COMMANDS):
            front = stack.enter_context(running(name, service_port=service.port))
            connections[name] = stack.enter_context(connected(front, small_window=True))
            connections[name].send("GET", TARGET)
            assert connections[name].receive_head()[0] == 200
        with ThreadPoolExecutor(len(connections)) as pool:
            lengths = [pool.submit(length, each) for each in connections.values()]
        failures = {
            name: repr(each.exception())
            for name, each in zip(connections, lengths, strict=True)
            if each.exception()
        }
        assert failures == {}


def is_installed(name: str) -> bool:
    """Return whether the programs of a front web server are there; one missing fails no other."""
    try:
        require_programs(name)
    except pytest.skip.Exception:
        return False
    return True
