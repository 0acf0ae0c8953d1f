"""Changes that the kernel does not report."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import Serve
from harness.albums import HASH, make_album
from harness.server import Server
from indexahead.conftest import WATCH, Await

WATCHING = r"index_ahead\.watching"
LONG_SETTLE_TIME_S = 5
MANY = {"0.jpg": b"0", "1.jpg": b"1"}


def overflow(photos_dir: Path) -> None:
    """Make more changes than the kernel's queue holds."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for number in range(most + 1):  # the same event twice in a row would be one
        os.utime(photos_dir / "many" / f"{number % 2}.jpg", (number, number))


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """Keep a server from reading events until the block ends."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_a_directory_of_an_album_that_waits_is_watched_though_its_event_was_lost(
    serve: Serve, photos_dir: Path, await_indexed: Await
) -> None:
    album = make_album(photos_dir, {"1.jpg": b"1"})
    make_album(photos_dir, MANY, "many")
    server = serve(*WATCH, "--settle-time", f"{LONG_SETTLE_TIME_S}")
    server.wait_for(WATCHING)
    await_indexed(HASH)
    await_indexed("many")
    with stopped(server):
        (album / "2.jpg").write_bytes(b"2")
        overflow(photos_dir)
        (album / "new").mkdir()
    server.wait_for(r"index_ahead\.overflown")
    await_indexed(HASH)
    await_indexed("many")
    (album / "new/3.jpg").write_bytes(b"3")
    await_indexed(HASH)
