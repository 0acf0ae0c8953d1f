"""The plan of one run of the benchmark: what it measures, and where the data lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.albums import KIB, MIB, Album

HERE = Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent


def sparse_bytes(megabytes: int) -> Album:
    """Return an album of 100 sparse files."""
    return Album(f"{megabytes}MB", 1, 100, megabytes * 10_000, is_sparse=True)


def sparse_files(count: int) -> Album:
    """Return an album of many small sparse files, 500 in each directory."""
    return Album(f"{count}files", count // 500, 500, 8 * KIB, is_sparse=True)


class CannotRun(Exception):
    """A scenario can't be run on this machine; the message says why."""


class Absent(Exception):
    """A peer is not installed here; the message says why."""


@dataclass(frozen=True)
class Plan:
    """One run."""

    root: Path
    """Directory of the data, prebuilt archives and installed peers."""
    is_quick: bool
    rounds: int
    python: str
    """Interpreter that has the Python peers' packages."""
    absent: Mapping[str, str]
    """Peers that could not be installed, and why."""
    against: Path | None = None
    """Another checkout of the service to compare with."""

    @property
    def data(self) -> Path:
        """Directory of what this size of run measures."""
        return self.root / ("quick" if self.is_quick else "full")

    @property
    def photos(self) -> Path:
        """Directory that holds the albums."""
        return self.data / "photos"

    @property
    def album(self) -> Album:
        """Large files."""
        return Album("album", 1, 30 if self.is_quick else 400, 5 * MIB)

    @property
    def photographs(self) -> Album:
        """Photographs made for a screen: each is sent by the kernel, and hashed by itself."""
        return Album("photographs", 1, 300 if self.is_quick else 3000, 300 * KIB)

    @property
    def thumbnails(self) -> Album:
        """Many small files."""
        return Album("thumbnails", 5 if self.is_quick else 100, 500, 8 * KIB)

    @property
    def little(self) -> Album:
        """An album that takes less time to send than to request."""
        return Album("little", 1, 3, 200 * KIB)

    @property
    def gallery(self) -> Album:
        """An album that takes many steps to send, though each file is quickly sent."""
        return Album("gallery", 1, 30, 200 * KIB)

    @property
    def short_album(self) -> Album:
        """Large files, together about as much as the kernel holds of an answer."""
        return Album("short-album", 1, 15, 5 * MIB)

    @property
    def slow_thumbnails(self) -> Album:
        """Small files for storage that takes milliseconds an operation."""
        return Album("slow-thumbnails", 10 if self.is_quick else 100, 100, 8 * KIB)

    @property
    def slow_album(self) -> Album:
        """Large files for it."""
        return Album("slow-album", 1, 20 if self.is_quick else 200, 4 * MIB)

    @property
    def sparse(self) -> Path:
        """Directory that holds the albums of sparse files."""
        return self.data / "sparse"

    @property
    def huge_mb(self) -> tuple[int, ...]:
        """Sizes of the huge albums, in MB."""
        return (100, 1_000) if self.is_quick else (1_000, 10_000, 100_000)

    @property
    def prebuilt(self) -> Path:
        """Directory that holds what the service sends, as files."""
        return self.data / "prebuilt"
