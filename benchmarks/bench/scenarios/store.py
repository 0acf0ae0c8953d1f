"""An album from an object store, beside its objects fetched one by one without the service."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from bench.albums import KIB, MIB
from bench.downloads import download
from bench.plan import HERE, CannotRun, Plan
from bench.processes import watched
from bench.profile import while_working
from bench.results import (
    BOTH_CPU,
    RATE,
    Outcome,
    Sample,
    at_most,
    ratio_at_least,
)
from bench.rounds import download_sample
from bench.servers import Server, service
from bench.stores import store

if TYPE_CHECKING:
    from harness.s3 import Bucket

_ALBUM = "0123456789abcdef0123456789abcdef"
_PLAIN, _FIRST = "plain aiobotocore", "service, first download"
_CROWD, _CROWD_KIB_PER_S, _CROWD_BYTES = 200, 400, 8 * MIB
_MEMORY, _MEMORY_OF_EACH = 256_000_000, 512 * KIB
"""S3_MEMORY, and the other memory of a download: the chunk that its reader waits for, the chunk
that is sent, and what every download takes."""


def objects(plan: Plan) -> Outcome:
    """Download an album in turn with plain requests, then by many clients at once."""
    count = 20 if plan.is_quick else 100
    rounds = 1 if plan.is_quick else plan.rounds
    samples: dict[str, list[Sample]] = {"service": [], _PLAIN: [], _FIRST: []}
    with store() as (name, bucket):
        _fill(bucket, count)
        for _ in range(rounds):
            samples[_PLAIN].append(_plain(bucket))
            with _service(plan, bucket) as server:
                _make_client(server)
                samples[_FIRST].append(download_sample(server, _ALBUM))
                samples["service"].append(download_sample(server, _ALBUM))
        with _service(plan, bucket) as server:
            download(server.address(_ALBUM))
            grown_bytes = _crowd(server)
    return Outcome(
        "object store",
        f"{count} objects of 5 MiB in {name}",
        samples,
        targets=[
            ratio_at_least(samples, _PLAIN, RATE, 0.9),
            at_most(
                f"memory that {_CROWD} slow downloads add",
                grown_bytes / 1e6,
                (_MEMORY + _CROWD * _MEMORY_OF_EACH) / 1e6,
                " MB",
            ),
        ],
    )


def profile(plan: Plan) -> Sequence[str]:
    """Profile downloads of the album."""
    with store() as (_, bucket):
        _fill(bucket, 20)
        with _service(plan, bucket) as server:
            return while_working(plan, server, lambda: download(server.address(_ALBUM)))


def _fill(bucket: Bucket, count: int) -> None:
    data = random.Random(1).randbytes(5 * MIB)
    for number in range(count):
        bucket.put(f"{_ALBUM}/{number:04}.jpg", data[number:] + data[:number])


def _service(plan: Plan, bucket: Bucket) -> AbstractContextManager[Server]:
    cache = plan.data / "store-cache"
    shutil.rmtree(cache, ignore_errors=True)
    plan.data.mkdir(exist_ok=True, parents=True)
    return service(bucket.url, cache, variables=bucket.variables())


def _plain(bucket: Bucket) -> Sample:
    program = str(HERE / "peers" / "object_client.py")
    variables = {**os.environ, **bucket.variables()}
    variables["AWS_DEFAULT_REGION"] = variables["AWS_REGION"]
    name, _, prefix = bucket.url.removeprefix("s3://").partition("/")
    command = [sys.executable, program, name, f"{prefix}/{_ALBUM}/"]
    said = subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout
    size, wall_s, cpu_s = map(float, said.split())
    return {RATE: size / wall_s / 1e6, BOTH_CPU: cpu_s / (size / 1e9)}


def _make_client(server: Server) -> None:
    """Make the service load botocore's model of S3, which takes a second once in its life."""
    subprocess.run(["curl", "--silent", "--output", os.devnull, server.address("none")], check=True)


def _crowd(server: Server) -> int:
    """Let many slow clients download at once; return the growth of the service in bytes."""
    url = server.address(_ALBUM)
    command = ["curl", "--silent", "--fail", "--parallel", "--parallel-immediate"]
    command += ["--parallel-max", str(_CROWD), "--limit-rate", f"{_CROWD_KIB_PER_S}K"]
    command += ["--range", f"0-{_CROWD_BYTES - 1}", *["--output", os.devnull, url] * _CROWD]
    with watched(server.pid) as usage:
        done = subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise CannotRun(f"curl failed with status {done.returncode}")
    return usage.peak_rss - usage.idle_rss
