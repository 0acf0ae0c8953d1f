"""The first byte of a part of a huge album, beside that of the whole."""

from __future__ import annotations

from bench.albums import make
from bench.archives import WrongArchive
from bench.downloads import first_byte
from bench.plan import Plan, sparse_bytes
from bench.processes import watched
from bench.results import FIRST_BYTE, Outcome, Sample, ratio_at_most
from bench.servers import Server, service

_START = "Range: bytes=0-0\r\n"
_REQUESTS = 30
_WHOLE, _PART = "the whole", "part 5 of 5"
_QUERIES = {_WHOLE: "", _PART: "?part=5/5"}
_SERVER_CPU = "server's CPU, ms"


def parts(plan: Plan) -> Outcome:
    """Ask for the first byte of both, in turn."""
    album = sparse_bytes(plan.huge_mb[-1])
    make(plan.sparse, album)
    samples: dict[str, list[Sample]] = {name: [] for name in _QUERIES}
    with service(plan.sparse, plan.data / "sparse-cache") as server:
        for query in _QUERIES.values():
            first_byte(server.address(album.name) + query, fields=_START)
        for _ in range(_REQUESTS):
            for name, query in _QUERIES.items():
                samples[name].append(_sample(server, server.address(album.name) + query))
    return Outcome(
        "parts",
        f"first byte of a sparse album of {plan.huge_mb[-1] / 1000:g} GB in {album.count} files, "
        f"and of the last of its five parts, {_REQUESTS} times",
        samples,
        ours=_PART,
        targets=[ratio_at_most(samples, _WHOLE, FIRST_BYTE, 1.3, ours=_PART)],
    )


def _sample(server: Server, url: str) -> Sample:
    with watched(server.pid) as usage:
        got = first_byte(url, fields=_START)
    if got.status != 206:
        raise WrongArchive(f"{url}: status {got.status} for a range")
    return {FIRST_BYTE: got.wall_s * 1e3, _SERVER_CPU: usage.cpu_s * 1e3}
