"""The event loop has a shorter slice of the processor than the threads beside it."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise, settle
from harness.http import get

_FIRST_WITH_SLICES = (6, 12)


def slice_ns(thread: Path) -> int:
    """Return what the kernel lets a thread run before another has its turn."""
    found = re.search(r"^se\.slice\s*:\s*(\d+)$", (thread / "sched").read_text(), re.MULTILINE)
    assert found
    return int(found.group(1))


def kernel_version() -> tuple[int, ...]:
    release = Path("/proc/sys/kernel/osrelease").read_text(encoding="ascii")
    return tuple(map(int, release.split(".")[:2]))


needs_slices = pytest.mark.skipif(
    not Path("/proc/self/sched").exists() or kernel_version() < _FIRST_WITH_SLICES,
    reason="the kernel grants or shows no slices",
)


@needs_slices
@pytest.mark.parametrize("workers", [1, 2])
def test_only_the_event_loop_has_a_short_slice(
    serve: Serve, photos_dir: Path, workers: int
) -> None:
    settle(make_album(photos_dir, {"a.bin": noise(200_000)}))
    server = serve("--workers", str(workers))
    get(server.port, f"/archive/{HASH}/")
    loops = server.workers() if workers > 1 else [server.pid]
    tasks = [task for loop in loops for task in Path(f"/proc/{loop}/task").iterdir()]
    others = set()
    for task in tasks:
        with suppress(OSError):  # an idle thread ends
            others |= {slice_ns(task)} if int(task.name) not in loops else set()
    assert {slice_ns(Path(f"/proc/{loop}")) for loop in loops} == {100_000}
    assert others == {slice_ns(Path("/proc/self"))}
