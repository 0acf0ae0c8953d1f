"""Clients that pause anywhere in an album, whose files are written in place, or touched, meanwhile.

Archives are longer than what the kernel holds of a connection, so most files are sent by reference.
CAMPAIGN_SEED repeats a run, CAMPAIGN_DOWNLOADS makes it longer or shorter.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from campaign.test_soak import chosen_downloads, chosen_seed
from conftest import Serve
from harness.albums import HASH, make_album, make_sparse, noise, settle
from harness.http import Truncated, connected, get
from harness.pauses import fill_buffers
from harness.server import Server
from harness.touches import give_to_its_owner, rewrite

from archive_service.transfer.referenced_files import most_held_bytes

TARGET = f"/archive/{HASH}/"
SIZES = (900, 130_000, 200_000, 700_000, 3_000_000, 5_000_000)
MEAN_PAUSE_BYTES = 9_000_000
LAST = "z.bin"


def write_over(path: Path, chance: Random) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        start = chance.randrange(size)
        file.seek(start)
        file.write(chance.randbytes(chance.randrange(1, min(size - start, 3_000_000) + 1)))


def write_over_and_put_times_back(path: Path, chance: Random) -> None:
    status = path.stat()
    write_over(path, chance)
    rewrite(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def touch(path: Path, _chance: Random) -> None:
    give_to_its_owner(path)


def link(path: Path, _chance: Random) -> None:
    other = path.parent.parent / "another name"
    other.unlink(missing_ok=True)
    os.link(path, other)


WRITES = (write_over, write_over_and_put_times_back)
TOUCHES = (touch, link)


def received_in_turns(server: Server, album: Path, chance: Random) -> tuple[bytes | None, bool]:
    """Return what a client has that pauses now and then, None if it was cut.

    Tell also whether a file was written to.
    """
    is_written = False
    with connected(server.port) as connection:
        connection.send("GET", TARGET)
        _, fields = connection.receive_head()
        left = int(dict(fields)["content-length"])
        received = b""
        try:
            while left:
                count = min(left, int(chance.expovariate(1 / MEAN_PAUSE_BYTES)))
                received += connection.receive_content(count)
                left -= count
                change = chance.choice(WRITES if chance.random() < 0.1 else TOUCHES)
                is_written |= change in WRITES
                fill_buffers(connection, left_bytes=left, at_rest_s=0.05)
                change(chance.choice(sorted(album.iterdir())), chance)
        except Truncated:
            return None, is_written
        return received, is_written


@pytest.mark.campaign
def test_a_paused_client_never_takes_changed_bytes_for_a_whole_archive(
    photos_dir: Path, serve: Serve
) -> None:
    seed = chosen_seed()
    print(f"CAMPAIGN_SEED={seed}")
    chance, counts = Random(seed), Counter[str]()
    sizes = [chance.choice(SIZES) for _ in range(30)]
    files = {f"{number:02}.bin": noise(size, number) for number, size in enumerate(sizes)}
    album = make_album(photos_dir, files)
    make_sparse(album / LAST, most_held_bytes() + 2_000_000)
    server = serve()
    for _ in range(chosen_downloads(100)):
        settle(album)
        whole = get(server.port, TARGET).content
        received, is_written = received_in_turns(server, album, chance)
        if received is None:
            assert is_written, "cut though no byte has changed"
            counts["cut"] += 1
            continue
        assert received == whole
        counts["complete"] += 1
        counts["complete though a file was written to"] += is_written
    print(dict(counts))
