"""A cold album on a slow disk, and warm downloads beside it."""

from __future__ import annotations

import time

from bench.albums import MIB, Album, evict, make, pinned
from bench.downloads import Client, download
from bench.plan import CannotRun, Plan
from bench.results import FIRST_BYTE, RATE, Outcome, Sample, ratio_at_least
from bench.servers import SERVICE, Server, started
from bench.throttle import slow_disk

_DISK = 20 * MIB
"""Bytes per second."""
_COLD = Album("cold", 1, 100, 5 * MIB)
_WARM_BYTES = 4_000_000_000
"""Downloaded in each round, for a rate that chance moves little."""
_BESIDE, _ALONE = "beside a cold one", "alone"
_UNDER_WAY_S = 0.5


def cold(plan: Plan) -> Outcome:
    """Download the warm album in turn alone and while a cold one waits for the disk."""
    try:
        with pinned(make(plan.photos, plan.album)):
            return _measured(plan)
    except OSError as error:
        raise CannotRun(f"the warm album can't be held in memory: {error}") from None


def _measured(plan: Plan) -> Outcome:
    album = plan.album
    path = make(plan.photos, _COLD)
    samples: dict[str, list[Sample]] = {_BESIDE: [], _ALONE: []}
    with started(plan, [SERVICE]) as peers:
        server = peers[SERVICE]
        for name in (album.name, _COLD.name):
            download(server.address(name))  # learns the checksums
        with slow_disk(server.pid, path, bytes_per_s=_DISK):
            for _ in range(plan.rounds):
                samples[_ALONE].append(_warm_sample(server, album))
                evict(path)
                samples[_BESIDE].append(_beside(server, album))
    return Outcome(
        "cold disk",
        f"{album.described()}, warm, beside an album from a disk of {_DISK // MIB} MiB/s",
        samples,
        ours=_BESIDE,
        targets=[ratio_at_least(samples, _ALONE, RATE, 0.9, ours=_BESIDE)],
    )


def _beside(server: Server, album: Album) -> Sample:
    began_s = time.monotonic()
    waiting = Client(server.address(_COLD.name))
    try:
        time.sleep(_UNDER_WAY_S)
        sample = _warm_sample(server, album)
        took_s = time.monotonic() - began_s
        if not waiting.is_under_way() and took_s < _COLD.count * _COLD.size / _DISK / 2:
            raise CannotRun("the cold album was there at once: the disk could not be held slow")
    finally:
        waiting.abandon()
    return sample


def _warm_sample(server: Server, album: Album) -> Sample:
    count = -(-_WARM_BYTES // (album.count * album.size))
    got = download(server.address(album.name), count=count)
    return {RATE: got.size / got.wall_s / 1e6, FIRST_BYTE: got.first_byte_s * 1e3}
