"""The memory of many downloads from storage that takes milliseconds an operation."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from bench.albums import Album, make
from bench.delayed import compiled, mounted
from bench.downloads import Client
from bench.plan import HERE, Plan
from bench.processes import watched
from bench.results import Outcome, Sample, at_most
from bench.servers import service

_CLIENTS, _BYTES_PER_S, _SECONDS = 200, 200_000, 10
_DELAY_US = 2000
_EACH_MB = 2.0
_RSS_EACH, _CUT = "RSS each, MB", "cut off"


def slow_memory(plan: Plan) -> Outcome:
    """Download large files, and small ones, for the first time and again."""
    with tempfile.TemporaryDirectory(dir=plan.data) as directory:
        samples = {
            f"{album.described()}, {when}": [sample]
            for album in (plan.slow_album, plan.slow_thumbnails)
            for when, sample in _samples(plan, album, Path(directory)).items()
        }
    most = max(sample[_RSS_EACH] for [sample] in samples.values())
    return Outcome(
        "slow storage, memory",
        f"{_CLIENTS} clients at {_BYTES_PER_S // 1000} KB/s from storage of "
        f"{_DELAY_US // 1000} ms an operation, one process",
        samples,
        ours="",
        targets=[at_most("RSS each", most, _EACH_MB, " MB")],
    )


def _samples(plan: Plan, album: Album, directory: Path) -> dict[str, Sample]:
    make(plan.photos, album)
    make(plan.photos, plan.little)
    program = compiled(directory)
    with (
        mounted(program, plan.photos, directory / "mount", delay_us=_DELAY_US) as mount,
        tempfile.TemporaryDirectory(dir=directory) as cache,
        service(mount.path, Path(cache)) as server,
    ):
        Client(server.address(plan.little.name)).finish()
        url = server.address(album.name)
        first = _sample(url, server.pid)
        Client(url).finish()
        return {"first ever": first, "indexed": _sample(url, server.pid)}


def _sample(address: str, pid: int) -> Sample:
    url = urlsplit(address)
    command = [sys.executable, str(HERE / "bench" / "slow_clients.py"), url.hostname or ""]
    command += [str(url.port), url.path, str(_CLIENTS), str(_BYTES_PER_S), str(_SECONDS)]
    with watched(pid) as usage:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    got = json.loads(done.stdout.splitlines()[-1])
    each = (usage.peak_rss - usage.idle_rss) / _CLIENTS / 1e6
    return {_RSS_EACH: each, _CUT: sum(one is None for one in got)}
