"""The first download of an album ever, whose checksums are not known yet."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.albums import Album, make, warm
from bench.plan import Plan
from bench.results import WALL, Outcome, Sample, ratio_at_most
from bench.rounds import download_sample
from bench.servers import service

_FIRST, _AGAIN = "first ever", "indexed"


def album(plan: Plan) -> Outcome:
    """Download large files."""
    return _measured(plan, plan.album, most=1.25)


def thumbnails(plan: Plan) -> Outcome:
    """Download many small files."""
    return _measured(plan, plan.thumbnails, most=1.3)


def _measured(plan: Plan, album: Album, *, most: float) -> Outcome:
    make(plan.photos, plan.little)
    warm(make(plan.photos, album))
    rounds = [_round(plan, album) for _ in range(plan.rounds)]
    samples = {name: [round_[name] for round_ in rounds] for name in (_FIRST, _AGAIN)}
    return Outcome(
        f"first {album.name}",
        f"{album.described()}, warm cache, with an empty index and with a filled one",
        samples,
        ours=_FIRST,
        targets=[ratio_at_most(samples, _AGAIN, WALL, most, ours=_FIRST)],
    )


def _round(plan: Plan, album: Album) -> Mapping[str, Sample]:
    with (
        tempfile.TemporaryDirectory(dir=plan.data) as cache,
        service(plan.photos, Path(cache)) as server,
    ):
        download_sample(server, plan.little.name)  # what only the first request costs
        return {name: download_sample(server, album.name) for name in (_FIRST, _AGAIN)}
