"""The last MiB of huge albums: sparse files, whose checksums are known."""

from __future__ import annotations

import tempfile
import urllib.request
import zipfile
from collections.abc import Sequence

from bench.albums import MIB, Album, make
from bench.archives import WrongArchive
from bench.downloads import first_byte
from bench.plan import Plan, sparse_bytes
from bench.processes import watched
from bench.profile import while_working
from bench.results import FIRST_BYTE, Outcome, Sample, Target, at_most, figure
from bench.servers import Server, service

_TAIL = f"Range: bytes=-{MIB}\r\n"
_REQUESTS = 30
_FIRST_BYTE_MS = 20.0
_INDEPENDENT = 1.5
"""The largest archive may take this many times as long as the smallest."""
_SERVER_CPU = "server's CPU, ms"


def resume(plan: Plan) -> Outcome:
    """Ask for the last MiB of albums of several sizes, in turn."""
    albums = {f"{size / 1000:g} GB": sparse_bytes(size) for size in plan.huge_mb}
    for album in albums.values():
        make(plan.sparse, album)
    samples: dict[str, list[Sample]] = {name: [] for name in albums}
    with service(plan.sparse, plan.data / "sparse-cache") as server:
        for album in albums.values():
            first_byte(server.address(album.name), fields=_TAIL)  # learns all checksums
            _check(server, album)
        for _ in range(_REQUESTS):
            for name, album in albums.items():
                samples[name].append(_sample(server, album))
    smallest, *_, largest = albums
    took = figure(samples[largest], FIRST_BYTE).median
    times = took / figure(samples[smallest], FIRST_BYTE).median
    return Outcome(
        "resume at the end",
        f"the last MiB of sparse albums of 100 files, indexed, {_REQUESTS} times",
        samples,
        ours="",
        targets=[
            at_most(f"first byte at {largest}", took, _FIRST_BYTE_MS, " ms"),
            Target(
                f"independent of the size: ≤ {_INDEPENDENT} × {smallest}'s",
                f"{times:.2f}",
                times <= _INDEPENDENT,
            ),
        ],
    )


def profile(plan: Plan) -> Sequence[str]:
    """Profile requests for the end of the largest album."""
    with service(plan.sparse, plan.data / "sparse-cache") as server:
        url = server.address(sparse_bytes(plan.huge_mb[-1]).name)
        return while_working(plan, server, lambda: first_byte(url, fields=_TAIL))


def _sample(server: Server, album: Album) -> Sample:
    with watched(server.pid) as usage:
        got = first_byte(server.address(album.name), fields=_TAIL)
    if got.status != 206:
        raise WrongArchive(f"{album.name}: status {got.status} for a range")
    return {FIRST_BYTE: got.wall_s * 1e3, _SERVER_CPU: usage.cpu_s * 1e3}


def _check(server: Server, album: Album) -> None:
    """Read the directory from the end alone: everything in front of it is a hole here."""
    request = urllib.request.Request(server.address(album.name), headers={"Range": f"bytes=-{MIB}"})
    with urllib.request.urlopen(request) as response, tempfile.TemporaryFile() as file:
        file.seek(int(response.headers["Content-Range"].rpartition("/")[2]) - MIB)
        file.write(response.read())
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    if len(entries) != album.count or any(entry.file_size != album.size for entry in entries):
        raise WrongArchive(f"{album.name}: the directory at the end is not the album's")
