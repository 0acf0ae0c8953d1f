"""Fair use over real sockets: slots, rates, and whom they are counted for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, make_sparse, noise
from harness.conditions import eventually
from harness.ending import HOLDING_BYTES, held
from harness.fair_use import ANN, BOB, PROXY, duration_s, holding
from harness.http import Connection, Response, begun, connected, get, request
from harness.server import Server

TARGET = f"/archive/{HASH}/"
OTHER = "another-album"
SAVED_S = 0.2
"""More than a rate is saved up for."""


@pytest.fixture
def album(photos_dir: Path) -> Path:
    """An album whose download can be held, and another one that is little."""
    make_album(photos_dir, {"1.jpg": noise(2000)}, OTHER)
    album = make_album(photos_dir, {"b.txt": b"b"})
    make_sparse(album / "a.bin", HOLDING_BYTES)
    return album


def is_served(server: Server, *field_lines: str, target: str = f"/archive/{OTHER}/") -> bool:
    return get(server.port, target, *field_lines).status == 200


@pytest.mark.usefixtures("album")
class TestAllSlotsTaken:
    @pytest.fixture
    def full(self, serve: Serve) -> Iterator[Server]:
        server = serve("--max-downloads", "2")
        with holding(server.port, 2):
            yield server

    def test_one_more_is_told_when_to_come_again(self, full: Server) -> None:
        answer = get(full.port, TARGET, "Accept-Language: ru")
        assert answer.status == 503
        assert 1 <= int(answer["retry-after"]) <= 60
        assert "очень много загрузок" in answer.content.decode()
        assert "etag" not in answer
        assert "content-disposition" not in answer
        assert get(full.port, TARGET, "Accept: application/json").content.startswith(
            b'{"status": 503, "error": "busy"'
        )

    @pytest.mark.parametrize(
        ("method", "target", "field_lines", "status"),
        [
            ("HEAD", TARGET, (), 200),
            ("GET", f"{TARGET}manifest.json", (), 200),
            ("GET", TARGET, ("If-None-Match: *",), 304),
            ("GET", TARGET, ('If-Match: "none"',), 412),
            ("GET", TARGET, ("Range: bytes=-0",), 416),
            ("GET", TARGET, ("Range: bytes=99999999999-",), 412),
            ("GET", TARGET, ("Range: bytes=0-0",), 206),
            ("GET", TARGET, ("Range: bytes=-1024",), 206),
            ("GET", TARGET, ("Range: bytes=0-0,2000-2000",), 206),
            ("GET", TARGET[:-1], (), 301),
            ("GET", "/archive/nothing/", (), 404),
            ("GET", "/", (), 200),
        ],
    )
    def test_what_is_no_download_takes_none(
        self, full: Server, method: str, target: str, field_lines: tuple[str, ...], status: int
    ) -> None:
        assert request(full.port, method, target, *field_lines).status == status

    def test_a_range_of_more_takes_one(self, full: Server) -> None:
        assert get(full.port, TARGET, "Range: bytes=0-1024").status == 503

    def test_the_connection_is_kept(self, full: Server) -> None:
        with connected(full.port) as connection:
            assert connection.exchange("GET", TARGET).status == 503
            assert connection.exchange("HEAD", TARGET).status == 200

    def test_the_log_tells_once_and_of_nobody(self, full: Server) -> None:
        for _ in range(5):
            get(full.port, TARGET)
        get(full.port, "/archive/the-last-of-this-test/")
        full.wait_for("archive=the-la")
        refusals = [line for line in full.lines if "event=request.refused" in line]
        assert len(refusals) == 1
        assert "level=warning" in refusals[0]
        assert "reason=busy" in refusals[0]
        later = [line for line in full.lines if "event=server.started" not in line]
        assert "127.0.0.1" not in "".join(later)


def read_on(connection: Connection, album: Path) -> None:
    connection.open_window()
    connection.receive_content(HOLDING_BYTES)


def reset(connection: Connection, album: Path) -> None:
    connection.reset()


def close(connection: Connection, album: Path) -> None:
    connection.close()


def change(connection: Connection, album: Path) -> None:
    (album / "a.bin").write_bytes(b"")
    connection.open_window()


@pytest.mark.parametrize("end", [read_on, reset, close, change])
def test_a_slot_is_free_whatever_way_its_download_ends(
    serve: Serve, album: Path, end: Callable[[Connection, Path], None]
) -> None:
    server = serve("--max-downloads", "1", "--max-downloads-per-client", "1")
    for _ in range(3):
        with connected(server.port, small_window=True) as connection:
            make_sparse(album / "a.bin", HOLDING_BYTES)
            connection.send("GET", TARGET)
            assert connection.receive_head()[0] == 200
            assert not is_served(server)
            end(connection, album)
            eventually(lambda: is_served(server))


@pytest.mark.usefixtures("album")
def test_a_slot_is_free_when_its_client_has_stalled(serve: Serve) -> None:
    server = serve("--max-downloads", "1", "--stall-timeout", "0.5")
    with held(server):
        eventually(lambda: is_served(server))


@pytest.mark.usefixtures("album")
def test_no_limit_is_none(serve: Serve) -> None:
    server = serve("--max-downloads", "0")
    with holding(server.port, 40):
        assert is_served(server)


@pytest.mark.usefixtures("album")
class TestClients:
    def test_sixteen_connections_on_one_album_are_one_download(self, serve: Serve) -> None:
        server = serve("--max-downloads-per-client", "1")
        with holding(server.port, 16):
            for target in (TARGET, f"/archive/{OTHER}/", f"{TARGET}?file=b.txt&file=a.bin"):
                answer = get(server.port, target, "Accept-Language: en")
                assert answer.status == 429
                assert 1 <= int(answer["retry-after"]) <= 60
                assert "Too many downloads at once" in answer.content.decode()

    def test_a_part_of_an_album_is_the_album(self, serve: Serve) -> None:
        server = serve("--max-downloads-per-client", "1")
        with holding(server.port, 1):
            answer = get(server.port, f"{TARGET}?file=a.bin", "Range: bytes=0-99999")
            assert answer.status == 206

    def test_clients_behind_a_trusted_proxy_are_told_apart(self, serve: Serve) -> None:
        server = serve("--max-downloads-per-client", "1", *PROXY)
        with holding(server.port, 1, ANN):
            assert not is_served(server, ANN)
            assert not is_served(server, "Forwarded: for=198.51.100.1")
            assert is_served(server, BOB)
            assert is_served(server, "Forwarded: for=198.51.100.2")
            assert is_served(server)  # of the proxy itself

    @pytest.mark.parametrize("proxies", ["unknown", "none", "10.0.0.0/8"])
    def test_nobody_else_is_believed(self, serve: Serve, proxies: str) -> None:
        server = serve("--max-downloads-per-client", "1", "--trusted-proxies", proxies)
        with holding(server.port, 1, ANN):
            assert not is_served(server, BOB)


def together(count: int, download: Callable[[int], Response]) -> list[Response]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(download, range(count)))


class TestRates:
    FILES: ClassVar = {"1.jpg": noise(400_000), "2.txt": noise(100_000), "3.jpg": noise(500_000)}
    LENGTH = 1_000_000

    @pytest.fixture
    def whole(self, serve: Serve, photos_dir: Path) -> bytes:
        make_album(photos_dir, self.FILES)
        make_album(photos_dir, self.FILES, OTHER)
        return get(serve().port, TARGET).content

    @pytest.mark.parametrize(
        "flags",
        [
            ("--rate-limit", "1M"),
            ("--rate-limit-per-download", "1000K"),
            ("--rate-limit", "2M", "--rate-limit-per-download", "1000000"),
        ],
    )
    def test_a_download_takes_its_time(
        self, serve: Serve, whole: bytes, flags: tuple[str, ...]
    ) -> None:
        server = serve(*flags)
        answers: list[Response] = []
        taken_s = duration_s(lambda: answers.append(get(server.port, TARGET)))
        assert taken_s > self.LENGTH / 1e6 - SAVED_S
        assert answers[0].content == whole
        part = get(server.port, TARGET, "Range: bytes=399990-700000")
        assert part.content == whole[399990:700001]

    def test_downloads_share_the_rate(self, serve: Serve, whole: bytes) -> None:
        server = serve("--rate-limit", "4M")
        taken_s = duration_s(lambda: together(4, lambda _: get(server.port, TARGET)))
        assert taken_s > 4 * self.LENGTH / 4e6 - SAVED_S

    def test_each_download_has_the_rate_of_one(self, serve: Serve, whole: bytes) -> None:
        server = serve("--rate-limit-per-download", "1M")
        taken_s = duration_s(lambda: together(20, lambda _: get(server.port, TARGET)))
        assert self.LENGTH / 1e6 - SAVED_S < taken_s < 20 * self.LENGTH / 1e6

    def test_connections_of_one_who_is_known_have_the_rate_of_one(
        self, serve: Serve, whole: bytes
    ) -> None:
        server = serve("--rate-limit-per-download", "2M", "--trusted-proxies", "none")
        taken_s = duration_s(lambda: together(4, lambda _: get(server.port, TARGET)))
        assert taken_s > 4 * self.LENGTH / 2e6 - SAVED_S

    def test_who_takes_nothing_takes_nothing_from_others(
        self, serve: Serve, whole: bytes, photos_dir: Path
    ) -> None:
        make_sparse(photos_dir / "held" / "a.bin", HOLDING_BYTES)
        server = serve("--rate-limit", "10M")
        with ExitStack() as stack:
            for _ in range(10):
                stack.enter_context(begun(server.port, "/archive/held/"))
            # Until the system takes no more on their behalf, they have a share.
            # A download lasts 0.1 s alone, and 1.1 s with a share of eleven.
            eventually(lambda: duration_s(lambda: get(server.port, TARGET)) < 0.7)

    def test_a_delay_to_watch_works_along_with_it(self, serve: Serve, whole: bytes) -> None:
        server = serve("--debug", "--delay", "0.1", "--rate-limit", "1M")
        answers: list[Response] = []
        taken_s = duration_s(lambda: answers.append(get(server.port, TARGET)))
        assert taken_s > self.LENGTH / 1e6 - SAVED_S
        assert answers[0].content == whole

    def test_what_is_no_download_does_not_wait(self, serve: Serve, whole: bytes) -> None:
        server = serve("--rate-limit", "1K")
        with begun(server.port, TARGET):
            for method, target, status in [
                ("HEAD", TARGET, 200),
                ("GET", f"{TARGET}manifest.json", 200),
                ("GET", "/", 200),
            ]:
                assert request(server.port, method, target).status == status
            assert get(server.port, TARGET, "Range: bytes=0-0").content == whole[:1]

    def test_who_leaves_while_waiting_frees_everything(
        self, serve: Serve, whole: bytes, photos_dir: Path
    ) -> None:
        server = serve("--rate-limit", "1K", "--max-downloads", "1")
        with connected(server.port) as waiting:
            waiting.send("GET", TARGET)
            waiting.receive_head()
            assert get(server.port, TARGET).status == 503
        server.wait_for('event=download.interrupted .*reason="client left"')
        eventually(lambda: get(server.port, TARGET, "Range: bytes=0-2000").status == 206)
        eventually(lambda: not server.open_below(photos_dir))


def test_addresses_are_in_no_log(serve: Serve, photos_dir: Path) -> None:
    make_album(photos_dir, {"1.jpg": noise(2000)})
    server = serve("--level", "debug", "--max-downloads-per-client", "1", *PROXY)
    assert get(server.port, TARGET, ANN).status == 200
    assert get(server.port, "/archive/nothing/", BOB).status == 404
    server.wait_for("event=archive.missing")
    assert not re.search(r"198\.51\.100", "\n".join(server.lines))
