"""What should read the log has stopped: the service goes on."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from harness.albums import HASH, make_album
from harness.http import get
from harness.server import SERVER, STOP_TIMEOUT_S, environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sets the size of a pipe")
_SIZE_BYTES = 4 * 4096
"""Pages of a pipe: the lines behind those that were lost fit into one, however late it is read."""
_DOWNLOADS = 100
"""They log more than a pipe holds."""


@contextmanager
def unread(tmp_path: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a server whose log is read up to its start alone; yield it with its port."""
    make_album(tmp_path / "photos", {"1.jpg": b"small"})
    command = [sys.executable, str(SERVER), "--host", "127.0.0.1", "--port", "0"]
    command += ["--settle-time", "0", "--index-ahead", "off", *flags]
    command += ["--photos-dir", "photos", "--cache-dir", "cache"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, bufsize=0
    ) as process:
        try:
            assert process.stderr
            fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, _SIZE_BYTES)
            lines = iter(process.stderr.readline, b"")
            started = next(s for line in lines if (s := re.search(rb"started.* port=(\d+)", line)))
            yield process, int(started[1])
        finally:
            process.kill()


@pytest.mark.parametrize("flags", [[], ["--workers", "2"]], ids=["alone", "workers"])
def test_everybody_is_served_while_nobody_reads_the_log(tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / "photos").mkdir()
    with unread(tmp_path, *flags) as (process, port):
        for _ in range(_DOWNLOADS):
            assert get(port, f"/archive/{HASH}/").status == 200
        assert get(port, "/healthz").status == 200
        process.terminate()
        assert process.wait(STOP_TIMEOUT_S) == 0


def test_lines_that_were_lost_are_counted(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with unread(tmp_path) as (process, port):
        for _ in range(_DOWNLOADS):
            assert get(port, f"/archive/{HASH}/").status == 200
        assert process.stderr
        written = os.read(process.stderr.fileno(), 2 * _SIZE_BYTES)
        reader = Thread(target=lambda: rest.append(process.stderr.read()))  # type: ignore[union-attr]
        rest = list[bytes]()
        reader.start()
        assert get(port, f"/archive/{HASH}/").status == 200
        process.terminate()
        reader.join(STOP_TIMEOUT_S)
        lines = (written + rest[0]).splitlines()
    lost = [int(s[1]) for line in lines if (s := re.search(rb"lines_lost count=(\d+)", line))]
    assert all(line.startswith(b"timestamp=") for line in lines)
    assert len(lost) == 1
    assert sum(b"event=download." in line for line in lines) + lost[0] == 2 * (_DOWNLOADS + 1)
