"""Fronts in Node with deploy/node-front.js, which has to pass breaks on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import http
from harness.albums import HASH, make_album, make_sparse, noise
from harness.clients import run_client
from harness.conditions import eventually
from harness.ports import free_port, is_listened_on
from harness.readers import go_without, need
from harness.server import REPOSITORY, Server, serving

pytestmark = pytest.mark.front

TARGET = f"/archive/{HASH}/"
FILES = {"1.jpg": noise(3_000_000), "Лето/2.jpg": noise(300_000)}
LARGE, LARGE_BYTES = "f" * 32, 300_000_000
LIBRARIES = (
    "http-proxy",
    "http-proxy-3",
    "httpxy",
    "http-proxy-middleware",
    "express-http-proxy",
    "@fastify/http-proxy",
)
PROGRAM = REPOSITORY / "tests" / "front" / "node_front.js"


@pytest.fixture(scope="module")
def photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("photos")
    make_album(directory, FILES)
    return directory


@pytest.fixture(scope="module")
def service(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    cache_dir = tmp_path_factory.mktemp("cache")
    flags = ("--trusted-proxies", "127.0.0.1", "--stall-timeout", "600", "--level", "debug")
    with serving(photos_dir, cache_dir, *flags) as service:
        yield service


@pytest.fixture(scope="module", params=LIBRARIES)
def port(request: pytest.FixtureRequest, service: Server) -> Iterator[int]:
    """The port of a front of one library."""
    need("node")
    require_package(request.param)
    port = free_port()
    process = subprocess.Popen(
        ["node", str(PROGRAM), request.param, f"http://127.0.0.1:{service.port}", str(port)],
        stdin=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: process.poll() is not None or is_listened_on(port), within_s=60)
        assert process.poll() is None
        yield port
    finally:
        process.kill()
        process.wait()


def require_package(name: str) -> None:
    """Skip where Node does not find a package: NODE_PATH says where they are."""
    done = subprocess.run(
        ["node", "-e", f"require.resolve({name!r})"],
        check=False,
        env=os.environ,
        cwd=PROGRAM.parent,
        stderr=subprocess.DEVNULL,
    )
    if done.returncode:
        go_without(f"Node has no {name}")


def test_answers_are_those_of_the_service(port: int, service: Server) -> None:
    whole = http.get(service.port, TARGET)
    for fields in ((), ("Range: bytes=100-299",), ("Range: bytes=5-", 'If-Range: "another"')):
        own, answer = (http.get(each, TARGET, *fields) for each in (service.port, port))
        assert (answer.status, answer.content) == (own.status, own.content)
        assert answer["etag"] == whole["etag"]


def test_broken_download_is_seen_to_be_broken(
    port: int, service: Server, photos_dir: Path, tmp_path: Path
) -> None:
    path = make_sparse(photos_dir / LARGE / "large.jpg", LARGE_BYTES)
    after = len(service.lines)
    with http.connected(port, small_window=True) as visitor:
        visitor.send("GET", f"/archive/{LARGE}/")
        assert visitor.receive_head()[0] == 200
        service.wait_for("event=download.started", after=after)
        os.truncate(path, LARGE_BYTES - 1_000_000)
        visitor.open_window()
        with pytest.raises(http.Truncated):
            visitor.receive_content(LARGE_BYTES)


def test_client_that_leaves_frees_the_service(port: int, service: Server, photos_dir: Path) -> None:
    make_sparse(photos_dir / LARGE / "large.jpg", LARGE_BYTES)
    after = len(service.lines)
    with http.connected(port, small_window=True) as visitor:
        visitor.send("GET", f"/archive/{LARGE}/")
        assert visitor.receive_head()[0] == 200
    service.wait_for(r"event=download.interrupted .*client left", after=after)


def test_long_fields_of_a_site_cost_no_archive(port: int, tmp_path: Path) -> None:
    cookie = f"Cookie: {'; '.join(f'c{number}={chr(99) * 3_000}' for number in range(3))}"
    done = run_client(
        ["curl", "-sSf", "-o", "/dev/null", "-H", cookie, f"http://127.0.0.1:{port}{TARGET}"],
        tmp_path,
    )
    assert done.returncode == 0, done.stdout
