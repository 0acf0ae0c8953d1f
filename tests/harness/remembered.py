"""What the service remembers of its settings."""

from __future__ import annotations

from pathlib import Path

from harness.albums import LONG_AGO_S
from harness.server import serving


def remember_for_long(photos_dir: Path, cache_dir: Path, *flags: str) -> None:
    """Have the settings been in force since long ago: dates of albums are strong then."""
    with serving(photos_dir, cache_dir, *flags):
        (record,) = cache_dir.glob("shape-*")
    configuration, _, _ = record.read_text().partition(" ")
    record.write_text(f"{configuration} {LONG_AGO_S}")
