"""A server that keeps its index ahead, and what that knows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.conditions import eventually
from harness.indexed import unknown_files

SETTLE_TIME_S = 0.3
AHEAD = ("--settle-time", f"{SETTLE_TIME_S}", "--level", "debug", "--index-ahead")
WATCH = (*AHEAD, "watch")
WITHIN_S = 120.0

Await = Callable[[str], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not sys.platform.startswith("linux"):
        for item in items:
            item.add_marker(pytest.mark.skip(reason="inotify is Linux's"))


@pytest.fixture
def await_indexed(photos_dir: Path, tmp_path: Path) -> Await:
    """Wait until the index knows all of an album."""

    def wait(album: str) -> None:
        eventually(
            lambda: not unknown_files(photos_dir, tmp_path / "cache", album), within_s=WITHIN_S
        )

    return wait
