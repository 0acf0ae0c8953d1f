"""What the tests of front web servers share: each of them in front of a service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from front.fronts import Front, running
from front.programs import COMMANDS, WITHOUT_HTTP2
from harness.server import Server, serving


@dataclass(frozen=True)
class Site:
    name: str
    front: Front
    service: Server
    photos_dir: Path


@pytest.fixture(scope="module", params=COMMANDS)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A front web server before a service that trusts it."""
    photos_dir, cache_dir = map(tmp_path_factory.mktemp, ("photos", "cache"))
    flags = ("--trusted-proxies", "127.0.0.1", "--stall-timeout", "600", "--level", "debug")
    with (
        serving(photos_dir, cache_dir, *flags) as service,
        running(request.param, service_port=service.port) as front,
    ):
        yield Site(request.param, front, service, photos_dir)


@pytest.fixture(autouse=True)
def _version_is_offered(request: pytest.FixtureRequest) -> None:
    """Skip what a test would do over a version of HTTP that the front web server has not."""
    parameters = getattr(request.node, "callspec", None)
    if parameters and parameters.params.get("version") == "--http2":
        reason = WITHOUT_HTTP2.get(str(parameters.params.get("site")))
        if reason:
            pytest.skip(f"no HTTP/2: {reason}")


@pytest.fixture
def front(site: Site) -> Front:
    return site.front


@pytest.fixture
def service(site: Site) -> Server:
    return site.service
