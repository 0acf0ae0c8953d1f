"""A server under test and an oracle, over one directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.albums import make_album, noise, settle
from harness.http import get
from harness.levels import Levels, levels
from harness.oracle import Oracle
from harness.server import Server, serving

WARMING_BYTES, WARMING_DOWNLOADS = 4 * 1024 * 1024, 10


@dataclass(frozen=True)
class Site:
    server: Server
    oracle: Oracle
    photos_dir: Path
    before: Levels
    """What the server had in use when it had served an album."""


@contextmanager
def watched(
    directory: Path,
    *flags: str,
    seen_at: Path | None = None,
    variables: Mapping[str, str] | None = None,
    launcher: Sequence[str] = (),
) -> Iterator[Site]:
    """Serve albums by two servers; the one under test sees them at `seen_at`, if given."""
    photos_dir, cache_dir, oracle_dir = (directory / n for n in ("photos", "cache", "oracle"))
    for path in (photos_dir, cache_dir, oracle_dir):
        path.mkdir(exist_ok=True)
    with (
        serving(
            seen_at or photos_dir, cache_dir, *flags, variables=variables, launcher=launcher
        ) as server,
        serving(photos_dir, oracle_dir) as undisturbed,
    ):
        warm_up(server, photos_dir)
        yield Site(server, Oracle(undisturbed), photos_dir, levels(server))


def warm_up(server: Server, photos_dir: Path) -> None:
    """Have the server open what it then keeps open, and take the memory that downloads take."""
    album = settle(make_album(photos_dir, {"a.bin": noise(WARMING_BYTES)}, "f" * 32))
    for _ in range(WARMING_DOWNLOADS):
        assert get(server.port, f"/archive/{album.name}/").status == 200
