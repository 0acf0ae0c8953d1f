"""More connections than the service has descriptors for."""

from __future__ import annotations

import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from harness.albums import make_album, make_sparse, noise
from harness.conditions import eventually
from harness.ending import HOLDING_BYTES, held
from harness.http import get
from harness.server import Server, open_files, serving

if shutil.which("prlimit") is None or not Path("/proc/self/fd").exists():
    pytest.skip("no prlimit here", allow_module_level=True)

DESCRIPTORS = 300
SILENT = 600
SOON_S = 8
"""The silent are closed within a second, or a few on a busy machine; were each given seconds, two
requests of a visitor would wait for more than 20."""
OTHER = "another-album"


@pytest.fixture(params=["1", "2"])
def server(request: pytest.FixtureRequest, photos_dir: Path, tmp_path: Path) -> Iterator[Server]:
    make_album(photos_dir, {"1.jpg": noise(2000)}, OTHER)
    album = make_album(photos_dir, {f"{number}.bin": noise(70_000) for number in range(50)})
    make_sparse(album / "0.bin", HOLDING_BYTES)
    launcher = ("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")
    with serving(photos_dir, tmp_path, "--workers", request.param, launcher=launcher) as server:
        yield server


@contextmanager
def silent(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Connect and say nothing."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            for _ in range(count)
        ]


def not_taken(server: Server) -> list[str]:
    return [line for line in server.lines if "event=connection.not_taken" in line]


def test_a_download_under_way_is_completed_and_one_line_tells_of_the_others(
    server: Server,
) -> None:
    with held(server) as (connection, length), silent(server.port, SILENT):
        server.wait_for("event=connection.not_taken .*error=reserve")
        connection.open_window()
        assert len(connection.receive_content(length)) == length
    eventually(lambda: get(server.port, f"/archive/{OTHER}/").status == 200)
    assert len(not_taken(server)) <= max(len(server.workers()), 1)
    assert not [line for line in server.lines if "level=error" in line]


def test_a_visitor_is_served_beside_those_who_ask_for_nothing(server: Server) -> None:
    with silent(server.port, SILENT) as sockets:
        assert get(server.port, f"/archive/{OTHER}/").status == 200
        assert sockets[-1].fileno() >= 0
        assert not [line for line in server.lines if "level=error" in line]


def test_a_visitor_is_served_beside_those_who_have_asked_and_keep_their_connections(
    server: Server,
) -> None:
    request = f"GET /archive/{OTHER}/ HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    with silent(server.port, DESCRIPTORS) as sockets:
        for each in sockets:
            with suppress(OSError):  # it was closed to make room
                each.sendall(request)
        assert get(server.port, f"/archive/{OTHER}/").status == 200
    assert not [line for line in server.lines if "level=error" in line]


def test_a_visitor_is_served_at_once_after_the_kernel_has_handed_the_silent_over(
    server: Server,
) -> None:
    with held(server) as (connection, length), silent(server.port, SILENT):
        server.wait_for("event=connection.not_taken .*error=reserve")
        assert_is_soon_served(server)
        connection.open_window()
        assert len(connection.receive_content(length)) == length
    assert len(not_taken(server)) <= max(len(server.workers()), 1)


def test_a_visitor_is_served_at_once_beside_those_who_send_a_header_slowly(
    server: Server,
) -> None:
    with held(server) as (connection, length), silent(server.port, SILENT) as sockets:
        for byte in b"GET /":
            for each in sockets:
                with suppress(OSError):  # it was closed to make room
                    each.sendall(bytes([byte]))
            assert_is_soon_served(server)
        connection.open_window()
        assert len(connection.receive_content(length)) == length
    assert len(not_taken(server)) <= max(len(server.workers()), 1)


def assert_is_soon_served(server: Server) -> None:
    """Ask as a visitor does: by connections of his own, which send their request at once."""
    begin_s = time.monotonic()
    assert get(server.port, "/healthz").status == 200
    assert get(server.port, f"/archive/{OTHER}/").status == 200
    assert time.monotonic() - begin_s < SOON_S


@pytest.mark.skipif(not hasattr(socket, "TCP_DEFER_ACCEPT"), reason="Linux alone has it")
def test_who_has_sent_nothing_takes_no_descriptor(server: Server) -> None:
    before = sockets_of(server)
    with silent(server.port, SILENT):
        assert get(server.port, f"/archive/{OTHER}/").status == 200  # all were seen by then
        assert sockets_of(server) - before < SILENT // 10


def sockets_of(server: Server) -> int:
    """Count the sockets of all processes of a server."""
    pids = server.workers() or [server.pid]
    return sum(path.startswith("socket:") for pid in pids for path in open_files(pid))


def test_all_who_are_taken_and_ask_can_download(server: Server) -> None:
    request = f"GET /archive/{OTHER}/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with silent(server.port, SILENT) as sockets:
        server.wait_for("event=connection.not_taken")
        for each in sockets:
            with suppress(OSError):  # it was closed to make room
                each.sendall(request.encode())
        answers = Counter(map(status_line, sockets))
    assert set(answers) <= {b"HTTP/1.1 200 OK\r\n", b""}
    assert answers[b"HTTP/1.1 200 OK\r\n"] >= DESCRIPTORS
    assert not [line for line in server.lines if "level=error" in line]


def status_line(connection: socket.socket) -> bytes:
    """Return the first line of an answer, or nothing where the connection was closed."""
    try:
        with connection.makefile("rb") as reader:
            return reader.readline()
    except OSError:
        return b""
    finally:
        connection.close()
