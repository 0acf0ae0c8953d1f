"""Files that are rewritten in place while their bytes are on the way to a client that pauses.

The last file is longer than what the kernel holds of a connection.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, make_sparse, noise, settle
from harness.conditions import eventually
from harness.http import Truncated, connected, get
from harness.pauses import fill_buffers
from harness.server import Server
from harness.touches import give_to_its_owner

from archive_service.transfer.referenced_files import most_held_bytes

TARGET = f"/archive/{HASH}/"
LAST = "z.bin"
FINISHED = r"event=download\.finished"
"""Logged once the kernel has taken the last byte."""
FILES = {
    "a.bin": noise(12_000_000, 1),
    "b.bin": noise(200_000, 2),
    "c.bin": noise(3_000_000, 3),
}
OTHERS = {name: noise(len(data), 9) for name, data in FILES.items()}


@pytest.fixture
def album(photos_dir: Path) -> Path:
    album = make_album(photos_dir, FILES)
    make_sparse(album / LAST, most_held_bytes() + 8_000_000)
    return settle(album)


def received_across(server: Server, position: int, change: Callable[[], None]) -> bytes:
    """Return the archive, as a client takes it that pauses before a position for a change."""
    with connected(server.port) as connection:
        connection.send("GET", TARGET)
        _, fields = connection.receive_head()
        left_bytes = int(dict(fields)["content-length"]) - position
        first = connection.receive_content(position)
        fill_buffers(connection, left_bytes=left_bytes)
        change()
        return first + connection.receive_content(left_bytes)


def data_offset(whole: bytes, name: str) -> int:
    return whole.index(FILES[name][:64])


def overwrite(path: Path, data: bytes) -> None:
    with path.open("r+b") as file:
        file.write(data)


def overwrite_and_put_times_back(path: Path, data: bytes) -> None:
    status = path.stat()
    overwrite(path, data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def overwrite_by_another_name(path: Path, data: bytes) -> None:
    other = path.parent.parent / "another name"
    os.link(path, other)
    overwrite(other, data)


@pytest.mark.parametrize(
    "change", [overwrite, overwrite_and_put_times_back, overwrite_by_another_name]
)
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_overwritten_on_its_way_cuts_the_download(
    serve: Serve, album: Path, name: str, change: Callable[[Path, bytes], None]
) -> None:
    server = serve()
    whole = get(server.port, TARGET).content
    position = data_offset(whole, name)
    with pytest.raises(Truncated):
        received_across(server, position, lambda: change(album / name, OTHERS[name]))
    server.wait_for("download.interrupted.*reason=rewritten")


def test_a_first_download_is_cut_as_well(serve: Serve, album: Path) -> None:
    server = serve()
    position = 60 + len(FILES["a.bin"])
    with pytest.raises(Truncated):
        received_across(server, position, lambda: overwrite(album / "b.bin", OTHERS["b.bin"]))
    server.wait_for("download.interrupted.*reason=rewritten")


def test_the_last_bytes_are_not_changed_on_their_way(serve: Serve, album: Path) -> None:
    server = serve()
    whole = get(server.port, TARGET).content
    data = b"x" * (album / LAST).stat().st_size
    server.wait_for(FINISHED)
    before = len(server.lines)

    def overwrite_what_was_sent() -> None:
        server.wait_for(FINISHED, after=before)
        overwrite(album / LAST, data)

    assert received_across(server, len(whole) - 200_000, overwrite_what_was_sent) == whole


def test_a_short_range_is_not_changed_on_its_way(serve: Serve, album: Path) -> None:
    server = serve()
    with connected(server.port) as connection:
        whole = connection.exchange("GET", TARGET).content  # from now on buffers are wide
        position = data_offset(whole, "b.bin")
        stop = position + len(FILES["b.bin"])
        server.wait_for(FINISHED)
        before = len(server.lines)
        connection.send("GET", TARGET, f"Range: bytes={position}-{stop - 1}")
        connection.receive_head()
        server.wait_for(FINISHED, after=before)
        overwrite(album / "b.bin", OTHERS["b.bin"])
        assert connection.receive_content(stop - position) == FILES["b.bin"]


def touch_all(album: Path) -> None:
    for path in album.iterdir():
        give_to_its_owner(path)


def link_all(album: Path) -> None:
    for path in album.iterdir():
        os.link(path, album.parent / f"link to {path.name}")


def replace_what_was_sent(album: Path) -> None:
    """Replace files by renaming, as most programs do: the bytes on their way stay as they are."""
    for name in ("a.bin", "b.bin"):
        other = album.parent / "other"
        other.write_bytes(OTHERS[name])
        other.replace(album / name)


@pytest.mark.parametrize("touch", [touch_all, link_all, replace_what_was_sent])
def test_a_download_goes_on_where_no_byte_has_changed_on_its_way(
    serve: Serve, album: Path, touch: Callable[[Path], None]
) -> None:
    server = serve()
    whole = get(server.port, TARGET).content
    position = data_offset(whole, "c.bin") + 1_000_000
    assert received_across(server, position, lambda: touch(album)) == whole


def test_files_are_closed_when_their_bytes_have_been_read(serve: Serve, album: Path) -> None:
    server = serve()
    with connected(server.port) as connection:
        for _ in range(2):
            connection.exchange("GET", TARGET)
        eventually(lambda: not server.open_below(album))
        connection.send("GET", TARGET)
        connection.receive_head()
        connection.receive_content(13_000_000)
        assert server.open_below(album)
    eventually(lambda: not server.open_below(album))
