"""Little albums, which are sent in a few steps as far as their clients take them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, noise, settle
from harness.http import Truncated, connected, get
from harness.oracle import contents_of
from harness.server import Server

TARGET = f"/archive/{HASH}/"
FILES = {f"{number}.bin": noise(190_000, seed=number) for number in range(5)}
TAKEN_BYTES = 20_000


def known(server: Server, photos_dir: Path) -> bytes:
    """Make an album; return its archive, whose checksums are known from then on."""
    settle(make_album(photos_dir, FILES))
    whole = get(server.port, TARGET).content
    assert contents_of(whole) == FILES
    return whole


def test_one_connection_carries_many_little_albums(server: Server, photos_dir: Path) -> None:
    whole = known(server, photos_dir)
    with connected(server.port) as connection:
        for _ in range(20):
            assert connection.exchange("GET", TARGET).content == whole
            part = connection.exchange("GET", TARGET, "Range: bytes=200000-500000")
            assert part.content == whole[200_000:500_001]


def test_a_client_that_takes_little_at_a_time_gets_all(server: Server, photos_dir: Path) -> None:
    whole = known(server, photos_dir)
    pause = threading.Event()  # never set: waiting for it is how this client is slow
    with connected(server.port, small_window=True) as connection:
        connection.send("GET", TARGET)
        connection.receive_head()
        received = bytearray()
        while len(received) < len(whole):
            left = len(whole) - len(received)
            received += connection.receive_content(min(TAKEN_BYTES, left))
            pause.wait(0.002)
        assert bytes(received) == whole
        connection.open_window()
        assert connection.exchange("GET", TARGET).content == whole


def test_a_file_that_changes_before_its_turn_cuts_the_download(
    server: Server, photos_dir: Path
) -> None:
    whole = known(server, photos_dir)
    with connected(server.port, small_window=True) as connection:
        connection.send("GET", TARGET)
        connection.receive_head()
        received = connection.receive_content(1000)
        (photos_dir / HASH / "4.bin").write_bytes(noise(190_000, seed=9))
        with pytest.raises(Truncated) as truncated:
            connection.receive_content(len(whole) - len(received))
    assert whole.startswith(received + truncated.value.received)
