"""Health, readiness and metrics, as an operator's programs see them."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.conditions import eventually
from harness.gatedfs import gated
from harness.http import Connection, Truncated, begun, get
from harness.ports import free_port
from harness.server import Server, open_files, serving

LINK = f"/archive/{HASH}/"
PROBES_AT_ONCE = 16
PROBES = 200
Figures = Callable[[str], float]


def figure(port: int, name: str) -> float:
    """Return the sum of a metric over its labels that the name does not give."""
    name, _, labels = name.partition("{")
    text = get(port, "/metrics").content.decode()
    wanted = set(re.findall(r'(\w+)="([^"]*)"', labels))
    found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
    return sum(
        float(value)
        for given, value in found
        if wanted <= set(re.findall(r'(\w+)="([^"]*)"', given))
    )


@pytest.fixture(params=["1", "2"], ids=["alone", "two workers"])
def monitored(request: pytest.FixtureRequest, serve: Serve, photos_dir: Path) -> Server:
    make_album(photos_dir, {"1.jpg": noise(300_000), "2.jpg": noise(10)})
    return serve("--workers", request.param)


def test_what_prometheus_reads_is_in_its_format(monitored: Server) -> None:
    answer = get(monitored.port, "/metrics")
    assert answer.status == 200
    assert answer["content-type"].startswith("text/plain; version=")


def test_downloads_are_counted(monitored: Server) -> None:
    port = monitored.port
    length = len(get(port, LINK).content)
    assert get(port, LINK, "Range: bytes=1000-").status == 206
    get(port, "/archive/missing/")
    eventually(lambda: figure(port, "archive_downloads_finished_total") == 2)
    assert figure(port, 'archive_downloads_started_total{kind="new"') == 1
    assert figure(port, 'archive_downloads_started_total{kind="resumed"') == 1
    assert figure(port, "archive_sent_bytes_total") == 2 * length - 1000
    assert figure(port, "archive_resumed_bytes_total") == 1000
    assert figure(port, "archive_first_byte_seconds_count") == 2
    assert figure(port, "archive_listing_seconds_count") >= 2
    assert figure(port, 'archive_requests_refused_total{reason="missing"') == 1
    assert figure(port, "archive_downloads_active") == 0
    assert figure(port, "archive_hashing_backlog_files") == 0
    assert figure(port, "archive_index_bytes") > 0


@contextmanager
def under_way(port: int, photos_dir: Path) -> Iterator[Connection]:
    """Have a client in the middle of a download that takes no more than its window."""
    make_album(photos_dir, {"large.bin": noise(30_000_000)}, "large")
    with begun(port, "/archive/large/") as (connection, _):
        yield connection


def test_a_download_under_way_is_active_until_its_client_leaves(
    monitored: Server, photos_dir: Path
) -> None:
    port = monitored.port
    with under_way(port, photos_dir):
        assert eventually(lambda: figure(port, "archive_downloads_active") == 1)
    eventually(lambda: figure(port, "archive_downloads_active") == 0)
    assert figure(port, 'archive_downloads_failed_total{fault="client"') == 1


def test_the_first_byte_is_noted_when_it_is_taken(monitored: Server, photos_dir: Path) -> None:
    port = monitored.port
    with under_way(port, photos_dir):
        assert eventually(lambda: figure(port, "archive_first_byte_seconds_count") == 1)
        assert 0 < figure(port, "archive_sent_bytes_total") < 256 * 1024  # no piece is taken whole


def test_a_worker_that_was_killed_has_no_download_under_way(serve: Serve, photos_dir: Path) -> None:
    server = serve("--workers", "2")
    with under_way(server.port, photos_dir):
        eventually(lambda: figure(server.port, "archive_downloads_active") == 1)
        for pid in server.workers():
            os.kill(pid, signal.SIGKILL)
        server.wait_for("worker.replaced")
        eventually(lambda: figure(server.port, "archive_downloads_active") == 0)
    assert figure(server.port, "archive_downloads_started_total") == 1


def test_what_the_processes_use_is_told(monitored: Server) -> None:
    port, processes = monitored.port, [monitored.pid, *monitored.workers()]
    assert figure(port, "archive_processes") == len(processes)
    resident_bytes = figure(port, "archive_resident_bytes")
    assert 10e6 * len(processes) < resident_bytes < 200e6 * len(processes)
    eventually(lambda: figure(port, "archive_cpu_seconds_total") > 0.05)  # to ask takes some, too
    most = max(len(open_files(pid)) for pid in processes)
    assert abs(figure(port, "archive_open_files") - most) < 10  # connections of the moment
    limit, _ = resource.prlimit(processes[-1], resource.RLIMIT_NOFILE)
    assert figure(port, "archive_open_files_limit") == limit


def test_cpu_time_of_a_worker_that_ended_is_not_lost(serve: Serve, photos_dir: Path) -> None:
    make_album(photos_dir, {"1.jpg": noise(30_000_000)})
    server = serve("--workers", "2")
    for _ in range(50):
        get(server.port, LINK)
    before_s = figure(server.port, "archive_cpu_seconds_total")
    for number, pid in enumerate(server.workers()):
        os.kill(pid, signal.SIGKILL)
        server.wait_for(f"worker.replaced.*worker={number}")
    assert figure(server.port, "archive_processes") == 3
    assert figure(server.port, "archive_cpu_seconds_total") >= before_s


def test_as_many_downloads_as_there_may_be_are_told(serve: Serve) -> None:
    assert figure(serve("--max-downloads", "7").port, "archive_downloads_limit") == 7
    unlimited = serve("--max-downloads", "0")
    assert b"archive_downloads_limit" not in get(unlimited.port, "/metrics").content


def test_what_has_not_failed_yet_is_zero(monitored: Server) -> None:
    text = get(monitored.port, "/metrics").content.decode()
    assert 'archive_downloads_failed_total{fault="service",reason="EIO"} 0.0' in text
    assert 'archive_requests_refused_total{fault="operator",reason="busy"} 0.0' in text


def test_who_is_to_blame_for_a_refusal_is_told(monitored: Server, photos_dir: Path) -> None:
    get(monitored.port, "/archive/missing/")
    assert figure(monitored.port, 'archive_requests_refused_total{fault="client"') == 1
    photos_dir.rename(photos_dir.with_name("unmounted"))
    assert get(monitored.port, LINK).status == 503
    assert figure(monitored.port, 'archive_requests_refused_total{fault="service"') == 1


def test_no_label_tells_a_secret(monitored: Server) -> None:
    get(monitored.port, LINK)
    get(monitored.port, "/archive/some-other-hash/")
    text = get(monitored.port, "/metrics").content.decode()
    assert not any(word in text for word in (HASH[:6], "some-other", "1.jpg", "127.0.0.1"))


def test_alive_and_ready_are_told_apart(serve: Serve, photos_dir: Path) -> None:
    server = serve()
    assert get(server.port, "/healthz").status == 200
    assert get(server.port, "/readyz").status == 200
    assert figure(server.port, "archive_ready") == 1
    photos_dir.rename(photos_dir.with_name("unmounted"))
    answer = get(server.port, "/readyz")
    assert answer.status == 503
    assert "photos" not in answer.content.decode()
    assert figure(server.port, "archive_ready") == 0
    assert get(server.port, "/healthz").status == 200


def test_probes_at_the_same_time_are_all_told_that_it_is_ready(serve: Serve) -> None:
    port = serve().port

    def ready(_number: int) -> int:
        return get(port, "/readyz").status

    with ThreadPoolExecutor(PROBES_AT_ONCE) as pool:
        assert set(pool.map(ready, range(PROBES))) == {200}


def test_a_storage_that_hangs_holds_one_thread(photos_dir: Path, tmp_path: Path) -> None:
    mount_point = tmp_path / "mounted"
    with gated(photos_dir, mount_point) as fs, serving(mount_point, tmp_path) as server:

        def ready() -> int:
            return get(server.port, "/readyz").status

        assert ready() == 200
        threads = Path(f"/proc/{server.pid}/task")
        before = len(list(threads.iterdir()))
        fs.hold("list", "")
        with ThreadPoolExecutor() as pool:
            answers = [pool.submit(ready) for _ in range(3)]
            assert [each.result() for each in answers] == [503, 503, 503]
        assert len(list(threads.iterdir())) == before
        fs.clear()
        assert eventually(lambda: ready() == 200)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_apart_has_the_monitoring_to_the_last(
    serve: Serve, photos_dir: Path, workers: str
) -> None:
    port = free_port()
    server = serve("--monitor-port", str(port), "--workers", workers)
    assert get(server.port, "/metrics").status == get(server.port, "/readyz").status == 404
    assert get(port, "/").status == get(port, LINK).status == 404
    assert get(port, "/readyz").status == 200

    def answered(target: str) -> int | None:
        with suppress(Truncated, ConnectionError):  # taken by the worker that ends just now
            return get(port, target).status
        return None

    with under_way(server.port, photos_dir) as connection:
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("server.stopping")
        eventually(lambda: answered("/readyz") == 503)
        eventually(lambda: answered("/healthz") == 200)
        connection.open_window()
        while connection.reader.read1(1 << 20):
            pass
    assert server.stop() == 0


def test_a_port_that_is_taken_is_told_with_its_flags(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(AssertionError) as caught:
        serve("--monitor-port", str(taken.getsockname()[1]))
    assert "--monitor-port" in str(caught.value)
