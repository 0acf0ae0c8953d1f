"""The path of PHOTOS_DIR without links, found without a look at what may not answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.gatedfs import gated

from archive_service.storage.local.real_path import real_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "absolute").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "relative").symlink_to("../absolute/b/..")
    (tmp_path / "nowhere").symlink_to("missing/../gone")
    return tmp_path


@pytest.mark.parametrize(
    "path",
    ["a/b", "absolute/b", "a/relative/b", "a/../absolute", "missing/b", "nowhere", "a/relative/."],
)
def test_links_are_resolved_as_pathlib_does(root: Path, path: str) -> None:
    assert real_path(root / path) == (root / path).resolve()


def test_links_in_a_circle_end(root: Path) -> None:
    (root / "circle").symlink_to("circle")
    assert real_path(root / "circle" / "x") == root.resolve() / "circle" / "x"


def test_a_mount_that_does_not_answer_is_not_looked_at(root: Path) -> None:
    (root / "a" / "b" / "link").symlink_to("elsewhere")
    with gated(root / "a", root / "mounted") as gates:
        gates.hold("stat", "")
        gates.hold("stat", "b")
        assert real_path(root / "mounted" / "b" / "link") == gates.root.parent.resolve().joinpath(
            "mounted", "b", "link"
        )
