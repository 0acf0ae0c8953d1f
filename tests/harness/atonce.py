"""Whether a file system lets something be looked at and opened without waiting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archive_service.storage.local.native import AS_COMPILED


def skip_unless_at_once(directory: Path) -> None:
    """Skip the test where that can't be seen."""
    parent, name = os.path.split(bytes(directory))
    device = directory.parent.stat().st_dev
    if not AS_COMPILED.stat_at_once(device, parent, name, [b""]):
        pytest.skip("not compiled, an old kernel, or a file system that may wait")
