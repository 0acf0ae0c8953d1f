"""The soak: a short one among the ordinary tests, the long one by itself.

CAMPAIGN_SEED repeats a run, CAMPAIGN_DOWNLOADS makes the long ones longer or shorter.  The one in
which programs upload is among the long ones only: they take the time that they take.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from campaign.program_soak import ProgramSoak
from campaign.soak import RemountSoak, Soak, UploadSoak

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="looks at open files by /proc"
)


def soak(kind: type[Soak], directory: Path, *, seed: int, downloads: int) -> None:
    run = kind(directory, seed)
    print(f"CAMPAIGN_SEED={seed} CAMPAIGN_DOWNLOADS={downloads}")
    try:
        run.run(downloads)
    finally:
        print(", ".join(f"{what}: {count}" for what, count in sorted(run.counts.items())))


def chosen_seed() -> int:
    return int(os.environ.get("CAMPAIGN_SEED") or int.from_bytes(os.urandom(4), "big"))


def chosen_downloads(otherwise: int) -> int:
    return int(os.environ.get("CAMPAIGN_DOWNLOADS", f"{otherwise}"))


@pytest.mark.parametrize("kind", [Soak, UploadSoak, RemountSoak])
def test_two_hundred_downloads_with_cuts_resumes_and_changes(
    tmp_path: Path, kind: type[Soak]
) -> None:
    soak(kind, tmp_path, seed=5, downloads=200)


@pytest.mark.campaign
@pytest.mark.parametrize("kind", [Soak, UploadSoak, RemountSoak])
def test_ten_thousand_downloads_with_cuts_resumes_and_changes(
    tmp_path: Path, kind: type[Soak]
) -> None:
    soak(kind, tmp_path, seed=chosen_seed(), downloads=chosen_downloads(10_000))


@pytest.mark.campaign
def test_a_thousand_downloads_while_programs_upload(tmp_path: Path) -> None:
    soak(ProgramSoak, tmp_path, seed=chosen_seed(), downloads=chosen_downloads(1000))
