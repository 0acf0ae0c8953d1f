"""Which file systems the event loop may touch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harness.albums import HASH, make_album
from harness.gatedfs import gated

from archive_service.storage.local.filesystem_type import is_prompt


@pytest.mark.parametrize("path", ["mounted", f"mounted/{HASH}", f"mounted/{HASH}/1.jpg", "link"])
def test_fuse_is_never_prompt_whatever_lies_below_it(tmp_path: Path, path: str) -> None:
    make_album(tmp_path / "real", {"1.jpg": b"x"})
    (tmp_path / "link").symlink_to(f"mounted/{HASH}/1.jpg")
    with gated(tmp_path / "real", tmp_path / "mounted"):
        descriptor = os.open(tmp_path / path, os.O_RDONLY)
        try:
            assert not is_prompt(descriptor)
        finally:
            os.close(descriptor)
