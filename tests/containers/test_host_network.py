"""The service in the machine's own network, as deploy/docker-compose.host.yml has it."""

from __future__ import annotations

import pytest
from containers.site import Site
from harness.albums import HASH, make_album, noise
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
        with site.stopping():
            assert site.logs().count("event=download.finished") == 1
            connection.open_window()
            assert connection.receive_content(len(whole)) == whole
    assert site.state()["State"]["ExitCode"] == 0
    assert site.logs().count("event=download.finished") == 2
