"""The soak: a short one among the tests of faults, the long one by itself.

CAMPAIGN_SEED repeats a run, CAMPAIGN_DOWNLOADS makes the long one longer or shorter.  Programs
upload in the long one only: they take the time that they take.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from campaign.soak import EVERYTHING, WITHOUT_PROGRAMS, Mix, Soak

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="looks at open files by /proc"
)


def soak(mix: Mix, directory: Path, *, seed: int, downloads: int) -> None:
    run = Soak(directory, seed, mix)
    print(f"CAMPAIGN_SEED={seed} CAMPAIGN_DOWNLOADS={downloads}")
    try:
        run.run(downloads)
    finally:
        print(", ".join(f"{what}: {count}" for what, count in sorted(run.counts.items())))


def chosen_seed() -> int:
    return int(os.environ.get("CAMPAIGN_SEED") or int.from_bytes(os.urandom(4), "big"))


def chosen_downloads(otherwise: int) -> int:
    return int(os.environ.get("CAMPAIGN_DOWNLOADS", f"{otherwise}"))


def test_some_downloads_while_all_but_programs_disturbs_them(tmp_path: Path) -> None:
    soak(WITHOUT_PROGRAMS, tmp_path, seed=5, downloads=150)


@pytest.mark.campaign
def test_ten_thousand_downloads_while_everything_disturbs_them(tmp_path: Path) -> None:
    soak(EVERYTHING, tmp_path, seed=chosen_seed(), downloads=chosen_downloads(10_000))
