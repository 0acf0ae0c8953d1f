"""A client of BitTorrent, stopped half-way."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness.ports import free_port
from uploaders.programs import Upload, Uploader, stopping
from uploaders.relay import served

_PEER = Path(__file__).with_name("torrent_peer.py")


@contextmanager
def libtorrent(source: Path, target: Path) -> Iterator[Upload]:
    """Have the whole size at once, with holes, and pieces in any order."""
    library = pytest.importorskip("libtorrent")
    named, port = source.with_name(target.name), free_port()
    source.rename(named)
    files = library.list_files(str(named))
    torrent = library.create_torrent(files)
    library.set_piece_hashes(torrent, str(named.parent))
    described = named.with_name("torrent")
    described.write_bytes(library.bencode(torrent.generate()))
    peer = (sys.executable, _PEER)
    fetch = [*peer, "fetch", described, target.parent, f"{port}"]
    with (
        served([*peer, "seed", described, named.parent, f"{port}"], port),
        stopping(fetch, target.parent) as upload,
    ):
        yield upload


HOLED: Sequence[Uploader] = (libtorrent,)
"""What these leave when they are killed holds its album for a minute."""
