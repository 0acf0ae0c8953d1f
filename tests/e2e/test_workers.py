"""`server.py --workers`: several processes on one port, kept, stopped and replaced."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.albums import HASH, let_date_begin, make_album, make_sparse, noise
from harness.conditions import eventually
from harness.ending import (
    HOLDING_BYTES,
    WORKERS,
    assert_quiet,
    held,
    held_by_all,
    refuses,
    senders,
    stopping,
)
from harness.http import Truncated, get
from harness.server import SERVER, Server, environment, is_alive, open_files

if not Path("/proc/self/stat").exists():
    pytest.skip("no /proc here", allow_module_level=True)

Serve = Callable[..., Server]

ENDED_WITHIN_S = 30.0
"""A machine may be busy; nothing here takes as much as a second on one that is not."""
LONGER_THAN_ANY_TEST_S = "600"


@pytest.fixture
def album(photos_dir: Path) -> Path:
    """An album that can be held."""
    album = make_album(photos_dir, {"b.bin": noise(300_000), "c.txt": b"last"})
    make_sparse(album / "a.bin", HOLDING_BYTES)
    return album


@pytest.fixture
def server(serve: Serve, album: Path) -> Server:
    """Two workers that give downloads all the time they need."""
    return serve(
        *("--workers", f"{WORKERS}", "--level", "debug"),
        *("--shutdown-timeout", LONGER_THAN_ANY_TEST_S),
    )


def assert_no_process_left(workers: list[int]) -> None:
    eventually(lambda: not any(map(is_alive, workers)), within_s=ENDED_WITHIN_S)


def test_one_worker_is_the_process_itself(serve: Serve, album: Path) -> None:
    server = serve("--workers", "1")
    assert server.workers() == []
    with held(server):
        eventually(lambda: server.open_below(album))


def test_the_start_is_told_once_when_all_workers_accept(server: Server) -> None:
    assert len(server.workers()) == WORKERS
    assert get(server.port, "/").status == 200
    assert server.stop() == 0
    assert sum("event=server.started" in line for line in server.lines) == 1
    assert sum("event=server.stopping" in line for line in server.lines) == 1
    assert sum("event=server.stopped" in line for line in server.lines) == 1
    assert_quiet(server)


def test_all_workers_send_the_same(server: Server, album: Path) -> None:
    let_date_begin(album)
    expected = get(server.port, f"/archive/{HASH}/")
    with held_by_all(server, album) as downloads:
        for connection, length in downloads:
            connection.open_window()
            assert connection.receive_content(length) == expected.content
            again = connection.exchange("GET", f"/archive/{HASH}/", "Range: bytes=0-0")
            assert again["etag"] == expected["etag"]
            assert again["last-modified"] == expected["last-modified"]


def test_one_worker_alone_prunes_the_index(server: Server) -> None:
    def pruning() -> list[int]:
        return [pid for pid in server.workers() if any(".sqlite3" in p for p in open_files(pid))]

    eventually(pruning)
    assert get(server.port, "/").status == 200
    assert len(pruning()) == 1


def test_a_worker_that_is_killed_is_replaced_and_its_downloads_resume_elsewhere(
    server: Server, album: Path
) -> None:
    whole = get(server.port, f"/archive/{HASH}/")
    before = server.workers()
    with held(server) as (connection, length):
        [killed] = eventually(lambda: senders(server, album))
        os.kill(killed, signal.SIGKILL)
        with pytest.raises(Truncated) as caught:
            connection.receive_content(length)
    received = caught.value.received
    rest = get(
        server.port,
        f"/archive/{HASH}/",
        f"Range: bytes={len(received)}-",
        f"If-Range: {whole['etag']}",
    )
    assert rest.status == 206
    assert received + rest.content == whole.content
    server.wait_for("event=worker.died .*signal=SIGKILL", timeout_s=ENDED_WITHIN_S)
    server.wait_for("event=worker.replaced", timeout_s=ENDED_WITHIN_S)
    after = server.workers()
    assert len(after) == WORKERS
    assert set(before) - set(after) == {killed}
    with held_by_all(server, album):
        assert sorted(senders(server, album)) == sorted(after)
    assert server.stop() == 0
    assert sum("event=server.started" in line for line in server.lines) == 1
    died = [line for line in server.lines if "event=worker.died" in line]
    assert len(died) == 1
    assert "level=warning" in died[0]
    assert "/" not in died[0]


def test_all_workers_may_be_killed(server: Server) -> None:
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)
    for number in range(WORKERS):
        server.wait_for(f"event=worker.replaced worker={number}", timeout_s=ENDED_WITHIN_S)
    assert get(server.port, "/").status == 200


def test_workers_that_do_not_live_are_replaced_later_and_later(server: Server) -> None:
    pauses_s = []
    for _ in range(4):
        seen = len(server.lines)
        os.kill(max(server.workers()), signal.SIGKILL)
        found = server.wait_for(
            r"event=worker\.died worker=(\d).*next_in_s=(\S+)", after=seen, timeout_s=ENDED_WITHIN_S
        )
        server.wait_for(
            f"event=worker.replaced worker={found[1]}", after=seen, timeout_s=ENDED_WITHIN_S
        )
        pauses_s.append((found[1], float(found[2])))
    # The one that is killed is the newest, so always the one in the same place.
    assert len({number for number, _ in pauses_s}) == 1
    assert [pause_s for _, pause_s in pauses_s] == [0.1, 0.2, 0.4, 0.8]


def test_a_service_none_of_whose_workers_comes_up_ends_with_status_1(
    photos_dir: Path, tmp_path: Path
) -> None:
    # Enough descriptors to listen, and too few for an event loop.
    command = [sys.executable, str(SERVER), "--workers", "2", "--host", "127.0.0.1", "--port", "0"]
    command += ["--photos-dir", str(photos_dir), "--cache-dir", str(tmp_path)]
    ended = subprocess.run(
        ["sh", "-c", 'ulimit -n 9; exec "$@"', "sh", *command],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=ENDED_WITHIN_S,
        check=False,
    )
    assert ended.returncode == 1
    assert "event=worker.died" in ended.stderr
    assert "event=server.started" not in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("server.py: no worker came up")


def group_of(server: Server, number: signal.Signals) -> None:
    """Send a signal to all the processes, as Ctrl-C does."""
    os.killpg(server.pid, number)


def parent_of(server: Server, number: signal.Signals) -> None:
    """Send a signal to the supervisor alone."""
    os.kill(server.pid, number)


TOLD = pytest.mark.parametrize(
    ("tell", "number"),
    [
        (parent_of, signal.SIGTERM),
        (parent_of, signal.SIGINT),
        (parent_of, signal.SIGHUP),
        (group_of, signal.SIGTERM),
        (group_of, signal.SIGINT),
        (group_of, signal.SIGHUP),
    ],
)
Tell = Callable[[Server, signal.Signals], None]


@TOLD
def test_downloads_that_end_in_time_are_whole(
    server: Server, album: Path, tell: Tell, number: signal.Signals
) -> None:
    whole = get(server.port, f"/archive/{HASH}/").content
    workers = server.workers()
    with held_by_all(server, album) as downloads:
        tell(server, number)
        server.wait_for(f"event=server.stopping signal={number.name}", timeout_s=ENDED_WITHIN_S)
        eventually(lambda: refuses(server.port), within_s=ENDED_WITHIN_S)
        for connection, length in downloads:
            connection.open_window()
            assert connection.receive_content(length) == whole
        assert server.process.wait(ENDED_WITHIN_S) == 0
    assert not any(map(is_alive, workers))
    assert_quiet(server)


@TOLD
def test_a_second_signal_cuts_short(
    server: Server, album: Path, tell: Tell, number: signal.Signals
) -> None:
    workers = server.workers()
    with held_by_all(server, album) as downloads:
        tell(server, number)
        server.wait_for("event=server.stopping", timeout_s=ENDED_WITHIN_S)
        tell(server, number)
        assert server.process.wait(ENDED_WITHIN_S) == 0
        for connection, length in downloads:
            connection.open_window()
            with pytest.raises(Truncated):
                connection.receive_content(length)
    assert not any(map(is_alive, workers))
    server.wait_for("event=server.stopped")
    assert sum("reason=shutdown" in line for line in server.lines) == len(downloads)
    assert_quiet(server)


def test_downloads_that_do_not_end_in_time_are_aborted(serve: Serve, album: Path) -> None:
    server = serve("--workers", "2", "--shutdown-timeout", "0.2")
    with held_by_all(server, album) as downloads:
        stopping(server, signal.SIGTERM)
        assert server.process.wait(ENDED_WITHIN_S) == 0
    server.wait_for("event=server.stopped")
    assert sum("reason=shutdown" in line for line in server.lines) == len(downloads)
    assert_quiet(server)


def test_a_worker_that_dies_meanwhile_does_not_hold_up_the_end(server: Server, album: Path) -> None:
    workers = server.workers()
    with held_by_all(server, album):
        stopping(server, signal.SIGTERM)
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        assert server.process.wait(ENDED_WITHIN_S) == 0
    assert not any(map(is_alive, workers))


def test_workers_end_when_their_supervisor_is_killed(server: Server) -> None:
    workers = server.workers()
    server.process.kill()
    assert_no_process_left(workers)
    assert refuses(server.port)


def test_downloads_end_first_when_the_supervisor_is_killed(server: Server, album: Path) -> None:
    whole = get(server.port, f"/archive/{HASH}/").content
    workers = server.workers()
    with held_by_all(server, album) as downloads:
        server.process.kill()
        eventually(lambda: refuses(server.port), within_s=ENDED_WITHIN_S)
        for connection, length in downloads:
            connection.open_window()
            assert connection.receive_content(length) == whole
    assert_no_process_left(workers)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_address_of_a_host_is_listened_on(serve: Serve, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    server = serve("--workers", workers, "--host", "localhost", "--port", f"{port}")
    assert server.port == port
    for _, _, _, _, (address, *_) in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM):
        if address == "::1" and not _has_ipv6():
            continue
        with socket.create_connection((address, port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
    assert server.stop() == 0
    assert_quiet(server)


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_a_port_in_use_is_told_as_by_one_process(photos_dir: Path, tmp_path: Path) -> None:
    def told(workers: str, port: int) -> tuple[int, str]:
        command = [sys.executable, str(SERVER), "--host", "127.0.0.1", "--port", f"{port}"]
        command += ["--photos-dir", str(photos_dir), "--cache-dir", str(tmp_path)]
        ended = subprocess.run(
            [*command, "--workers", workers],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=ENDED_WITHIN_S,
            check=False,
        )
        return ended.returncode, ended.stderr

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, message = told("2", port)
        assert (status, message) == told("1", port)
    assert status == 1
    assert re.fullmatch(rf"server\.py: can't listen on 127\.0\.0\.1:{port}: .*in use.*\n", message)


FAILING_WORKER = """
import signal
from archive_service.cli.supervisor import Hooks, Supervisor
from archive_service.config.log_setup import configure_logging
from archive_service.observe.log import LogSink

def fail(worker):
    open("/secret/album/1.jpg")

configure_logging("info")
hooks = Hooks(on_up=lambda: None, on_stop=lambda received: None, on_end=lambda worker: None)
print(Supervisor(1, fail, hooks, observe=LogSink()).run())
"""


def test_a_worker_that_fails_is_logged_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILING_WORKER],
        cwd=SERVER.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    failed, died = done.stderr.splitlines()
    assert failed.endswith(
        "level=error event=worker.failed worker=0 error=FileNotFoundError raised_at=<string>:8"
    )
    assert "event=worker.died worker=0 status=1 next_in_s=" in died
    assert done.stdout == "False\n"
