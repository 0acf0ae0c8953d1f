"""Thousands of slow clients at once, and a little album beside them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from bench import archives
from bench.albums import make, warm
from bench.downloads import download
from bench.plan import HERE, Plan
from bench.processes import watched
from bench.profile import while_working
from bench.results import Outcome, Sample, Target, at_most
from bench.servers import NGINX, SERVICE, Server, started

_BYTES_PER_S = 20_000
_LITTLE_EVERY_S = 0.02
_SETTLED_S = 1.0
_RSS_EACH_KB = 32.0
_P99_MS = 20.0
_SLOWEST = 0.8
_RSS_EACH, _P50, _P99 = "RSS each, KB", "little album, median ms", "little album, p99 ms"
_RIGHT_BEHIND = "the first, right behind their connecting, ms"
_RATE = "median client, KB/s"
_CONNECTING, _CUT = "all connected after s", "cut off"
_TCP_MEMORY = "the system's TCP buffers, MB"
_PROGRESS, _CPU = "slowest ÷ median", "server's CPU, % of a core"


def slow(plan: Plan) -> Outcome:
    """Connect them all to one process."""
    count, seconds = _amount(plan)
    for album in (plan.album, plan.little):
        warm(make(plan.photos, album))
        archives.prebuild(plan, album)
    samples: dict[str, list[Sample]] = {}
    with started(plan, [SERVICE, NGINX]) as peers:
        for name in {server.name: server for server in peers.servers}:
            for album in (plan.album, plan.little):
                download(peers[name].address(album.name))  # index and interpreter are warm as well
            samples[name] = [_sample(peers[name], plan, count, seconds)]
    ours = samples[SERVICE][0]
    return Outcome(
        "many slow clients",
        f"{count:,} clients at {_BYTES_PER_S // 1000} KB/s for {seconds} s, one process",
        samples,
        targets=[
            at_most("RSS each", ours[_RSS_EACH], _RSS_EACH_KB, " KB"),
            at_most("a little album beside them, p99", ours[_P99], _P99_MS, " ms"),
            Target(
                f"slowest ≥ {_SLOWEST} × median",
                f"{ours[_PROGRESS]:.2f}",
                ours[_PROGRESS] >= _SLOWEST,
            ),
        ],
        absent=peers.absent,
    )


def profile(plan: Plan) -> Sequence[str]:
    """Profile the service while it serves them."""
    with started(plan, [SERVICE]) as peers:
        server = peers[SERVICE]
        return while_working(plan, server, lambda: _sample(server, plan, *_amount(plan)))


def _amount(plan: Plan) -> tuple[int, int]:
    """Return the number of clients and the seconds they read."""
    return (500, 3) if plan.is_quick else (5000, 30)


def _sample(server: Server, plan: Plan, count: int, seconds: int) -> Sample:
    command = _clients_command(server.address(plan.album.name), count, seconds)
    with watched(server.pid) as usage:
        began_s = time.monotonic()
        clients = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert clients.stdout is not None
        with clients.stdout as output:
            if output.readline() != "connected\n":
                raise RuntimeError("the slow clients did not connect")
            connecting_s = time.monotonic() - began_s
            url_beside = server.address(plan.little.name)
            [first_s] = _latencies_s(url_beside, seconds=0)
            time.sleep(_SETTLED_S)
            latencies_s = _latencies_s(url_beside, seconds=seconds - 2 * _SETTLED_S)
            tcp_memory = _tcp_memory()
            got = json.loads(output.read())
        clients.wait()
    alive = [one for one in got if one is not None]
    return {
        _CONNECTING: connecting_s,
        _CUT: len(got) - len(alive),
        _RSS_EACH: (usage.peak_rss - usage.idle_rss) / count / 1e3,
        _RIGHT_BEHIND: first_s * 1e3,
        _P50: statistics.median(latencies_s) * 1e3,
        _P99: statistics.quantiles(latencies_s, n=100, method="inclusive")[98] * 1e3,
        _RATE: statistics.median(alive or [0]) / seconds / 1e3,
        _PROGRESS: min(one or 0 for one in got) / statistics.median(alive or [1]),
        _TCP_MEMORY: tcp_memory / 1e6,
        _CPU: usage.cpu_s / (connecting_s + seconds) * 100,
    }


def _clients_command(address: str, count: int, seconds: int) -> list[str]:
    url = urlsplit(address)
    command = [sys.executable, str(HERE / "bench" / "slow_clients.py"), url.hostname or ""]
    return [*command, str(url.port), url.path, str(count), str(_BYTES_PER_S), str(seconds)]


def _latencies_s(address: str, *, seconds: float) -> list[float]:
    """Download over one connection, at least once and until the time is over, with pauses."""
    url = urlsplit(address)
    connection = HTTPConnection(url.hostname or "", url.port)
    latencies_s: list[float] = []
    until_s = time.monotonic() + seconds
    while not latencies_s or time.monotonic() < until_s:
        began_s = time.monotonic()
        connection.request("GET", url.path)
        connection.getresponse().read()
        latencies_s.append(time.monotonic() - began_s)
        time.sleep(_LITTLE_EVERY_S)
    connection.close()
    return latencies_s


def _tcp_memory() -> int:
    """Return the bytes of all TCP buffers, which the kernel limits (net.ipv4.tcp_mem)."""
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            return int(line.split()[-1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
