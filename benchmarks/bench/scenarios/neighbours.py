"""Bad neighbours: what one album or client can do to the others.

Each row is a load, and a visitor beside it who asks for new albums, a known one, and whether the
service is well; the same visitor came before the load, to the same server.  Then it asks another
server, which is idle, for the same while the load goes on: what that takes is the machine's share.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from bench.albums import KIB, MIB, Album, make
from bench.builds import THIS, other_build, uncompiled
from bench.delayed import NEVER_US, Delayed, compiled, mounted
from bench.plan import HERE, Plan, sparse_files
from bench.results import Outcome, Sample, Target, shown
from bench.servers import service
from bench.visitors import Answers, Wishes, visit

_LIMIT_MS, _LIMIT_RATIO = 100.0, 2.0
_UNKIND_FROM = "127.0.0.9"
_GIB = 1024 * MIB
_NEW = Album("new", 1, 10, 40 * KIB)
_NEW_LARGE = 512 * KIB
_HELD = Album("held", 1, 12, 4 * MIB)
_HUGE = [Album(f"huge-{number}", 1, 1, 50 * _GIB, is_sparse=True) for number in range(4)]
_HOLES = Album("holes", 1, 1, 8192 * _GIB, is_sparse=True)
_SLOW = Album("slow", 20, 100, 8 * KIB)


@dataclass(frozen=True)
class _Load:
    """What somebody does, and the server that they do it to."""

    what: str
    kind: str = "downloads"
    """Of `unkind_clients`."""
    count: int = 0
    path: str = "/archive/held/"
    mounted: Sequence[Album] = ()
    """Albums that lie on storage of their own."""
    delay_us: int = 2000
    later_us: dict[str, int] = field(default_factory=dict)
    """Delays of this storage from the load on, by operation."""
    flags: Sequence[str] = ()
    prefix: Sequence[str] = ()
    is_compiled: bool = True
    lead_s: float = 1.0
    """How long it goes on before the visitor comes."""
    slows_down_after_s: float = 0.0


def _dead(what: str, operation: str, **others: object) -> _Load:
    load = _Load(what, count=40, mounted=[_HELD], later_us={operation: NEVER_US})
    return replace(load, **others)  # type: ignore[arg-type]


_LOADS = [
    _dead("a mount whose stat never returns", "getattr"),
    _dead("a mount whose open never returns", "open"),
    _dead("a mount whose read never returns", "read"),
    _dead("the same, no compiled part", "read", is_compiled=False),
    _dead("a mount that hangs behind a file's last byte", "getattr", slows_down_after_s=0.5),
    _Load("reloads of a listing of 7 s", count=6, mounted=[_HELD], later_us={"readdir": 7_000_000}),
    _Load("60 questions for files, their clients gone", "gone", 60, "/archive/many/?file=x{}"),
    _Load("40 questions for files, their clients stay", count=40, path="/archive/many/?file=x{}"),
    _Load(
        "40 questions for parts of many sizes",
        count=40,
        path="/archive/many/manifest.json?part_size=200000{:02}",
    ),
    _Load("40 pages about very many files", count=40, path="/archive/many/page"),
    _Load(
        "20 clients of 20 slots that take a few bytes",
        "trickles",
        20,
        flags=["--max-downloads", "20", "--trusted-proxies", "none"],
    ),
    _Load("4 unknown files of 50 GiB", count=4, path="/archive/huge-{}/", mounted=_HUGE),
    _Load("8 downloads of very many files", count=8, path="/archive/many/"),
    _Load("20 manifests of very many files", count=20, path="/archive/many/manifest.json"),
    _Load(
        "600 silent connections, 300 descriptors",
        "silent",
        600,
        prefix=["prlimit", "--nofile=300"],
    ),
    _Load("the index ahead, 8 TiB of holes", flags=["--index-ahead", "scan"]),
    _Load("an endless body", "bodies", 1),
    _Load("2,000 files on slow storage", count=4, path="/archive/slow/", mounted=[_SLOW]),
]


def neighbours(plan: Plan) -> Outcome:
    """Visit beside each load."""
    with tempfile.TemporaryDirectory(dir=plan.data) as directory:
        scene = _Scene(plan, Path(directory))
        samples: dict[str, list[Sample]] = {}
        targets: list[Target] = []
        for load in _LOADS:
            visits = scene.measure(load)
            for name in visits.alone:
                samples[f"{load.what}: {name}"] = [visits.sample(name)]
            targets.append(_target(load, visits.alone, visits.beside))
            print(f"  {load.what}: {targets[-1].measured}", file=sys.stderr, flush=True)
    return Outcome(
        "neighbours",
        f"{scene.rounds} requests of each kind before a load and beside it, one process",
        samples,
        ours="",
        targets=targets,
    )


@dataclass(frozen=True)
class _Visits:
    """The answers to a visitor, by what it asks for."""

    alone: dict[str, Answers]
    beside: dict[str, Answers]
    """While the load goes on."""
    idle: dict[str, Answers]
    """Meanwhile, from a server that has no load."""

    def sample(self, name: str) -> Sample:
        """Return the figures of one kind of request."""
        alone, beside, idle = self.alone[name], self.beside[name], self.idle[name]
        return {
            "alone, p50 ms": alone.percentile_ms(50),
            "beside, p50 ms": beside.percentile_ms(50),
            "an idle server beside, p50 ms": idle.percentile_ms(50),
            "alone, p99 ms": alone.percentile_ms(99),
            "beside, p99 ms": beside.percentile_ms(99),
            "an idle server beside, p99 ms": idle.percentile_ms(99),
            "p99 ÷ alone": beside.percentile_ms(99) / alone.percentile_ms(99),
            "failed": beside.failed,
        }


def _target(load: _Load, alone: dict[str, Answers], beside: dict[str, Answers]) -> Target:
    ratios = {n: beside[n].percentile_ms(99) / alone[n].percentile_ms(99) for n in alone}
    worst = max(ratios, key=lambda name: ratios[name])
    slowest_ms = max(answers.percentile_ms(99) for answers in beside.values())
    failed = sum(answers.failed for answers in beside.values())
    return Target(
        f"{load.what}: p99 ≤ {shown(_LIMIT_RATIO)} × alone and ≤ {shown(_LIMIT_MS)} ms, none fails",
        f"{shown(ratios[worst])} × ({worst}), {shown(slowest_ms)} ms, {failed} failed",
        ratios[worst] <= _LIMIT_RATIO and slowest_ms <= _LIMIT_MS and not failed,
    )


class _Scene:
    """The albums, and where the servers run."""

    def __init__(self, plan: Plan, directory: Path) -> None:
        self.rounds = 40 if plan.is_quick else 200
        self._directory = directory
        self._build = other_build(plan.against) if plan.against else THIS
        self._uncompiled = uncompiled(self._build, directory / "uncompiled")
        self._photos, self._behind = plan.data / "neighbours", plan.data / "behind"
        for each in (self._photos, self._behind):
            each.mkdir(exist_ok=True)
        for album in (_HELD, *_HUGE, _SLOW):
            make(self._behind, album)
        many = sparse_files(10_000 if plan.is_quick else 150_000)
        for album in (plan.little, replace(many, name="many"), _HOLES, _HELD):
            make(self._photos, album)
        for number in range(2 * self.rounds):
            _make_new(self._photos, number)
        self._program = compiled(directory)

    def measure(self, load: _Load) -> _Visits:
        """Visit before a load, and beside it; then another server."""
        wishes: Wishes = {
            "a new album": lambda number: f"/archive/new-{number:04d}/",
            "a known album": lambda _number: "/archive/little/",
            "/healthz": lambda _number: "/healthz",
            "/readyz": lambda _number: "/readyz",
        }
        with ExitStack() as stack:
            idle = stack.enter_context(self._served(_Load("none")))
            address = stack.enter_context(self._served(load))
            # Behind the server: one that waits for a mount ends when that is gone.
            mounts = [stack.enter_context(self._mounted(load, album)) for album in load.mounted]
            known: Wishes = {"a known album": wishes["a known album"]}
            for server in (idle, address):
                visit(server, known, range(20))  # what only the first requests cost
            alone = visit(address, wishes, range(self.rounds))
            if not load.slows_down_after_s:
                _slow_down(mounts)
            stack.enter_context(_unkind(load, address))
            if load.slows_down_after_s:
                time.sleep(load.slows_down_after_s)
                _slow_down(mounts)
            time.sleep(load.lead_s)
            new = range(self.rounds, 2 * self.rounds)
            return _Visits(alone, visit(address, wishes, new), visit(idle, wishes, new))

    @contextmanager
    def _mounted(self, load: _Load, album: Album) -> Iterator[Delayed]:
        with mounted(
            self._program,
            self._behind / album.name,
            self._photos / album.name,
            delay_us=load.delay_us,
            later_us=load.later_us,
        ) as mount:
            yield mount

    @contextmanager
    def _served(self, load: _Load) -> Iterator[tuple[str, int]]:
        build = self._build if load.is_compiled else self._uncompiled
        build = replace(build, prefix=tuple(load.prefix))
        with (
            tempfile.TemporaryDirectory(dir=self._directory) as cache,
            service(self._photos, Path(cache), build=build, arguments=load.flags) as server,
        ):
            url = urlsplit(server.address("little"))
            yield url.hostname or "", url.port or 0


def _make_new(photos: Path, number: int) -> None:
    """Make an album of small files and one that is hashed before it is sent."""
    album = replace(_NEW, name=f"new-{number:04d}")
    if not (photos / album.name).exists():
        large = make(photos, album) / "day 000" / "large.jpg"
        large.write_bytes(random.Random(number).randbytes(_NEW_LARGE))


def _slow_down(mounts: Sequence[Delayed]) -> None:
    for mount in mounts:
        mount.slow_down()


@contextmanager
def _unkind(load: _Load, address: tuple[str, int]) -> Iterator[None]:
    if not load.count:
        yield
        return
    host, port = address
    program = [sys.executable, str(HERE / "bench" / "unkind_clients.py"), load.kind, _UNKIND_FROM]
    clients = subprocess.Popen([*program, host, str(port), str(load.count), load.path])
    try:
        yield
        if clients.poll() is not None:
            raise RuntimeError(f"the clients ended: {load.what}")
    finally:
        clients.kill()
        clients.wait()
