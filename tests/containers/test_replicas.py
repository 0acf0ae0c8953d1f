"""Replicas behind HAProxy that share Redis, as deploy/docker-compose.replicas.yml has them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from containers.engine import BASE_IMAGE, Engine
from containers.site import Site, site_in
from harness.albums import HASH, make_album, noise
from harness.conditions import eventually
from harness.documents import blocks, section
from harness.http import connected, get

pytestmark = pytest.mark.containers

TARGET = f"/archive/{HASH}/"
FILES = {"1.jpg": noise(80_000_000), "Лето/2.jpg": noise(300_000)}
BEGUN_BYTES = 100_000
DOCUMENT, HEADING = "docs/operations.md", "Several replicas"
REPLICAS = 3
SERVERS_IMAGE, IMAGE = "replicas-servers-test", "replicas-test"
SERVERS = f"""
FROM {BASE_IMAGE}
RUN apt-get update && apt-get install --yes --no-install-recommends haproxy redis-server
"""
ACTIVE = """
from urllib.request import urlopen
print(urlopen("http://127.0.0.1:9090/metrics").read().decode())
"""


@pytest.fixture(scope="module")
def servers_image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Debian's HAProxy and Redis, where no registry has the images of their own."""
    directory = tmp_path_factory.mktemp("servers")
    (directory / "Dockerfile").write_text(SERVERS)
    engine.docker("build", "--tag", SERVERS_IMAGE, str(directory))
    return SERVERS_IMAGE


@pytest.fixture(scope="module")
def site(
    engine: Engine, servers_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A site that is up, by the commands of the document."""
    with site_in(tmp_path_factory.mktemp("site"), engine) as site:
        site.configure(
            COMPOSE_FILE="docker-compose.yml:deploy/docker-compose.replicas.yml",
            IMAGE=IMAGE,
            REDIS_IMAGE=servers_image,
            HAPROXY_IMAGE=servers_image,
            TRUSTED_PROXIES="",
        )
        make_album(site.photos_dir, FILES)
        run_as_documented(site, "up --detach --build --wait")
        yield site


def run_as_documented(site: Site, having: str) -> None:
    (code,) = (code for code in blocks(section(DOCUMENT, HEADING), "sh") if having in code)
    site.engine.run(["bash", "-euc", code], cwd=site.directory)


def replicas(site: Site) -> list[str]:
    return site.compose("ps", "--quiet", "archive").split()


def sending(site: Site) -> str | None:
    """Return the replica that has a download under way."""
    for replica in replicas(site):
        metrics = site.engine.docker("exec", replica, "python", "-c", ACTIVE)
        if "\narchive_downloads_active 1.0\n" in metrics:
            return replica
    return None


def test_a_download_outlives_the_replica_that_began_it(site: Site) -> None:
    whole = get(site.port, TARGET)
    assert whole.status == 200
    assert len(replicas(site)) == REPLICAS
    with connected(site.port, small_window=True) as connection:
        connection.send("GET", TARGET)
        _, fields = connection.receive_head()
        begun = connection.receive_content(BEGUN_BYTES)
        site.engine.docker("kill", eventually(lambda: sending(site), within_s=120))
    etag = dict(fields)["etag"]
    rest = get(site.port, TARGET, f"Range: bytes={BEGUN_BYTES}-", f"If-Range: {etag}")
    assert rest.status == 206
    assert begun + rest.content == whole.content


def test_what_one_has_learned_is_for_all(site: Site) -> None:
    assert get(site.port, TARGET).status == 200
    albums = ("exec", site.container("index"), "redis-cli", "--raw", "dbsize")
    assert eventually(lambda: int(site.engine.docker(*albums))) == 1


def test_an_upgrade_as_documented_fails_no_download(site: Site) -> None:
    old = set(replicas(site))
    statuses: list[int] = []
    stopping = threading.Event()

    def visit() -> None:
        while not stopping.wait(0.1):
            statuses.append(get(site.port, TARGET).status)

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        run_as_documented(site, "--no-recreate --scale")
    finally:
        stopping.set()
        visitor.join()
    assert set(statuses) == {200}
    assert len(replicas(site)) == REPLICAS
    assert old.isdisjoint(replicas(site))
