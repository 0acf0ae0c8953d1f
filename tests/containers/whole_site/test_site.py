"""A whole site: FTP in front of the albums, a CMS in PHP, nginx, the service in its container,
Prometheus beside it, and a visitor with a browser and a bad line.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from containers.site import Site
from front.fronts import Front, running
from harness.albums import HASH, noise
from harness.chromium import started_chromium
from harness.conditions import eventually
from harness.documents import blocks, section
from harness.ftp import FtpServer, make_directories, upload, vsftpd
from harness.http import get
from harness.php import php_site
from harness.prometheus import Prometheus, watching
from harness.readers import succeed

pytestmark = pytest.mark.containers

TITLE = "Лето & море"
NAME = f"{TITLE}.zip"
FILES = {f"{number}.jpg": noise(5_000_000, seed=number) for number in range(6)}
SLOW_BYTES_PER_S = 4_000_000
PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<?php
{functions}
echo archive_button(archive_link('{hash}', '{title}'), 'http://127.0.0.1:{port}');
"""


@dataclass(frozen=True)
class Whole:
    """All that runs on the machine of the site."""

    service: Site
    ftp: FtpServer
    nginx: Front
    prometheus: Prometheus

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.nginx.port}"


@pytest.fixture
def whole(site: Site, tmp_path: Path) -> Iterator[Whole]:
    places = {name: tmp_path / name for name in ("ftp", "cms", "prometheus")}
    for place in places.values():
        place.mkdir()
    site.configure(
        SETTLE_TIME="1",
        STALL_TIMEOUT="600",
        RATE_LIMIT_PER_DOWNLOAD=f"{SLOW_BYTES_PER_S}",
        TRUSTED_PROXIES="172.16.0.0/12,192.168.0.0/16",
    )
    site.up()
    functions = blocks(section("docs/integration.md", "Buttons for a site"), "php")[0]
    values = {"functions": functions, "hash": HASH, "title": TITLE, "port": site.port}
    (places["cms"] / "index.php").write_text(PAGE.format(**values), encoding="utf-8")
    with (
        vsftpd(site.photos_dir, places["ftp"]) as ftp,
        php_site(places["cms"]) as cms_port,
        running("nginx", service_port=site.port, site_port=cms_port) as nginx,
        watching(site.port, places["prometheus"]) as prometheus,
    ):
        yield Whole(site, ftp, nginx, prometheus)


def test_a_visitor_gets_the_album_over_a_bad_line(whole: Whole, tmp_path: Path) -> None:
    with started_chromium(tmp_path, "--ignore-certificate-errors") as chromium:
        page = chromium.context.new_page()
        page.goto(whole.address)
        assert page.locator("a").count() == 0  # there is no album yet, and so no button

        with whole.ftp.client() as client:
            make_directories(client, [HASH])
            for name, data in FILES.items():
                upload(client, f"{HASH}/{name}", data)
        hashed = "sum(archive_index_ahead_files_total)"
        eventually(lambda: whole.prometheus.values(hashed) == [len(FILES)])

        page.reload()
        button = page.locator("a")
        assert button.inner_text() == "Download all photos: 6 files, 30.0 MB"
        assert button.get_attribute("href").startswith("/archive/")
        button.click(no_wait_after=True)
        chromium.wait_for(lambda: chromium.received_bytes > SLOW_BYTES_PER_S)
        whole.nginx.kill()
        chromium.wait_for(lambda: "Failed" in chromium.description())
        whole.nginx.start()
        chromium.click("Resume")
        archive = chromium.finished(NAME)

    (tmp_path / NAME).write_bytes(archive)
    succeed(["unzip", "-t", str(tmp_path / NAME)])
    with zipfile.ZipFile(tmp_path / NAME) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == FILES
    resumed = 'archive_downloads_started_total{kind="resumed"}'
    eventually(lambda: whole.prometheus.values(resumed) == [1])
    eventually(lambda: whole.prometheus.values("archive_downloads_finished_total") == [1])
    assert whole.prometheus.values("archive_resumed_bytes_total") > [SLOW_BYTES_PER_S]
    assert get(whole.service.port, "/readyz").status == 200
    assert whole.prometheus.alerts() == {}
