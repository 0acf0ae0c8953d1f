"""The service with nginx in front under compose, as deploy/docker-compose.front.yml has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from containers.engine import BASE_IMAGE, Engine
from containers.site import Site
from front.client import Visitor, get
from front.fronts import make_certificate
from harness import http
from harness.albums import HASH, make_album, noise
from harness.ports import free_port

pytestmark = pytest.mark.containers

TARGET = f"/archive/{HASH}/"
FILES = {"1.jpg": noise(3_000_000), "Лето/2.jpg": noise(300_000)}
NGINX_IMAGE = "nginx-test"
FILES_OF_COMPOSE = ("-f", "docker-compose.yml", "-f", "deploy/docker-compose.front.yml")
NGINX = f"""
FROM {BASE_IMAGE}
RUN apt-get update && apt-get install --yes --no-install-recommends nginx-light \
    && rm /etc/nginx/sites-enabled/default \\
    && ln -sf /dev/stdout /var/log/nginx/access.log && ln -sf /dev/stderr /var/log/nginx/error.log
"""


@pytest.fixture(scope="module")
def nginx_image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Debian's nginx with logs as nginx' own image has them, which no registry here has."""
    directory = tmp_path_factory.mktemp("nginx")
    (directory / "Dockerfile").write_text(NGINX)
    engine.docker("build", "--tag", NGINX_IMAGE, str(directory))
    return NGINX_IMAGE


@pytest.fixture
def visitor(site: Site, nginx_image: str, tmp_path: Path) -> Iterator[Visitor]:
    """A visitor of a site that is up."""
    certificate, key = make_certificate(tmp_path)
    port = free_port()
    (tmp_path / "index.html").write_text("the site")
    tmp_path.chmod(0o755)
    site.configure(
        NGINX_IMAGE=nginx_image,
        TLS_CERTIFICATE=str(certificate),
        TLS_KEY=str(key),
        SITE_DIR=str(tmp_path),
        LISTEN_HTTPS=f"127.0.0.1:{port}",
        LISTEN_HTTP=f"127.0.0.1:{free_port()}",
        TRUSTED_PROXIES="",
    )
    make_album(site.photos_dir, FILES)
    site.compose(*FILES_OF_COMPOSE, "up", "--detach", "--wait")
    try:
        yield Visitor(port, certificate)
    finally:
        site.compose(*FILES_OF_COMPOSE, "down", "--timeout", "1")


def test_site_and_albums_are_served(visitor: Visitor, site: Site) -> None:
    whole = http.get(site.port, TARGET).content
    assert get(visitor, TARGET).content == whole
    assert get(visitor, TARGET, "Range: bytes=-1000").content == whole[-1000:]
    assert get(visitor, "/index.html").content == b"the site"
    assert get(visitor, "/metrics").status == 404


def test_download_is_resumed_from_a_service_that_was_made_anew(
    visitor: Visitor, site: Site
) -> None:
    begun = get(visitor, TARGET, "Range: bytes=0-99999")
    before = site.container()
    site.compose(*FILES_OF_COMPOSE, "up", "--detach", "--wait", "--force-recreate", "archive")
    assert site.container() != before
    rest = get(visitor, TARGET, "Range: bytes=100000-", f"If-Range: {begun['etag']}")
    assert rest.status == 206
    assert begun.content + rest.content == http.get(site.port, TARGET).content
