"""Replicas are killed at random under downloads, which continue at others and never restart.

REPLICAS_SEED repeats a run; what cannot be repeated is when a byte arrives.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from harness.albums import make_album, noise
from harness.clients import run_client, started_client
from harness.conditions import eventually
from harness.http import get, request
from harness.readers import need, succeed
from harness.server import serving
from replicas.fleet import Replica, replicas
from replicas.visitor import TARGET, Crowd, Visitor

pytestmark = pytest.mark.xdist_group("replicas")

FILES = {f"{number}.jpg": noise(300_000, number) for number in range(10)}
FLAGS = ("--rate-limit-per-download", "300K", "--shutdown-timeout", "0.2")
KILLED_AFTER_BYTES = 3_000_000
ENDS = (signal.SIGKILL, signal.SIGTERM)


@pytest.fixture(scope="module")
def photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos")
    make_album(path, FILES)
    return path


@pytest.fixture(scope="module")
def expected(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The archive as an undisturbed server sends it."""
    with serving(photos_dir, tmp_path_factory.mktemp("cache")) as undisturbed:
        return get(undisturbed.port, TARGET).content


@pytest.fixture(scope="module")
def fleet(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Replica]]:
    """Replicas, of which a test may leave some ended."""
    made = replicas(tmp_path_factory.mktemp("replicas"), photos_dir, 3, *FLAGS)
    try:
        yield made
    finally:
        for replica in made:
            replica.end()


@pytest.fixture
def mirrors(fleet: list[Replica]) -> list[Replica]:
    """Replicas that all run."""
    for replica in fleet:
        replica.start()
    return fleet


def kill_under_downloads(
    mirrors: list[Replica], expected: bytes, seed: int, *, downloads: int
) -> None:
    print(f"REPLICAS_SEED={seed}")
    chance = random.Random(seed)
    crowd = Crowd([replica.address for replica in mirrors], downloads, seed)
    crowd.begin()
    kills = 0
    while crowd.wait_for(KILLED_AFTER_BYTES):
        replica = chance.choice(mirrors)
        replica.end(chance.choice(ENDS))
        replica.start()
        kills += 1
    crowd.end()
    resumed = sum(visitor.resumed for visitor in crowd.visitors)
    print(f"{downloads} downloads, {kills} replicas killed, {resumed} times resumed")
    assert kills >= 2
    assert resumed > kills
    for visitor in crowd.visitors:
        assert bytes(visitor.received) == expected
        assert visitor.begun_anew == 0


def test_fifty_downloads_outlive_the_replicas_that_began_them(
    mirrors: list[Replica], expected: bytes
) -> None:
    seed = int(os.environ.get("REPLICAS_SEED", "7"))
    kill_under_downloads(mirrors, expected, seed, downloads=50)


@pytest.mark.campaign
def test_five_hundred_downloads_outlive_the_replicas_that_began_them(
    mirrors: list[Replica], expected: bytes
) -> None:
    seed = int(os.environ.get("REPLICAS_SEED") or int.from_bytes(os.urandom(4), "big"))
    for turn in range(10):
        kill_under_downloads(mirrors, expected, seed + turn, downloads=50)


def url(replica: Replica) -> str:
    host, port = replica.address
    return f"http://{host}:{port}{TARGET}"


def test_curl_goes_on_at_another_replica(
    tmp_path: Path, mirrors: list[Replica], expected: bytes
) -> None:
    """As docs/http.md has it: `curl -C - -H "If-Range: …"`."""
    etag = request(mirrors[0].address[1], "HEAD", TARGET)["etag"]
    saved = tmp_path / "album.zip"
    command = ["curl", "-sS", "-C", "-", "-H", f"If-Range: {etag}", "-o", saved.name]
    for replica in mirrors[:-1]:
        before = saved.stat().st_size if saved.exists() else 0
        with started_client([*command, url(replica)], tmp_path) as curl:
            eventually(partial(has_grown, saved, before + 200_000))
            replica.end(signal.SIGKILL)
            output, _ = curl.communicate(timeout=120)
        assert curl.returncode != 0, output
    assert run_client([*command, url(mirrors[-1])], tmp_path).returncode == 0
    assert saved.read_bytes() == expected


def has_grown(path: Path, size: int) -> bool:
    return path.exists() and path.stat().st_size > size


def test_aria2_does_without_a_mirror_that_is_gone(
    tmp_path: Path, mirrors: list[Replica], expected: bytes
) -> None:
    saved = tmp_path / "album.zip"
    command = ["aria2c", "--no-conf", "--split=3", "--min-split-size=1M", "--retry-wait=0"]
    command += ["--max-connection-per-server=3", "--uri-selector=inorder"]
    command += ["--file-allocation=none", f"--out={saved.name}", *map(url, mirrors)]
    assert mirrors[0].server
    seen = len(mirrors[0].server.lines)
    with started_client(command, tmp_path) as aria2:
        mirrors[0].server.wait_for(r"event=download\.(started|resumed)", after=seen)
        mirrors[0].end(signal.SIGKILL)
        output, _ = aria2.communicate(timeout=120)
    assert aria2.returncode == 0, output
    assert saved.read_bytes() == expected


class Namespace:
    """A network of its own, whose line can be cut."""

    def __init__(self, number: int) -> None:
        self._name = f"replica-{os.getpid()}-{number}"
        self._line = f"r{os.getpid()}-{number}"[:15]
        self._here, self.host = f"10.213.{number}.1", f"10.213.{number}.2"

    def __enter__(self) -> Namespace:
        succeed(["ip", "netns", "add", self._name])
        try:
            inside = f"{self._line[:-1]}i"
            succeed(
                [
                    *("ip", "link", "add", self._line, "type", "veth"),
                    *("peer", "name", inside, "netns", self._name),
                ]
            )
            succeed(["ip", "addr", "add", f"{self._here}/30", "dev", self._line])
            succeed(["ip", "link", "set", self._line, "up"])
            succeed([*self.launcher, "ip", "addr", "add", f"{self.host}/30", "dev", inside])
            succeed([*self.launcher, "ip", "link", "set", inside, "up"])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        succeed(["ip", "netns", "delete", self._name])

    @property
    def launcher(self) -> list[str]:
        return ["ip", "netns", "exec", self._name]

    def cut(self) -> None:
        succeed(["ip", "link", "set", self._line, "down"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes networks")
def test_downloads_go_on_elsewhere_when_the_line_to_a_replica_is_cut(
    tmp_path: Path, photos_dir: Path, mirrors: list[Replica], expected: bytes
) -> None:
    """The visitor gets no sign: no reset, no end."""
    need("ip")
    with Namespace(7) as network, ExitStack() as running:
        cut_off = Replica(
            photos_dir=photos_dir,
            cache_dir=tmp_path / "cache",
            flags=FLAGS,
            address=(network.host, 8080),
            launcher=network.launcher,
        )
        cut_off.start()
        running.callback(cut_off.end)
        others = [replica.address for replica in mirrors]
        visitors = [Visitor(others, random.Random(number)) for number in range(10)]

        def download(visitor: Visitor) -> None:
            visitor.ask(cut_off.address)
            visitor.download()

        with ThreadPoolExecutor(len(visitors)) as threads:
            downloads = [threads.submit(download, visitor) for visitor in visitors]
            eventually(lambda: all(visitor.received for visitor in visitors))
            network.cut()
            for each in downloads:
                each.result(60)
    for visitor in visitors:
        assert bytes(visitor.received) == expected
        assert (visitor.resumed, visitor.begun_anew) == (1, 0)
