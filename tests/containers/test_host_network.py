"""The service in the machine's own network, as deploy/docker-compose.host.yml has it."""

from __future__ import annotations

import os
import subprocess

import pytest
from containers.site import V2, Site
from harness.albums import HASH, make_album, noise
from harness.conditions import eventually
from harness.http import connected, get

pytestmark = pytest.mark.containers

TARGET = f"/archive/{HASH}/"
FILES = {"1.jpg": noise(20_000_000)}
"""Less than docker-proxy takes of a download at once, and more than the sockets of one hold."""


def test_a_stop_lets_a_slow_download_finish(site: Site) -> None:
    site.configure(
        COMPOSE_FILE="docker-compose.yml:deploy/docker-compose.host.yml", PORT=f"{site.port}"
    )
    make_album(site.photos_dir, FILES)
    site.up()
    whole = get(site.port, TARGET).content
    with connected(site.port, small_window=True) as connection:
        connection.send("GET", TARGET)
        status, _ = connection.receive_head()
        assert status == 200
        stop = subprocess.Popen(
            [*V2, "stop"],
            cwd=site.directory,
            env={**os.environ, **site.engine.variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            eventually(lambda: "event=server.stopping" in site.logs(), within_s=120)
            assert site.logs().count("event=download.finished") == 1
            connection.open_window()
            assert connection.receive_content(len(whole)) == whole
        finally:
            stop.wait(120)
    assert site.state()["State"]["ExitCode"] == 0
    assert site.logs().count("event=download.finished") == 2
