"""Two thousand downloads at once, half of them by clients that misbehave.

One album's disk hangs meanwhile, and one has a large file that nobody has read.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from campaign.crowd import Crowd, Wanted
from campaign.faults import Scene
from campaign.site import watched
from harness.albums import make_album, make_sparse
from harness.gatedfs import gated

STALL_TIMEOUT_S = 5.0
LISTING_TIMEOUT_S = 2.0
UNKNOWN_BYTES = 4 * 1024 * 1024 * 1024
HANGING, UNKNOWN = "hanging-0123456789abcdef", "unknown-0123456789abcdef"
MEMORY_AT_MOST_BYTES = 600 * 1024 * 1024
LIMITS = {"MAX_DOWNLOADS": "1200", "MAX_DOWNLOADS_PER_CLIENT": "4"}
"""Fewer at once than there are clients, but more than those who take their time for ever."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.0/8 and /proc")


def run(directory: Path, name: str, *, clients: int) -> Counter[str]:
    """Let a crowd come; return what became of its clients."""
    may_have_open(3 * clients)
    make_album(directory / "real", {"1.jpg": b"small"}, HANGING)
    make_sparse(directory / "photos" / UNKNOWN / "large.bin", UNKNOWN_BYTES)
    flags = ("--stall-timeout", f"{STALL_TIMEOUT_S}", "--listing-timeout", f"{LISTING_TIMEOUT_S}")
    with (
        gated(directory / "real" / HANGING, directory / "photos" / HANGING) as disk,
        watched(directory, *flags, variables=LIMITS) as site,
    ):
        scene = Scene(site, name)
        scene.index()
        scene.begin()
        disk.hold("list", "")
        crowd: Crowd | None = None

        async def come() -> Crowd:
            nonlocal crowd
            others = (f"/archive/{HANGING}/", f"/archive/{UNKNOWN}/")
            crowd = Crowd(Wanted(site.server.port, scene.target, scene.archive, *others), clients)
            await crowd.run()
            return crowd

        began_s = time.monotonic()
        try:
            asyncio.run(come())
        finally:
            disk.clear()  # who waits for a disk can't even be killed
            print(dict(crowd.counts) if crowd else None)
            print(f"{time.monotonic() - began_s:.0f} s", end=", ")
            print(f"{site.server.peak_memory_bytes() >> 20} MiB at most")
        assert crowd
        assert crowd.counts["completed"] == clients // 2
        assert site.server.peak_memory_bytes() < MEMORY_AT_MOST_BYTES
        scene.assert_gave_back()
        scene.index()
        assert [line for line in site.server.lines if "Traceback" in line] == []
        return crowd.counts


def may_have_open(files: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < files:
        pytest.skip(f"this user may have {hard} files open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, files), hard))


# A client that is cancelled while it connects leaves its socket to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_hundred_downloads_half_of_them_misbehaving(tmp_path: Path, name: str) -> None:
    run(tmp_path, name, clients=100)


@pytest.mark.campaign
def test_two_thousand_downloads_half_of_them_misbehaving(tmp_path: Path, name: str) -> None:
    counts = run(tmp_path, name, clients=2000)
    assert counts["hanging album: 503"]
