"""Compare downloads from the service with nginx sending the same archives as finished files.

    python benchmarks/run.py [--quick] [--rounds N] [--data DIRECTORY]

Both run on this machine, in turn, on the same data, with a warm page cache and a filled index;
curl throws the bytes away.  The table has the median over the rounds, of the ratios too, with the
least and the most in brackets.  nginx is Debian's, one worker, `sendfile on; tcp_nopush on`.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

SERVER = Path(__file__).resolve().parent.parent / "server.py"
KIB, MIB = 1024, 1024 * 1024
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_START_TIMEOUT_S = 20.0
_NGINX = """
{user} worker_processes 1; pid {root}/nginx.pid; error_log {root}/nginx.log; daemon off;
events {{ worker_connections 512; }}
http {{
    sendfile on; tcp_nopush on; access_log off; default_type application/zip;
    client_body_temp_path {root}/t; proxy_temp_path {root}/t; fastcgi_temp_path {root}/t;
    uwsgi_temp_path {root}/t; scgi_temp_path {root}/t;
    server {{ listen 127.0.0.1:{port}; root {root}/prebuilt; }}
}}
"""


@dataclass(frozen=True)
class Album:
    """What an album is made of."""

    name: str
    directories: int
    files: int
    size: int
    """Bytes of each file."""
    downloads: int = 1
    """In each round, over one connection."""


ALBUMS = (
    Album("album", 1, 400, 5 * MIB),
    Album("thumbnails", 100, 500, 8 * KIB),
    Album("little", 1, 3, 200 * KIB, downloads=500),
)
QUICK = (
    Album("album", 1, 40, 5 * MIB),
    Album("thumbnails", 20, 500, 8 * KIB),
    Album("little", 1, 3, 200 * KIB, downloads=100),
)


@dataclass(frozen=True)
class Peer:
    """A started server."""

    name: str
    pid: int
    address: Callable[[str], str]


@dataclass(frozen=True)
class Sample:
    """One round of downloads."""

    size: int
    wall_s: float
    first_byte_s: float
    server_cpu_s: float
    client_cpu_s: float

    @property
    def rate(self) -> float:
        """Bytes per second."""
        return self.size / self.wall_s

    @property
    def cpu_s_per_gb(self) -> float:
        """CPU-seconds of server and client together for each GB."""
        return (self.server_cpu_s + self.client_cpu_s) / self.size * 1e9


def main() -> None:
    """Make the data, run the rounds, print the table."""
    options = _options()
    albums = QUICK if options.quick else ALBUMS
    with ExitStack() as stack:
        root = Path(options.data or stack.enter_context(tempfile.TemporaryDirectory()))
        for album in albums:
            _make(root / "photos" / album.name, album)
        service = stack.enter_context(_service(root))
        _prebuild(service, root, albums)
        nginx = stack.enter_context(_nginx(root))
        _print_machine()
        for album in albums:
            rounds = [
                (_measure(service, album), _measure(nginx, album)) for _ in range(options.rounds)
            ]
            _print_album(album, rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the data")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--data", type=Path, help="directory to keep the data in, 5 GB")
    return parser.parse_args()


def _make(path: Path, album: Album) -> None:
    if path.exists():
        return
    noise = random.Random(album.name).randbytes(2 * MIB)
    for directory in range(album.directories):
        parent = path / f"day {directory:03d}"
        parent.mkdir(parents=True)
        for number in range(album.files):
            start = number * 1009 % MIB
            data = (noise[start:] * (album.size // MIB + 1))[: album.size]
            (parent / f"IMG_{number:04d}.JPG").write_bytes(data)


@contextmanager
def _service(root: Path) -> Iterator[Peer]:
    port = _free_port()
    command = [sys.executable, str(SERVER), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--photos-dir", str(root / "photos"), "--cache-dir", str(root / "cache")]
    with _running([*command, "--level", "warning"], port) as process:
        yield Peer(
            "service", process.pid, lambda album: f"http://127.0.0.1:{port}/archive/{album}/"
        )


@contextmanager
def _nginx(root: Path) -> Iterator[Peer]:
    port = _free_port()
    configuration = root / "nginx.conf"
    user = "" if os.getuid() else "user root;"  # or else its worker may not read the files
    configuration.write_text(_NGINX.format(root=root, port=port, user=user))
    command = [shutil.which("nginx", path=os.defpath + ":/usr/sbin") or "nginx"]
    with _running([*command, "-p", str(root), "-c", str(configuration)], port) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        yield Peer(
            "nginx", int(children.split()[0]), lambda album: f"http://127.0.0.1:{port}/{album}.zip"
        )


@contextmanager
def _running(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command)
    try:
        _wait_for(port)
        yield process
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _prebuild(service: Peer, root: Path, albums: tuple[Album, ...]) -> None:
    """Save what the service sends as nginx's files, and check each of them once."""
    (root / "prebuilt").mkdir(exist_ok=True)
    for album in albums:
        target = root / "prebuilt" / f"{album.name}.zip"
        with (
            urllib.request.urlopen(service.address(album.name)) as response,
            target.open("wb") as file,
        ):
            shutil.copyfileobj(response, file, MIB)
        with zipfile.ZipFile(target) as archive:
            if archive.testzip() or len(archive.namelist()) != album.directories * album.files:
                raise SystemExit(f"{album.name}: the archive is not what it should be")


def _measure(peer: Peer, album: Album) -> Sample:
    server_cpu_s, client_cpu_s = _cpu_s(peer.pid), _children_cpu_s()
    began_s = time.perf_counter()
    command = [
        "curl",
        "--silent",
        "--fail",
        "--write-out",
        "%{size_download} %{time_starttransfer}\n",
    ]
    for _ in range(album.downloads):
        command += ["--output", os.devnull, peer.address(album.name)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wall_s = time.perf_counter() - began_s
    figures = [line.split() for line in output.splitlines()]
    return Sample(
        sum(int(size) for size, _ in figures),
        wall_s,
        statistics.median(float(first_byte_s) for _, first_byte_s in figures),
        _cpu_s(peer.pid) - server_cpu_s,
        _children_cpu_s() - client_cpu_s,
    )


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _print_machine() -> None:
    nginx = subprocess.run(
        ["nginx", "-v"],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.defpath + ":/usr/sbin"},
    )
    kernel = f"{platform.system()} {platform.release().partition('-')[0]}"
    print(f"{date.today()}, {os.cpu_count()} cores, {kernel},")  # noqa: DTZ011 - here and now
    print(f"Python {platform.python_version()}, {nginx.stderr.partition(':')[2].strip()}\n")
    print("| album | figure | service | nginx | ratio |")
    print("| --- | --- | --- | --- | --- |")


def _print_album(album: Album, rounds: list[tuple[Sample, Sample]]) -> None:
    figures: tuple[tuple[str, Callable[[Sample], float]], ...] = (
        ("MB/s", lambda sample: sample.rate / 1e6),
        ("first byte, ms", lambda sample: sample.first_byte_s * 1e3),
        ("CPU-s/GB, server", lambda sample: sample.server_cpu_s / sample.size * 1e9),
        ("CPU-s/GB, server and client", lambda sample: sample.cpu_s_per_gb),
    )
    for name, figure in figures:
        ours, theirs = (
            [figure(sample) for sample in samples] for samples in zip(*rounds, strict=True)
        )
        ratios = [a / b for a, b in zip(ours, theirs, strict=True) if b]
        ratio = (
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
            if ratios
            else ""
        )
        print(
            f"| {album.name} | {name} | {statistics.median(ours):.2f} "
            f"| {statistics.median(theirs):.2f} | {ratio} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
