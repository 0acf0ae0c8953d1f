"""What the suites share: the directory of albums and the server over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness.server import Server, serving

Serve = Callable[..., Server]
ALONE = ("slow", "campaign", "containers", "front")
"""Markers of suites of which one test at a time is enough for a machine."""
SHARING = ("interop", "indexes", "s3")
"""Directories whose tests share programs, archives or servers, which are made once then."""


@pytest.hookimpl(tryfirst=True)  # xdist looks for groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave those suites to one of the processes that run tests side by side.

    The tests of a directory that share something are of one process, too.
    """
    for item in items:
        if any(item.get_closest_marker(name) for name in ALONE):
            item.add_marker(pytest.mark.xdist_group("alone"))
        elif (directory := item.path.parent.name) in SHARING:
            item.add_marker(pytest.mark.xdist_group(directory))


@pytest.fixture
def photos_dir(tmp_path: Path) -> Path:
    path = tmp_path / "photos"
    path.mkdir()
    return path


@pytest.fixture
def serve(photos_dir: Path, tmp_path: Path) -> Iterator[Serve]:
    """Start servers over `photos_dir` with the flags given; they stop when the test ends.

    They share one cache directory, as the processes of a machine do.
    """
    cache_dir = tmp_path / "cache"
    cache_dir.mkdir()
    with ExitStack() as stack:
        yield lambda *flags, **more: stack.enter_context(
            serving(photos_dir, cache_dir, *flags, **more)
        )


@pytest.fixture
def server(serve: Serve) -> Server:
    """A server over `photos_dir` that logs all it can."""
    return serve("--level", "debug")
