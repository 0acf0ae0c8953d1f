"""Memory of a process: its threads share one arena of glibc's malloc."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest
from harness.albums import HASH, make_album
from harness.http import get
from harness.server import serving

_FILES, _BYTES = 400, 8192
_HEAP_BYTES = 64 * 1024 * 1024
"""What glibc reserves for each further arena, most of it without access."""
_RESERVED = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) ---p 00000000 00:00 0 *$", re.MULTILINE)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="arenas are glibc's")
def test_threads_have_no_memory_of_their_own(tmp_path: Path) -> None:
    photos_dir = tmp_path / "photos"
    (tmp_path / "cache").mkdir()
    make_album(photos_dir, {f"{n}.jpg": bytes(_BYTES) for n in range(_FILES)})
    with serving(photos_dir, tmp_path / "cache") as server:
        answer = get(server.port, f"/archive/{HASH}/")
        assert len(answer.content) > _FILES * _BYTES
        threads = list(Path(f"/proc/{server.pid}/task").iterdir())
        maps = Path(f"/proc/{server.pid}/maps").read_text()
    assert len(threads) > 1
    reserved = [int(stop, 16) - int(start, 16) for start, stop in _RESERVED.findall(maps)]
    assert [size for size in reserved if _HEAP_BYTES // 2 < size <= _HEAP_BYTES] == []
