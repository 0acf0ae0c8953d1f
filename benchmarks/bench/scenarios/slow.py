"""Thousands of slow clients at once, and a little album beside them."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

from bench.albums import make, warm
from bench.downloads import download
from bench.plan import HERE, Plan
from bench.processes import watched
from bench.results import Outcome, Sample, Target, at_most
from bench.servers import SERVICE, Server, started

_BYTES_PER_S = 20_000
_LITTLE_EVERY_S = 0.05
_RSS_EACH_KB = 64.0
_P99_MS = 50.0
_SLOWEST = 0.8
_RSS_EACH, _P50, _P99 = "RSS each, KB", "little album, median ms", "little album, p99 ms"
_PROGRESS, _CPU = "slowest ÷ median", "server's CPU, % of a core"


def slow(plan: Plan) -> Outcome:
    """Connect them all to one process."""
    count, seconds = (500, 5) if plan.is_quick else (5000, 30)
    album = plan.album
    warm(make(plan.photos, album))
    warm(make(plan.photos, plan.little))
    with started(plan, [SERVICE]) as peers:
        server = peers[SERVICE]
        for name in (album.name, plan.little.name):
            download(server.address(name))  # index and interpreter are warm as well
        sample = _sample(server, plan, count, seconds)
    return Outcome(
        "many slow clients",
        f"{count:,} clients at {_BYTES_PER_S // 1000} KB/s for {seconds} s, one process",
        {SERVICE: [sample]},
        targets=[
            at_most("RSS each", sample[_RSS_EACH], _RSS_EACH_KB, " KB"),
            at_most("a little album beside them, p99", sample[_P99], _P99_MS, " ms"),
            Target(
                f"slowest ≥ {_SLOWEST} × median",
                f"{sample[_PROGRESS]:.2f}",
                sample[_PROGRESS] >= _SLOWEST,
            ),
        ],
    )


def _sample(server: Server, plan: Plan, count: int, seconds: int) -> Sample:
    url = urlsplit(server.address(plan.album.name))
    command = [sys.executable, str(HERE / "bench" / "slow_clients.py"), url.hostname or ""]
    command += [str(url.port), url.path, str(count), str(_BYTES_PER_S), str(seconds)]
    with watched(server.pid) as usage:
        clients = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert clients.stdout is not None
        with clients.stdout as output:
            if output.readline() != "connected\n":
                raise RuntimeError("the slow clients did not connect")
            latencies_s = _latencies_s(server.address(plan.little.name), seconds - 1)
            got = json.loads(output.read())
        clients.wait()
    return {
        _RSS_EACH: (usage.peak_rss - usage.idle_rss) / count / 1e3,
        _P50: statistics.median(latencies_s) * 1e3,
        _P99: statistics.quantiles(latencies_s, n=100)[98] * 1e3,
        _PROGRESS: min(got) / statistics.median(got),
        _CPU: usage.cpu_s / seconds * 100,
    }


def _latencies_s(address: str, seconds: float) -> list[float]:
    """Download again and again over one connection, with pauses."""
    url = urlsplit(address)
    connection = HTTPConnection(url.hostname or "", url.port)
    latencies_s = []
    until_s = time.monotonic() + seconds
    while (began_s := time.monotonic()) < until_s:
        connection.request("GET", url.path)
        connection.getresponse().read()
        latencies_s.append(time.monotonic() - began_s)
        time.sleep(_LITTLE_EVERY_S)
    connection.close()
    return latencies_s
