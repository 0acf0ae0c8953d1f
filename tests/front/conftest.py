"""What the tests of front web servers share: each of them in front of a service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from front.fronts import Front, running
from front.programs import COMMANDS
from harness.server import Server, serving


@dataclass(frozen=True)
class Site:
    front: Front
    service: Server
    photos_dir: Path


@pytest.fixture(scope="module", params=COMMANDS)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A front web server before a service that trusts it."""
    photos_dir, cache_dir, directory = map(tmp_path_factory.mktemp, ("photos", "cache", "front"))
    flags = ("--trusted-proxies", "127.0.0.1", "--stall-timeout", "600", "--level", "debug")
    with (
        serving(photos_dir, cache_dir, *flags) as service,
        running(request.param, directory, service_port=service.port) as front,
    ):
        yield Site(front, service, photos_dir)


@pytest.fixture
def front(site: Site) -> Front:
    return site.front


@pytest.fixture
def service(site: Site) -> Server:
    return site.service
