"""Archives longer than any client can count: refused in so many words."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.albums import HASH
from harness.http import request
from harness.server import Server, serving

TARGET = f"/archive/{HASH}/"
MEMORY = Path("/dev/shm")
LONGEST = 2**63 - 1


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with an album that holds the longest file that a system can have."""
    if not MEMORY.is_dir():
        pytest.skip("no tmpfs")
    with tempfile.TemporaryDirectory(dir=MEMORY) as photos:
        album = Path(photos, HASH)
        album.mkdir()
        (album / "small.txt").write_bytes(b"small")
        with (album / "a.bin").open("wb") as file:
            try:
                file.truncate(LONGEST)
            except OSError:
                pytest.skip("no files of that length")
        with serving(Path(photos), tmp_path, "--level", "debug") as server:
            yield server


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("target", [TARGET, f"{TARGET}manifest.json", f"{TARGET}?file=a.bin"])
def test_an_archive_that_no_client_can_count_is_refused(
    server: Server, method: str, target: str
) -> None:
    answer = request(server.port, method, target, "Accept-Language: en")
    assert answer.status == 503
    assert "retry-after" not in answer
    if method == "GET":
        assert b"too large for one archive" in answer.content
    server.wait_for(r"event=answer\.failed .*reason=\"?too large")
    assert not any("Traceback" in line for line in server.lines)
