"""The files in which workers keep their metrics, and programs that remove what is old."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.conditions import eventually
from harness.http import get
from harness.readers import need
from harness.server import Server

if not Path("/proc/self/stat").exists():
    pytest.skip("no /proc here", allow_module_level=True)

Serve = Callable[..., Server]
LONG_AGO_S = 1_000_000_000


@pytest.fixture
def server(serve: Serve, tmp_path: Path) -> Server:
    (tmp_path / "temporary").mkdir()
    return serve("--workers", "2", variables={"TMPDIR": str(tmp_path / "temporary")})


@pytest.fixture
def directory(server: Server, tmp_path: Path) -> Path:
    assert get(server.port, "/").status == 200
    [directory] = (tmp_path / "temporary").glob("archive-service-*")
    return directory


def test_a_worker_is_replaced_and_metrics_are_told_without_their_directory(
    server: Server, directory: Path
) -> None:
    shutil.rmtree(directory)
    for pid in server.workers():
        seen = len(server.lines)
        os.kill(pid, signal.SIGKILL)
        server.wait_for("event=worker.replaced", after=seen)
    assert b"archive_downloads_started_total" in get(server.port, "/metrics").content
    assert sum("event=worker.died" in line for line in server.lines) == 2
    assert server.stop() == 0
    assert not directory.exists()


def test_metrics_without_their_directory_are_told_without_its_counts(
    server: Server, directory: Path
) -> None:
    shutil.rmtree(directory)
    answer = get(server.port, "/metrics")
    assert answer.status == 200
    assert b"archive_ready 1" in answer.content


def test_a_worker_is_replaced_where_something_else_has_the_place(
    server: Server, directory: Path
) -> None:
    shutil.rmtree(directory)
    directory.write_bytes(b"of somebody else")
    for pid in server.workers():
        seen = len(server.lines)
        os.kill(pid, signal.SIGKILL)
        server.wait_for("event=worker.replaced", after=seen)
    assert b"archive_downloads_started_total" in get(server.port, "/metrics").content
    assert server.stop() == 0
    assert directory.read_bytes() == b"of somebody else"


def test_nothing_is_left_by_a_supervisor_that_is_killed(server: Server, directory: Path) -> None:
    server.process.kill()
    eventually(lambda: not directory.exists())


def test_what_is_old_is_made_young(server: Server, directory: Path) -> None:
    files = list(directory.glob("counter_*"))
    assert files
    for path in (*files, directory):
        os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    os.kill(min(server.workers()), signal.SIGKILL)  # the next one begins with it
    eventually(lambda: all(path.stat().st_mtime > LONG_AGO_S for path in (*files, directory)))


def test_systemd_leaves_the_directory_alone(
    server: Server, directory: Path, tmp_path: Path
) -> None:
    need("systemd-tmpfiles")
    (directory.parent / "of-somebody-else").mkdir()
    rule = tmp_path / "rule.conf"
    rule.write_text(f"d {directory.parent} - - - 1us\n")
    before = set(directory.iterdir())
    subprocess.run(["systemd-tmpfiles", "--clean", str(rule)], check=True, timeout=60)
    assert not (directory.parent / "of-somebody-else").exists()
    assert before
    assert before <= set(directory.iterdir())
    assert get(server.port, "/metrics").status == 200
