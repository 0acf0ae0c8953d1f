"""Measure what an object store's client costs the event loop that serves, in it and beside it.

    python benchmarks/object_loop.py [--bucket s3://BUCKET/PREFIX] [--keys N] [--rounds N]
                                     [--only WORK ...]

"beside" is what the service does: the client has a loop in a thread of its own.  "within" runs the
same code in the loop that serves, and "elsewhere" in another process, which shows how late the loop
is because the machine is busy.  What is measured is how long a visitor, who may come at any moment,
would wait for the loop.  Without `--bucket` a store is started: Ceph if it is installed,
else moto.  With it, AWS_ variables say where the store is; an https:// address measures TLS.
Objects are uploaded below PREFIX where they are missing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench.albums import KIB, MIB
from bench.lags import TICK_S, Lags
from bench.stores import store

from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.s3.bucket import Bucket, Part
from archive_service.storage.s3.client import Clients
from archive_service.storage.s3.keys import Tree
from archive_service.storage.s3.location import S3Location
from archive_service.storage.s3.loop import LoopThread, gathered
from archive_service.storage.s3.object_file import FetchedFile
from archive_service.storage.s3.store_context import StoreContext

_SWITCH_S = 0.0001  # as the service asks for
_PAGE_KEYS = 1000
_AT_ONCE = 64
_LARGE, _SMALL = (_AT_ONCE, 8 * MIB), (10 * _AT_ONCE, 20 * KIB)
_MEMORY_BYTES = 256_000_000
_CHUNK_BYTES = 256 * KIB


class ServingLoop:
    """Runs the client's coroutines in the loop that serves; see `LoopThread`."""

    def start(self, coroutine: Coroutine[Any, Any, None]) -> Callable[[], object]:
        """Start a coroutine; return what cancels it."""
        return asyncio.ensure_future(coroutine).cancel

    def call(self, callback: Callable[[], object]) -> None:
        """Call a function."""
        callback()


@dataclass(frozen=True)
class Side:
    """A client, and the loop that it runs in."""

    context: StoreContext
    run: Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]
    """Runs a coroutine where the client is."""


Row = tuple[float, ...]
"""Rate, CPU seconds, and lags in milliseconds: median, 99th percentile and maximum."""
Work = Callable[[Side, str], Awaitable[float]]
"""Does what is measured below a prefix; returns how many there were."""


async def make_client(side: Side, prefix: str) -> float:
    """Make a client: botocore reads its model of S3."""
    await side.run(_one_page(side.context.objects, f"{prefix}large/"))
    return 1


async def list_keys(side: Side, prefix: str) -> float:
    """List an album of many keys; the listing itself is made in a thread."""
    tree = Tree(f"{prefix}keys/".encode(), Exclusion(()), lambda _reason: None)

    async def collect() -> None:
        async for page in side.context.objects.pages(f"{prefix}keys/", MaxKeys=_PAGE_KEYS):
            tree.add(page.objects)

    await side.run(collect())
    return len(await asyncio.to_thread(tree.listing))


async def get_large(side: Side, prefix: str) -> float:
    """Fetch large objects, all at once, as for many downloads; megabytes."""

    async def get(part: Part) -> int:
        size = 0
        with FetchedFile(side.context, part) as file:
            file.begin(0, part.size)
            while chunk := await file.chunk(_CHUNK_BYTES):
                size += len(chunk)
        return size

    parts = await side.run(_parts(side.context.objects, f"{prefix}large/"))
    return sum(await gathered([get(part) for part in parts])) / 1e6


async def get_small(side: Side, prefix: str) -> float:
    """Fetch small objects whole, many at once."""
    parts = await side.run(_parts(side.context.objects, f"{prefix}small/"))
    left = iter(parts)

    async def get() -> None:
        for part in left:
            async with side.context.objects.opened(part) as body:
                size = 0
                while size < part.size:
                    size += len(await body.read(part.size - size))

    async def get_all() -> None:
        await gathered([get() for _ in range(_AT_ONCE)])

    await side.run(get_all())
    return len(parts)


WORKS: dict[str, tuple[str, Work]] = {
    "client": ("clients made", make_client),
    "list": ("keys/s", list_keys),
    "large": ("MB/s", get_large),
    "small": ("objects/s", get_small),
}


async def _one_page(objects: Bucket, prefix: str) -> None:
    async for _ in objects.pages(prefix, MaxKeys=1):
        return


async def _parts(objects: Bucket, prefix: str) -> list[Part]:
    return [
        Part(found.key.decode(), found.etag.decode(), found.size, 0, found.size)
        async for page in objects.pages(prefix, MaxKeys=_PAGE_KEYS)
        for found in page.objects
    ]


@asynccontextmanager
async def within(bucket: str) -> AsyncIterator[Side]:
    """Run the client in the loop that serves."""
    clients = _clients()
    loop: Any = ServingLoop()
    context = StoreContext(loop, Bucket(clients, bucket), memory_bytes=_MEMORY_BYTES)
    yield Side(context, lambda coroutine: coroutine)
    await clients.close()


@asynccontextmanager
async def beside(bucket: str) -> AsyncIterator[Side]:
    """Run the client in a loop of its own, for which threads wait."""
    clients = _clients()
    loop = LoopThread("s3")
    context = StoreContext(loop, Bucket(clients, bucket), memory_bytes=_MEMORY_BYTES)
    yield Side(context, lambda coroutine: asyncio.to_thread(loop.run, coroutine))
    await asyncio.to_thread(loop.close, clients.close())


PLACES = {"beside": beside, "within": within}
ELSEWHERE = "elsewhere"


def _clients() -> Clients:
    return Clients(timeout_s=60.0, addressing="path")


async def fill(objects: Bucket, clients: Clients, location: S3Location, keys: int) -> None:
    """Upload what is missing."""
    client = await clients.client()
    for name, count, size in (("keys", keys, 1), ("large", *_LARGE), ("small", *_SMALL)):
        prefix = f"{location.prefix}{name}/"
        there = {part.key for part in await _parts(objects, prefix)}
        wanted = (f"{prefix}{number // 100:04}/IMG_{number:06}.jpg" for number in range(count))
        missing = iter([key for key in wanted if key not in there])

        async def put(missing: Iterator[str] = missing, size: int = size) -> None:
            for key in missing:
                await client.put_object(Bucket=location.bucket, Key=key, Body=bytes(size))

        await gathered([put() for _ in range(_AT_ONCE // 2)])


async def measured(client: str, name: str, location: S3Location) -> Row:
    """Measure one work with the client in one place."""
    _, work = WORKS[name]
    async with PLACES[client](location.bucket) as side:
        if work is not make_client:
            await make_client(side, location.prefix)
        lags = Lags()
        watching = asyncio.ensure_future(lags.watch())
        await asyncio.sleep(0)  # it waits for its first tick
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        count = await work(side, location.prefix)
        wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        await asyncio.sleep(2 * TICK_S)  # notes the last pause
        watching.cancel()
        return (count / wall_s, cpu_s, *lags.row())


async def measured_elsewhere(name: str, location: S3Location) -> Row:
    """Measure how late the loop of this process is while another process does the work."""
    lags = Lags()
    watching = asyncio.ensure_future(lags.watch())
    rate, cpu_s, *_ = await asyncio.to_thread(in_new_process, "within", name, location)
    watching.cancel()
    return (rate, cpu_s, *lags.row())


def in_new_process(client: str, name: str, location: S3Location) -> Row:
    """Measure in a process that has done nothing before."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_run, client, name, location).result()


def _run(client: str, name: str, location: S3Location) -> Row:
    sys.setswitchinterval(_SWITCH_S)
    if client == ELSEWHERE:
        return asyncio.run(measured_elsewhere(name, location))
    return asyncio.run(measured(client, name, location))


def report(name: str, location: S3Location, rounds: int) -> None:
    """Measure one work with the client in each place in turn, and print rows of the table."""
    rows: dict[str, list[Row]] = {client: [] for client in (*PLACES, ELSEWHERE)}
    for _ in range(rounds):
        for client, found in rows.items():
            found.append(in_new_process(client, name, location))
    for client, found in rows.items():
        rate, cpu_s, *lags_ms = map(statistics.median, zip(*found, strict=True))
        shown = " | ".join(f"{lag_ms:.1f}" for lag_ms in lags_ms)
        unit, _ = WORKS[name]
        print(f"| {name} | {client} | {rate:,.0f} {unit} | {cpu_s:.2f} | {shown} |", flush=True)


async def prepare(location: S3Location, keys: int) -> None:
    """Upload what is missing."""
    clients = _clients()
    await fill(Bucket(clients, location.bucket), clients, location, keys)
    await clients.close()


@contextmanager
def _bucket(url: str | None) -> Iterator[str]:
    if url:
        yield url
        return
    with store() as (name, bucket):
        os.environ.update(bucket.variables())
        print(f"Store: {name}")
        yield bucket.url


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure a store's client and the event loop.")
    parser.add_argument("--bucket", help="s3://BUCKET/PREFIX; without it a store is started")
    parser.add_argument("--keys", type=int, default=10_000, help="of the album that is listed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=WORKS, nargs="+", default=list(WORKS))
    options = parser.parse_args(arguments)
    with _bucket(options.bucket) as url:
        location = S3Location.parse(url)
        asyncio.run(prepare(location, options.keys))
        print("| work | client | rate | CPU, s | lag p50, ms | p99 | max |")
        print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
        for name in options.only:
            report(name, location, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
