"""The service under podman-compose, which reads the compose file in its own way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from containers.site import START_TIMEOUT_S, Site
from harness.albums import HASH, make_album, noise
from harness.conditions import eventually
from harness.http import get, is_ready
from harness.zipcheck import check

pytestmark = pytest.mark.containers

TARGET = f"/archive/{HASH}/"
FILES = {"1.jpg": noise(3_000_000), "Лето/2.jpg": noise(300_000), "3.txt": b"three"}
PODMAN_COMPOSE = ("podman-compose",)


@pytest.fixture
def started(site: Site) -> Iterator[Site]:
    """A site that podman-compose has started."""
    if shutil.which(PODMAN_COMPOSE[0]) is None:
        pytest.skip("podman-compose is not installed")
    make_album(site.photos_dir, FILES)
    site.compose("up", "--detach", program=PODMAN_COMPOSE)
    try:
        eventually(lambda: is_ready(site.port), within_s=START_TIMEOUT_S)
        yield site
    finally:
        site.compose("down", "--volumes", program=PODMAN_COMPOSE)


def test_albums_that_env_names_are_served(started: Site) -> None:
    answer = get(started.port, TARGET)
    assert answer.status == 200
    check(answer.content)
    assert get(started.port, f"/archive/{'f' * 32}/").status == 404


def test_settings_of_env_arrive_and_empty_ones_are_the_default(started: Site) -> None:
    name = started.engine.run(["podman", "ps", "--quiet"]).stdout.split()[0]
    shown = started.engine.run(["podman", "logs", name])
    assert "event=server.started" in shown.stdout + shown.stderr
    environment = started.engine.run(["podman", "exec", name, "env"]).stdout.splitlines()
    assert "SETTLE_TIME=0" in environment
    assert not any("${" in line for line in environment)
