"""Replicas are replaced one after another behind a front, and no visitor notices.

The fronts run with the files of deploy/, in which nothing but addresses and paths is replaced.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Semaphore

import pytest
from front import client
from front.fronts import path_of, running
from harness import http
from harness.albums import HASH, make_album, noise
from harness.conditions import eventually
from harness.ports import free_port, is_listened_on
from harness.server import REPOSITORY, environment
from replicas.fleet import Replica, replicas

pytestmark = pytest.mark.xdist_group("replicas")

TARGET = f"/archive/{HASH}/"
COUNT = 2
VISITORS = 6
FLAGS = ("--rate-limit-per-download", "500K", "--trusted-proxies", "127.0.0.1")
FLAGS += ("--shutdown-timeout", "60")
CONFIGURATION = REPOSITORY / "deploy" / "haproxy-replicas.cfg"
Get = Callable[[], http.Response]


@dataclass(frozen=True)
class Site:
    """Replicas with the ports of their monitoring, and those that will take their place."""

    old: Sequence[Replica]
    new: Sequence[Replica]
    monitors: dict[tuple[str, int], int]

    def monitor(self, replica: Replica) -> int:
        return self.monitors[replica.address]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    make_album(tmp_path / "photos", {"1.jpg": noise(600_000), "2.jpg": noise(400_000)})
    made = replicas(tmp_path, tmp_path / "photos", 2 * COUNT, *FLAGS)
    monitors = {replica.address: free_port() for replica in made}
    for replica in made:
        replica.flags = (*replica.flags, "--monitor-port", str(monitors[replica.address]))
    try:
        for replica in made[:COUNT]:
            replica.start()
        yield Site(made[:COUNT], made[COUNT:], monitors)
    finally:
        for replica in made:
            replica.end()


@contextmanager
def nginx(site: Site, _: Path) -> Iterator[Get]:
    ports = [replica.address[1] for replica in (*site.old, *site.new)]
    with running("nginx", service_port=ports[0], other_service_ports=ports[1:]) as front:
        yield lambda: client.get(front, TARGET)


@contextmanager
def haproxy(site: Site, directory: Path) -> Iterator[Get]:
    directory.mkdir()
    port = free_port()
    path = directory / "haproxy.cfg"
    path.write_text(haproxy_configuration(site, port))
    with (directory / "output.log").open("wb") as output:
        process = subprocess.Popen(
            [path_of("haproxy"), "-db", "-f", str(path)],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        eventually(lambda: is_listened_on(port))
        eventually(lambda: http.get(port, TARGET).status == 200)
        yield lambda: http.get(port, TARGET)
    finally:
        process.kill()
        process.wait()


def haproxy_configuration(site: Site, port: int) -> str:
    """Return the file of deploy/ with servers on this machine for those of Docker's network."""
    text = CONFIGURATION.read_text()
    (template,) = (line for line in text.splitlines() if line.startswith("    server-template "))
    assert template.split()[1:] == [
        *("archive", "20", "archive:8080", "check", "port", "9090"),
        *("resolvers", "containers", "init-addr", "none"),
    ]
    servers = "\n".join(
        f"    server archive{number} {replica.address[0]}:{replica.address[1]} "
        f"check port {site.monitor(replica)}"
        for number, replica in enumerate((*site.old, *site.new))
    )
    assert "bind :8080\n" in text
    return text.replace(template, servers).replace("bind :8080", f"bind 127.0.0.1:{port}")


class Visitors:
    """Download again and again, and never resume: what breaks is a failure."""

    def __init__(self, get: Get, expected: bytes) -> None:
        self._get = get
        self._expected = expected
        self._enough = Event()
        self._done = Semaphore(0)
        self._threads = ThreadPoolExecutor(VISITORS)
        self._downloads: list[Future[int]] = []

    def __enter__(self) -> Visitors:
        self._downloads = [self._threads.submit(self._download) for _ in range(VISITORS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._threads.shutdown()

    def download_more(self, count: int) -> None:
        """Wait until so many more downloads are over."""
        for _ in range(count):
            assert self._done.acquire(timeout=120)
            self._raise_what_failed()

    def completed(self) -> int:
        return sum(each.result() for each in self._downloads)

    def _raise_what_failed(self) -> None:
        for each in self._downloads:
            if each.done():
                each.result()

    def _download(self) -> int:
        completed = 0
        try:
            while not self._enough.is_set():
                answer = self._get()
                assert (answer.status, answer.content == self._expected) == (200, True)
                completed += 1
                self._done.release()
        finally:
            self._done.release()
        return completed


def replace(old: Replica, new: Replica, *, site: Site, visitors: Visitors) -> None:
    """Start the new one, have the old one finish what it has, and see that it says so."""
    new.start()
    eventually(lambda: http.is_ready(site.monitor(new)))
    visitors.download_more(VISITORS)
    server = old.server
    assert server
    server.process.send_signal(signal.SIGTERM)
    server.wait_for("server.stopping")
    # Until its end it reports that nothing new should come.
    assert not http.is_ready(site.monitor(old))
    assert server.process.wait(60) == 0
    assert not [line for line in server.lines if "interrupted" in line]
    old.end()


@pytest.mark.front
@pytest.mark.parametrize("front", [nginx, haproxy])
def test_no_download_fails_while_each_replica_is_replaced(
    site: Site,
    tmp_path: Path,
    front: Callable[[Site, Path], AbstractContextManager[Get]],
) -> None:
    oracle = site.old[0].server
    assert oracle
    expected = http.get(oracle.port, TARGET).content
    with front(site, tmp_path / "front") as get, Visitors(get, expected) as visitors:
        visitors.download_more(VISITORS)
        for old, new in zip(site.old, site.new, strict=True):
            replace(old, new, site=site, visitors=visitors)
        visitors.download_more(VISITORS)
    assert visitors.completed() >= VISITORS * (COUNT + 2)
    for replica in site.new:
        assert replica.server
        replica.server.wait_for("event=download.started")
