"""No log of a front web server has a hash or a signature, whatever the request looks like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from front.client import Visitor, connected, curl, get
from front.fronts import Front, running
from front.malformed import MALFORMED, SIGNATURE, hash_of, send
from front.place import HOST
from front.programs import COMMANDS
from front.recorder import hanging_up
from harness import http
from harness.albums import HASH, make_album, make_sparse, noise
from harness.server import serving

pytestmark = pytest.mark.xdist_group("front logs")

TARGET = f"/archive/{HASH}/"
FILES = {"1.jpg": noise(300_000), "Лето/2.jpg": noise(300_000), "3.txt": b"three"}
LARGE, LARGE_BYTES = "f" * 32, 300_000_000
LARGE_TARGET = f"/archive/{LARGE}/"
LOGGED_PATH, LOGGED_AGENT = "/a-page-of-the-site", "a-visitor/1.0"
OVER_HTTP2 = {
    "a large cookie": ("-b", f"a={'c' * 9_000}"),
    "a huge cookie": ("-b", f"a={'c' * 90_000}"),
    "a field too large": ("-H", f"X-Field: {'x' * 90_000}"),
    "a method nobody knows": ("-X", "BREW"),
    "a body too large": ("-d", "x" * 100_000),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == "nginx" else pytest.mark.front) for name in COMMANDS],
)
def test_no_log_has_the_hash_of_a_request_that(name: str, tmp_path: Path) -> None:
    for directory in ("photos", "cache"):
        (tmp_path / directory).mkdir()
    with (
        serving(tmp_path / "photos", tmp_path / "cache") as service,
        running(name, service_port=service.port) as front,
    ):
        get(front, LOGGED_PATH, f"User-Agent: {LOGGED_AGENT}")
        requests = sent_over_http1(front) + sent_over_http2(front)
        requests += sent_without_tls(front, after=len(requests))
        front.stop()
        logs = front.logs()
    assert LOGGED_PATH in logs or LOGGED_AGENT in logs
    assert [what for number, what in enumerate(requests) if hash_of(number) in logs] == []
    assert SIGNATURE not in logs


def sent_over_http1(front: Front) -> list[str]:
    for number, request in enumerate(MALFORMED.values()):
        send(front, request, number)
    return [*MALFORMED]


def sent_over_http2(front: Front) -> list[str]:
    for number, arguments in enumerate(OVER_HTTP2.values(), len(MALFORMED)):
        target = f"/archive/{hash_of(number)}/?signature={SIGNATURE}"
        curl(front, target, "--http2", *arguments)
    return [f"{what} over HTTP/2" for what in OVER_HTTP2]


def sent_without_tls(front: Front, *, after: int) -> list[str]:
    """To the port from which visitors are redirected."""
    redirected = Visitor(front.place.http_port, front.certificate)
    for number, request in enumerate(MALFORMED.values(), after):
        send(redirected, replace(request, is_plain=True), number)
    return [f"{what} without TLS" for what in MALFORMED]


@pytest.mark.front
@pytest.mark.parametrize("name", COMMANDS)
def test_no_log_has_the_hash_where_the_service_breaks(name: str, tmp_path: Path) -> None:
    """Neither of a download, nor of a service that breaks off or is not there."""
    photos_dir, cache_dir = (tmp_path / it for it in ("photos", "cache"))
    for path in (photos_dir, cache_dir):
        path.mkdir()
    make_album(photos_dir, FILES)
    make_sparse(photos_dir / LARGE / "large.jpg", LARGE_BYTES)
    with (
        serving(photos_dir, cache_dir) as service,
        running(name, service_port=service.port) as front,
    ):
        get(front, "/elsewhere")
        assert get(front, TARGET, f"Referer: https://{HOST}{TARGET}").status == 200
        with connected(front, small_window=True) as connection:
            connection.send("GET", LARGE_TARGET)
            connection.receive_head()
            service.process.kill()
            with pytest.raises((http.Truncated, OSError)):
                connection.receive_content(LARGE_BYTES)
        statuses = {status_without_service(front)}
        with hanging_up(service.port):
            statuses.add(status_without_service(front))
        assert statuses <= ({None} if name == "varnish" else {502, 503})
    logs = front.logs()
    assert HASH not in logs
    assert LARGE not in logs


def status_without_service(front: Front) -> int | None:
    """Return the status of an answer; a pipe has none, and closes the connection."""
    try:
        return get(front, TARGET, f"Referer: https://{HOST}{TARGET}").status
    except http.Truncated:
        return None
