"""Albums that change while they are sent, and clients that stall or leave.

A download is held by a client with a small receive window: the server then waits in the first
file, which is larger than what the kernel's buffers take.  `tests/campaign` has each change of a
file at each stage of a download.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from harness.albums import make_album, make_sparse, noise, settle
from harness.conditions import eventually
from harness.http import Connection, Truncated, begun, connected, get
from harness.server import Server, serving

from archive_service.archive.segments import LARGE_FILE_BYTES

HOLDING_BYTES = 24 * 1024 * 1024
"""More than the kernel buffers of one connection: 4 MiB to send, usually."""
LARGE_BYTES = 3 * LARGE_FILE_BYTES
SMALL_BYTES = 1000
LOCAL_HEADER, CENTRAL_HEADER, END_RECORD = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
STALL_TIMEOUT_S = 1.0
SLOWLY_TAKEN_BYTES, SLOWLY_TAKEN_EVERY_S = 256 * 1024, 0.2
SIPPED_BYTES, SIPPED_EVERY_S = 3000, 0.2
SIPPERS_WINDOW_BYTES = 4096
"""Not so much that all of it is in the kernel's buffers before the stall time-out has passed."""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="looks at open files by /proc"
)


@dataclass(frozen=True)
class Site:
    server: Server
    photos_dir: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for all tests here; each has an album of its own."""
    photos_dir, cache_dir = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("cache")
    with serving(
        photos_dir, cache_dir, "--level", "debug", "--stall-timeout", f"{STALL_TIMEOUT_S}"
    ) as server:
        yield Site(server, photos_dir)


@pytest.fixture(scope="module")
def patient_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that doesn't cut those who stall."""
    photos_dir, cache_dir = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("cache")
    with serving(photos_dir, cache_dir, "--level", "debug") as server:
        yield Site(server, photos_dir)


_numbers = count()


@pytest.fixture
def name() -> str:
    """An album's name whose first characters, those the log shows, no other test has."""
    return f"{next(_numbers):06d}{os.urandom(13).hex()}"


@contextmanager
def held(site: Site, name: str, *field_lines: str) -> Iterator[tuple[Connection, int]]:
    """Begin a download and take next to nothing of it; give the length it is to have."""
    with begun(site.server.port, f"/archive/{name}/", *field_lines) as (connection, length):
        assert connection.reader.peek(1)
        yield connection, length


def rest(connection: Connection, length: int) -> bytes:
    connection.open_window()
    return connection.receive_content(length)


def interruption(site: Site, name: str) -> str:
    """Return the reason that the log gives for the end of a download."""
    line = site.server.wait_for(
        rf"event=download\.interrupted archive={name[:6]}… reason=(\"[^\"]*\"|\S+) "
    )
    return line[1].strip('"')


def assert_serves(site: Site, name: str) -> None:
    """The server has outlived it: it describes the album, and answers for one that is missing."""
    assert get(site.server.port, f"/archive/{name}/manifest.json").status == 200
    assert get(site.server.port, f"/archive/{'f' * 32}/").status == 404
    assert site.server.process.poll() is None


def surprises(server: Server) -> list[str]:
    signs = ("level=error", "Traceback", "internal error", "never retrieved", "Unclosed")
    return [line for line in server.lines if any(sign in line for sign in signs)]


def vanish(path: Path) -> None:
    path.unlink()


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def replace_by_another(path: Path) -> None:
    other = path.with_name("other.tmp")
    other.write_bytes(noise(path.stat().st_size, seed=1))
    os.utime(other, ns=(0, path.stat().st_mtime_ns))
    other.replace(path)


def rewrite_in_place(path: Path) -> None:
    status = path.stat()
    with path.open("r+b") as file:
        file.write(noise(status.st_size, seed=1))
    os.utime(path, ns=(0, status.st_mtime_ns))


def replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_link(path: Path) -> None:
    target = path.rename(path.with_name("moved.tmp"))
    path.symlink_to(target)


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_directory_by_link(path: Path) -> None:
    target = path.parent.rename(path.parent.with_name("moved.tmp"))
    path.parent.symlink_to(target)


CHANGES: list[tuple[Callable[[Path], None], str]] = [
    (vanish, "vanished"),
    (shrink, "resized"),
    (grow, "resized"),
    (replace_by_another, "rewritten"),
    (rewrite_in_place, "rewritten"),
    (replace_by_fifo, "replaced|resized"),
    (replace_by_link, "vanished"),
    (replace_by_directory, "replaced|EISDIR"),
    (replace_directory_by_link, "vanished"),
]


@pytest.mark.parametrize(
    ("size", "known"),
    [(SMALL_BYTES, False), (LARGE_BYTES, False), (LARGE_BYTES, True)],
    ids=["small", "large", "large with known crc"],
)
@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_a_file_changed_before_its_turn_ends_the_download_unfinished(
    patient_site: Site,
    name: str,
    change: Callable[[Path], None],
    reason: str,
    size: int,
    known: bool,
) -> None:
    site = patient_site
    # The file in between keeps the changed one from being read while the first is held.
    files = {"b.bin": noise(LARGE_FILE_BYTES), "c/c.bin": noise(size), "d.txt": b"last"}
    album = make_album(site.photos_dir, files, name)
    make_sparse(album / "a.bin", HOLDING_BYTES)
    settle(album)
    if known:
        assert get(site.server.port, f"/archive/{name}/").status == 200
    with held(site, name) as (connection, length):
        change(album / "c/c.bin")
        with pytest.raises(Truncated) as truncated:
            rest(connection, length)
    assert CENTRAL_HEADER not in truncated.value.received
    assert b"last" not in truncated.value.received
    assert re.fullmatch(reason, interruption(site, name))
    assert site.server.open_below(album) == []
    assert_serves(site, name)


def test_of_several_ranges_one_in_a_changed_file_ends_the_answer(
    patient_site: Site, name: str
) -> None:
    site = patient_site
    album = make_album(site.photos_dir, {}, name)
    settle(make_sparse(album / "a.bin", HOLDING_BYTES))
    settle(album)
    ranges = f"Range: bytes=0-{HOLDING_BYTES // 2},{HOLDING_BYTES - 500000}-{HOLDING_BYTES - 1000}"
    with held(site, name, ranges) as (connection, length):
        rewrite_in_place(album / "a.bin")
        with pytest.raises(Truncated):
            rest(connection, length)
    assert interruption(site, name) == "rewritten"


def test_a_cold_file_changed_while_it_is_hashed_ends_the_download(
    patient_site: Site, name: str
) -> None:
    site = patient_site
    album = make_album(site.photos_dir, {}, name)
    settle(make_sparse(album / "a.bin", 256 * 1024**2))
    with connected(site.server.port) as connection:
        connection.send("GET", f"/archive/{name}/")
        status, fields = connection.receive_head()
        assert status == 200
        eventually(lambda: site.server.open_below(album))
        grow(album / "a.bin")
        with pytest.raises(Truncated) as truncated:
            connection.receive_content(int(dict(fields)["content-length"]))
    assert truncated.value.received == b""
    assert interruption(site, name) == "resized"
    assert_serves(site, name)


def fill_with_large(album: Path) -> None:
    make_sparse(album / "a.bin", HOLDING_BYTES)


def fill_with_small(album: Path) -> None:
    for number in range(HOLDING_BYTES // 100_000):
        make_sparse(album / f"{number:04d}.bin", 100_000)


PHASES = pytest.mark.parametrize("fill", [fill_with_large, fill_with_small])


@PHASES
def test_a_stalled_client_is_cut(site: Site, name: str, fill: Callable[[Path], None]) -> None:
    album = make_album(site.photos_dir, {}, name)
    fill(album)
    with held(site, name):
        assert interruption(site, name) == "stalled"
    eventually(lambda: not site.server.open_below(album))
    assert_serves(site, name)


@PHASES
def test_a_slow_client_is_not_cut(site: Site, name: str, fill: Callable[[Path], None]) -> None:
    album = make_album(site.photos_dir, {}, name)
    fill(album)
    whole = get(site.server.port, f"/archive/{name}/").content
    pause = threading.Event()  # never set: waiting for it is how this client is slow
    with held(site, name) as (connection, length):
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOWLY_TAKEN_BYTES)
        received = bytearray()
        for _ in range(int(2 * STALL_TIMEOUT_S / SLOWLY_TAKEN_EVERY_S)):
            received += connection.receive_content(SLOWLY_TAKEN_BYTES)
            pause.wait(SLOWLY_TAKEN_EVERY_S)
        received += rest(connection, length - len(received))
    assert bytes(received) == whole


@PHASES
def test_a_client_with_a_tiny_window_that_takes_a_little_all_the_time_is_not_cut(
    site: Site, name: str, fill: Callable[[Path], None]
) -> None:
    fill(make_album(site.photos_dir, {}, name))
    pause = threading.Event()  # never set: waiting for it is how this client is slow
    with held(site, name) as (connection, length):
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIPPERS_WINDOW_BYTES)
        received = 0
        for _ in range(int(5 * STALL_TIMEOUT_S / SIPPED_EVERY_S)):
            received += len(connection.receive_content(SIPPED_BYTES))
            pause.wait(SIPPED_EVERY_S)
        rest(connection, length - received)


LEAVING = pytest.mark.parametrize("leave", [Connection.close, Connection.reset])


@LEAVING
@PHASES
def test_a_client_that_leaves_frees_everything(
    patient_site: Site, name: str, fill: Callable[[Path], None], leave: Callable[[Connection], None]
) -> None:
    site = patient_site
    album = make_album(site.photos_dir, {}, name)
    fill(album)
    with held(site, name) as (connection, _):
        leave(connection)
        eventually(lambda: not site.server.open_below(album))
        assert interruption(site, name) == "client left"
    assert_serves(site, name)


@LEAVING
def test_hashing_stops_when_the_client_leaves(
    patient_site: Site, name: str, leave: Callable[[Connection], None]
) -> None:
    site = patient_site
    album = make_album(site.photos_dir, {}, name)
    # Hours of hashing: it can't have come to an end by itself.
    make_sparse(album / "a.bin", 8 * 1024**4)
    with connected(site.server.port) as connection:
        connection.send("GET", f"/archive/{name}/")
        connection.receive_head()
        eventually(lambda: site.server.open_below(album))
        leave(connection)
        eventually(lambda: not site.server.open_below(album))
        assert interruption(site, name) == "client left"
    assert_serves(site, name)


def test_hashing_goes_on_for_the_other_client(patient_site: Site, name: str) -> None:
    site = patient_site
    album = make_album(site.photos_dir, {}, name)
    settle(make_sparse(album / "a.bin", 256 * 1024**2))
    with connected(site.server.port) as first, connected(site.server.port) as second:
        for connection in (first, second):
            connection.send("GET", f"/archive/{name}/", "Range: bytes=0-99999")
            connection.receive_head()
        eventually(lambda: site.server.open_below(album))
        first.close()
        assert interruption(site, name) == "client left"
        assert second.receive_content(100_000).startswith(LOCAL_HEADER)


@LEAVING
def test_a_client_that_leaves_in_a_delay_frees_everything(
    tmp_path: Path, name: str, leave: Callable[[Connection], None]
) -> None:
    album = make_album(tmp_path / "photos", {}, name)
    make_sparse(album / "a.bin", HOLDING_BYTES)
    (tmp_path / "cache").mkdir()
    with serving(
        tmp_path / "photos", tmp_path / "cache", "--debug", "--delay", "60", "--level", "debug"
    ) as server:
        site = Site(server, tmp_path / "photos")
        with held(site, name) as (connection, _):
            eventually(lambda: server.open_below(album))
            connection.receive_content(200_000)
            leave(connection)
            eventually(lambda: not server.open_below(album), within_s=30.0)  # half of the delay
            assert interruption(site, name) == "client left"
        assert_serves(site, name)


def test_others_go_on_when_one_is_aborted(patient_site: Site, name: str) -> None:
    site = patient_site
    files = {"b.bin": noise(LARGE_FILE_BYTES), "c.txt": b"last"}
    album = make_album(site.photos_dir, files, name)
    make_sparse(album / "a.bin", HOLDING_BYTES)
    fine = make_album(site.photos_dir, files, f"fine-{name}")
    make_sparse(fine / "a.bin", HOLDING_BYTES)
    settle(album)
    whole = get(site.server.port, f"/archive/fine-{name}/").content
    with held(site, name) as (bad, length), connected(site.server.port) as other:
        other.send("GET", f"/archive/fine-{name}/")
        grow(album / "c.txt")
        with pytest.raises(Truncated):
            rest(bad, length)
        assert other.receive().content == whole
        # What other holds is kept alive, and good for another request.
        assert other.exchange("GET", f"/archive/fine-{name}/").content == whole


def test_a_client_that_takes_up_no_answer_leaves_nothing_behind(
    patient_site: Site, name: str
) -> None:
    site = patient_site
    make_album(site.photos_dir, {"a.txt": b"x"}, name)
    for _ in range(50):
        connection = Connection(site.server.port)
        connection.send("GET", f"/archive/{name}/")
        connection.reset()
    assert_serves(site, name)
    eventually(lambda: _sockets(site.server) <= 2)


def _sockets(server: Server) -> int:
    own = {f"socket:[{inode}]" for inode in _tcp_inodes(server)}
    return len(own & set(server.open_files()))


def _tcp_inodes(server: Server) -> list[str]:
    rows = Path(f"/proc/{server.pid}/net/tcp").read_text().splitlines()[1:]
    return [row.split()[9] for row in rows]


def test_the_log_has_no_trace_of_what_went_wrong_underneath(site: Site, patient_site: Site) -> None:
    """Runs after the tests above: none of their troubles was a surprise."""
    assert surprises(site.server) == []
    assert surprises(patient_site.server) == []
