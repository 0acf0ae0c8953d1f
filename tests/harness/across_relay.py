"""A download through a relay whose client pauses while a file is overwritten in place."""

from __future__ import annotations

from pathlib import Path

from harness.albums import HASH, make_album, make_sparse, noise, settle
from harness.http import connected
from harness.pauses import fill_buffers_between
from harness.server import Server

TARGET = f"/archive/{HASH}/"
FILES = {"a.bin": noise(500_000, 1), "b.bin": noise(1_000_000, 2)}
_PAUSES_BEFORE = 100_000
_WARMED_BY_BYTES = 1_500_000_000
"""So many make the sockets' buffers grow to their limits, or near them."""


def make_album_of(photos_dir: Path, last_bytes: int) -> Path:
    """Make an album of `FILES` and of a long file behind them."""
    album = make_album(photos_dir, FILES)
    make_sparse(album / "z.bin", last_bytes)
    return settle(album)


def received_across_relay(server: Server, port: int, album: Path) -> tuple[bytes, bytes]:
    """Return the archive, and what a client of a relay's port has that pauses for a change.

    Raise Truncated where it was cut.
    """
    with connected(port) as connection:
        whole = connection.exchange("GET", TARGET).content
        for _ in range(_WARMED_BY_BYTES // len(whole)):
            assert len(connection.exchange("GET", TARGET).content) == len(whole)
        connection.send("GET", TARGET)
        connection.receive_head()
        first = connection.receive_content(_PAUSES_BEFORE)
        fill_buffers_between({server.port, port})
        with (album / "b.bin").open("r+b") as file:
            file.write(noise(len(FILES["b.bin"]), 9))
        return whole, first + connection.receive_content(len(whole) - len(first))
