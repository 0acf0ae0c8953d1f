"""What the suites share: the directory of albums and the server over it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark.expression import Expression  # no public name
from harness.http import Connection, connected
from harness.server import Server, serving
from hypothesis import HealthCheck, settings

Serve = Callable[..., Server]
TESTS = Path(__file__).parent
ALONE = ("slow", "campaign", "containers", "front")
"""Markers that stand at the tests; of these suites one test at a time is enough for a machine."""
ALONE_WITHIN_S = 3600.0
"""The most that one of their tests may take, with the image or the album that it needs."""
MARKERS: Mapping[str, str | None] = {
    "campaign": "faults",
    "clients/test_accessibility.py": "programs",
    "clients/test_changed_albums.py": "programs",
    "clients/test_chromium.py": "programs",
    "clients/test_firefox.py": "programs",
    "clients/test_long_names.py": "programs",
    "clients/test_prefetch_by_chromium.py": "programs",
    "clients/test_openapi.py": "programs",
    "containers": "containers",
    "e2e/test_scarce_descriptors.py": "faults",
    "front": "front",
    "ftp": "programs",
    "golden": "fast",
    "indexahead/test_fallbacks.py": "faults",
    "indexes": "programs",
    "interop/test_many_entries.py": "programs",
    "monitoring": "programs",
    "property": "fast",
    "property/test_settings.py": None,  # takes as long as all the others
    "replicas": "programs",
    "s3": "programs",
    "systemd": "containers",
    "unit": "fast",
    "unit/test_large_archives.py": None,  # writes thousands of files for each test
    "unit/test_slow_storage.py": None,  # mounts a slow file system for each test
    "uploaders": "programs",
    "web/test_downloads_in_trouble.py": "faults",
    "web/test_hanging_cache.py": "faults",
    "web/test_isolation.py": "faults",
    "web/test_late_disk.py": "faults",
    "web/test_swapped_links.py": "faults",
    "web/test_unfinished_uploads.py": "faults",
    "web/test_uploads_by_inotify.py": "faults",
}
"""Markers of whole directories, and of files, which come first, for tests without one of those."""
SHARING = ("interop", "indexes", "s3")
"""Directories whose tests share programs, archives or servers, which are made once then."""

# Each example of a property has as long as a busy machine takes for it.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files and directories none of whose tests `-m` selects: imports take their time.

    Files that are named on the command line are collected, and their tests deselected.
    """
    expression = config.option.markexpr
    if not _has_one_marker(collection_path) or not expression or not _are_all_asked_for(config):
        return None
    marker = _marker(collection_path)
    possible = [{marker} if marker else set(), *_combinations(ALONE)]
    selects = Expression.compile(expression).evaluate
    return True if not any(selects(_member_of(markers)) for markers in possible) else None


@pytest.hookimpl(tryfirst=True)  # `-m` and xdist look at them in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests the markers of their directory or file, and the groups that one process runs.

    A suite that is enough for a machine is of one process, and so are the tests of a directory that
    share something, and those of a file that share a server.
    """
    for item in items:
        if any(item.get_closest_marker(name) for name in ALONE):
            item.add_marker(pytest.mark.xdist_group("alone"))
            item.add_marker(pytest.mark.timeout(ALONE_WITHIN_S))
            continue
        if marker := _marker(item.path):
            item.add_marker(marker)
        if marker in ALONE:
            item.add_marker(pytest.mark.timeout(ALONE_WITHIN_S))
        if (directory := item.path.parent.name) in SHARING:
            item.add_marker(pytest.mark.xdist_group(directory))
        elif _shares_a_fixture(item) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:  # noqa: ANN401 - xdist has no types
    """Say how a process of tests has ended that should not have: by which signal."""
    if error:
        status = node.gateway._io.popen.wait(5)  # no public name
        print(f"\n{node.gateway.id} ended with {status}", file=sys.stderr)


def _shares_a_fixture(item: pytest.Item) -> bool:
    info = getattr(item, "_fixtureinfo", None)  # no public name
    chosen = (definitions[-1] for definitions in info.name2fixturedefs.values()) if info else ()
    return any(each.scope == "module" for each in chosen)


def _has_one_marker(path: Path) -> bool:
    """Return whether a file, or a directory with all its files, has one line of `MARKERS`."""
    if path.suffix == ".py":
        return True
    below = path.relative_to(TESTS).as_posix()
    return below in MARKERS and not any(name.startswith(f"{below}/") for name in MARKERS)


def _marker(path: Path) -> str | None:
    below = path.relative_to(TESTS)
    return MARKERS.get(below.as_posix(), MARKERS.get(below.parts[0]))


def _are_all_asked_for(config: pytest.Config) -> bool:
    return {Path(config.invocation_params.dir, each).resolve() for each in config.args} == {TESTS}


def _combinations(names: Sequence[str]) -> Iterator[set[str]]:
    for count in range(1, len(names) + 1):
        yield from map(set, combinations(names, count))


def _member_of(markers: set[str]) -> Callable[..., bool]:
    return lambda name, **_: name in markers


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


@pytest.fixture
def connection(server: Server) -> Iterator[Connection]:
    """A connection to the server, for one test."""
    with connected(server.port) as connection:
        yield connection
