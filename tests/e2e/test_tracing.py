"""`TRACING`: what a collector of OpenTelemetry receives of requests, and what it never does."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, make_sparse, noise
from harness.collector import Collector, Received, collecting
from harness.conditions import eventually
from harness.ending import HOLDING_BYTES, WORKERS, held_by_all, stopping
from harness.http import Connection, Truncated, connected, get, request
from harness.server import SERVER, Server, environment, serving
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

SMALL, OTHER, MISSING = "small-album-of-tests", "other-album-of-tests", "no-such-album-of-tests"
ROUTE = "/archive/{hash}/"
PARENT = "00f067aa0ba902b7"
NO_SETTLING = {"OTEL_BSP_SCHEDULE_DELAY": "20"}
NOT_BY_ITSELF = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
FAILED_START_TIMEOUT_S = 120.0
STOPPED_WITHIN_S = 8.0
"""Less than the ten seconds for which OpenTelemetry waits for a collector that says nothing."""
SERVED_WITHOUT_COLLECTOR = 5

if not Path("/proc/self/stat").exists():
    pytest.skip("no /proc here", allow_module_level=True)


def traced_by(collector: Collector, when: Mapping[str, str]) -> dict[str, str]:
    return {"TRACING": "on", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, **when}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def albums(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small album, and one that can be held."""
    photos_dir = tmp_path_factory.mktemp("photos")
    make_album(photos_dir, {"picture-of-tests.bin": noise(300_000), "b.txt": b"last"}, SMALL)
    make_sparse(make_album(photos_dir, {}) / "a.bin", HOLDING_BYTES)
    return photos_dir


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def server(collector: Collector, albums: Path, cache_dir: Path) -> Iterator[Server]:
    with serving(
        albums, cache_dir, "--level", "debug", variables=traced_by(collector, NO_SETTLING)
    ) as server:
        yield server


@pytest.fixture
def trace_id() -> str:
    return secrets.token_hex(16)


def traceparent(trace_id: str) -> str:
    return f"traceparent: 00-{trace_id}-{PARENT}-01"


def test_a_whole_download(server: Server, collector: Collector, trace_id: str) -> None:
    answer = get(server.port, f"/archive/{SMALL}/", traceparent(trace_id))
    received = collector.of_trace(trace_id)
    span, attributes = received.span, received.attributes
    assert span.name == f"GET {ROUTE}"
    assert span.kind == Span.SPAN_KIND_SERVER
    assert span.parent_span_id.hex() == PARENT
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert received.resource["service.name"] == "archive-service"
    length = len(answer.content)
    assert 0 < attributes.pop("archive.listing_s") < received.duration_s
    assert 0 < attributes.pop("archive.first_byte_s") < received.duration_s
    assert attributes == {
        "http.request.method": "GET",
        "http.route": ROUTE,
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "http.response.status_code": 200,
        "archive.entries": 2,
        "archive.first_pos": 0,
        "archive.content_length": length,
        "archive.complete_length": length,
        "archive.sent_bytes": length,
        "archive.download": "finished",
        "archive.hashed_files": 1,
    }
    assert received.events == ["archive.described", "archive.first_byte"]


def test_a_range(server: Server, collector: Collector, trace_id: str) -> None:
    get(server.port, f"/archive/{SMALL}/", "Range: bytes=100-109", traceparent(trace_id))
    attributes = collector.of_trace(trace_id).attributes
    assert attributes["http.response.status_code"] == 206
    assert attributes["archive.first_pos"] == 100
    assert attributes["archive.content_length"] == attributes["archive.sent_bytes"] == 10
    assert attributes["archive.complete_length"] > 300_000


def test_a_span_lasts_until_the_last_byte(
    server: Server, collector: Collector, trace_id: str
) -> None:
    with connected(server.port, small_window=True) as connection:
        connection.send("GET", f"/archive/{HASH}/", traceparent(trace_id))
        _, fields = connection.receive_head()
        half_way_ns = time.time_ns()
        connection.open_window()
        length = int(dict(fields)["content-length"])
        assert len(connection.receive_content(length)) == length
    received = collector.of_trace(trace_id)
    assert received.span.end_time_unix_nano > half_way_ns
    assert received.attributes["archive.sent_bytes"] == length


@contextmanager
def begun(server: Server, trace_id: str, album: str) -> Iterator[Connection]:
    """Begin a download that can't end before more of it is taken."""
    with connected(server.port, small_window=True) as connection:
        connection.send("GET", f"/archive/{album}/", traceparent(trace_id))
        connection.receive_head()
        assert connection.reader.peek(1)
        yield connection


def interrupted(collector: Collector, trace_id: str, *, reason: str) -> Received:
    received = collector.of_trace(trace_id)
    attributes = received.attributes
    assert attributes["archive.download"] == "interrupted"
    assert attributes["error.type"] == reason
    assert attributes["http.response.status_code"] == 200
    assert 0 < attributes["archive.sent_bytes"] < attributes["archive.content_length"]
    return received


def test_a_client_that_leaves_is_no_error(
    server: Server, collector: Collector, trace_id: str
) -> None:
    with begun(server, trace_id, HASH) as connection:
        connection.reset()
    received = interrupted(collector, trace_id, reason="client left")
    assert received.span.status.code == Status.STATUS_CODE_UNSET


def test_a_file_that_goes_meanwhile_is_one(
    albums: Path, server: Server, collector: Collector, trace_id: str
) -> None:
    last = make_album(albums, {"b.bin": noise(300_000)}, OTHER) / "b.bin"
    make_sparse(albums / OTHER / "a.bin", HOLDING_BYTES)
    with begun(server, trace_id, OTHER) as connection:
        last.unlink()
        connection.open_window()
        with pytest.raises(Truncated):
            connection.receive_content(2 * HOLDING_BYTES)
    received = interrupted(collector, trace_id, reason="vanished")
    assert received.span.status.code == Status.STATUS_CODE_ERROR
    assert not received.span.status.message


@pytest.mark.parametrize(
    ("method", "target", "name", "status"),
    [
        ("GET", f"/archive/{MISSING}/", f"GET {ROUTE}", 404),
        ("HEAD", f"/archive/{SMALL}/", f"HEAD {ROUTE}", 200),
        ("GET", f"/archive/{SMALL}", "GET /archive/{hash}", 301),
        ("GET", f"/archive/{SMALL}/manifest.json", f"GET {ROUTE}manifest.json", 200),
        ("GET", f"/archive/{SMALL}/?file=none", f"GET {ROUTE}", 404),
        ("GET", f"/{SMALL}", "GET", 404),
        ("DELETE", f"/archive/{SMALL}/", "DELETE", 405),
        ("PROPFIND", f"/archive/{SMALL}/", "HTTP", 405),
    ],
)
def test_answers_of_other_kinds(
    server: Server,
    collector: Collector,
    trace_id: str,
    *,
    method: str,
    target: str,
    name: str,
    status: int,
) -> None:
    assert request(server.port, method, target, traceparent(trace_id)).status == status
    received = collector.of_trace(trace_id)
    assert received.span.name == name
    assert received.attributes["http.response.status_code"] == status
    assert "error.type" not in received.attributes
    assert received.span.status.code == Status.STATUS_CODE_UNSET


def test_a_failure_of_the_service_is_an_error(
    albums: Path, server: Server, collector: Collector, trace_id: str
) -> None:
    deep = albums / "deep-album-of-tests"
    (deep / "/".join(["d"] * 70)).mkdir(parents=True)
    answer = get(server.port, f"/archive/{deep.name}/", traceparent(trace_id))
    received = collector.of_trace(trace_id)
    assert received.attributes["http.response.status_code"] == answer.status == 503
    assert received.attributes["error.type"] == "too deep"
    assert received.span.status.code == Status.STATUS_CODE_ERROR


def test_no_span_has_a_hash_a_path_or_a_name(
    albums: Path, server: Server, collector: Collector
) -> None:
    for target in (
        f"/archive/{SMALL}/?name=name-of-tests",
        f"/archive/{SMALL}/?file=picture-of-tests.bin",
        f"/archive/{SMALL}/manifest.json",
        f"/archive/{SMALL}",
        f"/archive/{MISSING}/",
        f"/archive/{HASH}",
        f"/elsewhere/{HASH}",
        f"/archive/.{HASH}/",
    ):
        trace_id = secrets.token_hex(16)
        referrer = f"Referer: http://localhost{target}"
        get(server.port, target, traceparent(trace_id), referrer)
        collector.of_trace(trace_id)
    everything = b"".join(collector.bodies)
    assert b"archive.entries" in everything
    for secret in (HASH[:6], "of-tests", albums.name, str(albums.parent)):
        assert secret.encode() not in everything


def test_lines_of_the_log_have_the_id_of_the_trace(
    server: Server, collector: Collector, trace_id: str
) -> None:
    get(server.port, f"/archive/{SMALL}/", traceparent(trace_id))
    server.wait_for(rf"event=download\.finished .*trace_id={trace_id}")
    # Without a parent there is a trace as well.
    looked_at = len(server.lines)
    get(server.port, f"/archive/{SMALL}/")
    made = server.wait_for(r"event=download\.finished .*trace_id=([0-9a-f]{32})", after=looked_at)
    assert not collector.of_trace(made[1]).span.parent_span_id


def test_what_monitors_is_not_traced(server: Server, collector: Collector) -> None:
    untraced = secrets.token_hex(16)
    for target in ("/healthz", "/readyz", "/metrics"):
        assert get(server.port, target, traceparent(untraced)).status == 200
    later = secrets.token_hex(16)
    get(server.port, "/", traceparent(later))
    assert collector.of_trace(later).attributes["http.route"] == "/"
    assert untraced not in [each.trace_id for each in collector.spans()]


def test_each_worker_sends_its_last_spans_when_it_is_stopped(
    albums: Path, cache_dir: Path, collector: Collector
) -> None:
    variables = traced_by(collector, {**NOT_BY_ITSELF, "OTEL_SERVICE_NAME": "two-workers"})
    with serving(albums, cache_dir, "--workers", f"{WORKERS}", variables=variables) as server:
        with held_by_all(server, albums / HASH) as downloads:
            count = len(downloads)
        eventually(lambda: sum("download.interrupted" in each for each in server.lines) == count)
        assert server.stop() == 0
    resources = [each.resource for each in collector.spans()]
    own = [each for each in resources if each["service.name"] == "two-workers"]
    assert len(own) == count
    assert len({each["service.instance.id"] for each in own}) == WORKERS


def test_a_collector_in_trouble_is_told_once_and_hinders_nobody(
    albums: Path, cache_dir: Path
) -> None:
    with collecting() as collector:
        collector.refuses = True
        variables = traced_by(
            collector, {**NO_SETTLING, "OTEL_EXPORTER_OTLP_HEADERS": "key-of-the-collector"}
        )
        with serving(albums, cache_dir, "--level", "debug", variables=variables) as server:
            for count in range(1, SERVED_WITHOUT_COLLECTOR + 1):
                assert get(server.port, f"/archive/{SMALL}/").status == 200
                eventually(lambda: len(collector.bodies) >= count)  # noqa: B023 - at once
            collector.answers.clear()
            for _ in range(SERVED_WITHOUT_COLLECTOR):
                assert get(server.port, f"/archive/{SMALL}/").status == 200
            eventually(lambda: len(collector.bodies) > SERVED_WITHOUT_COLLECTOR)
            told = time.monotonic()
            stopping(server, signal.SIGTERM)
            assert server.stop() == 0
            assert time.monotonic() - told < STOPPED_WITHIN_S
    impaired = [line for line in server.lines if "tracing.impaired" in line]
    assert sum("batch code: 400" in line for line in impaired) == 1
    assert all(line.startswith("timestamp=") for line in server.lines)
    assert "key-of-the-collector" not in "\n".join(server.lines)


def test_without_tracing_nothing_of_it_is_imported(albums: Path, cache_dir: Path) -> None:
    variables = {"PYTHONPROFILEIMPORTTIME": "1"}
    with serving(albums, cache_dir, variables=variables) as server:
        assert get(server.port, f"/archive/{SMALL}/").status == 200
        server.wait_for(r"event=download\.finished")
    imported = "\n".join(server.lines)
    assert "archive_service.config.tracing" in imported
    assert "opentelemetry" not in imported


def start_badly(cwd: Path, *command: str, **variables: str) -> str:
    """Run a server that is not to start, for a wrong setting; return the line that says why."""
    ended = subprocess.run(
        [sys.executable, *command, "--port", "0"],
        cwd=cwd,
        env=environment({"TRACING": "on", **variables}),
        capture_output=True,
        text=True,
        timeout=FAILED_START_TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    (line,) = ended.stderr.splitlines()
    return line


def test_a_start_without_the_libraries_says_how_to_install_them(tmp_path: Path) -> None:
    without = (
        "import sys; sys.modules['opentelemetry'] = None; "
        f"sys.path.insert(0, {str(SERVER.parent)!r}); "
        "from archive_service.cli.serve import main; sys.exit(main())"
    )
    line = start_badly(tmp_path, "-c", without)
    assert "TRACING (--tracing)" in line
    assert "pip install 'archive-service[tracing]'" in line


def test_a_start_with_variables_that_are_wrong_says_which(tmp_path: Path) -> None:
    line = start_badly(tmp_path, str(SERVER), OTEL_PROPAGATORS="pigeons")
    assert "pigeons" in line
