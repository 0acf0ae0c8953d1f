"""Files that are rewritten in place while their pages wait behind a relay that uses `splice`.

The kernel then holds the bytes of two connections and of the pipe between them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Serve
from harness.across_relay import make_album_of, received_across_relay
from harness.http import Truncated
from harness.splicing import in_this_process

from archive_service.transfer.referenced_files import most_bytes_of_connection, most_held_bytes


def test_an_archive_that_waits_in_two_connections_is_not_changed(
    serve: Serve, photos_dir: Path
) -> None:
    """It is longer than what one of them holds."""
    album = make_album_of(photos_dir, most_bytes_of_connection() + 500_000)
    server = serve()
    with in_this_process(server.port) as port:
        whole, received = received_across_relay(server, port, album)
        assert received == whole


def test_a_longer_one_is_cut(serve: Serve, photos_dir: Path) -> None:
    album = make_album_of(photos_dir, most_held_bytes() + 500_000)
    server = serve()
    with in_this_process(server.port) as port, pytest.raises(Truncated):
        received_across_relay(server, port, album)
    server.wait_for("download.interrupted.*reason=rewritten")
