"""Programs that hand on a download by `splice`, with files rewritten in place behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.across_relay import make_album_of, received_across_relay
from harness.http import Truncated
from harness.server import Server, serving
from harness.splicing import PROGRAMS

from archive_service.transfer.referenced_files import most_bytes_of_connection, most_held_bytes

pytestmark = pytest.mark.front


@pytest.fixture
def photos_dir(tmp_path: Path) -> Path:
    for name in ("photos", "cache"):
        (tmp_path / name).mkdir()
    return tmp_path / "photos"


@pytest.fixture
def server(photos_dir: Path) -> Iterator[Server]:
    with serving(photos_dir, photos_dir.parent / "cache") as server:
        yield server


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_archive_that_waits_in_two_connections_is_not_changed(
    server: Server, photos_dir: Path, program: str
) -> None:
    album = make_album_of(photos_dir, most_bytes_of_connection() + 500_000)
    with PROGRAMS[program](server.port) as port:
        whole, received = received_across_relay(server, port, album)
        assert received == whole


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_longer_one_is_cut(server: Server, photos_dir: Path, program: str) -> None:
    album = make_album_of(photos_dir, most_held_bytes() + 500_000)
    with PROGRAMS[program](server.port) as port, pytest.raises(Truncated):
        received_across_relay(server, port, album)
