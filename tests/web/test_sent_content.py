"""Where `stat` can't be trusted, what is sent is compared with the checksum in its header."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness.albums import HASH, let_date_begin, make_album, noise
from harness.gatedfs import GatedFs, gated
from harness.http import Truncated, get
from harness.oracle import contents_of
from harness.server import Server, serving
from harness.touches import rewrite

TARGET = f"/archive/{HASH}/"
FILES = {
    "a.txt": b"small",
    "b.bin": noise(3_000_000, 1),
    "c/c.bin": noise(600_000, 2),
    "d.txt": b"d",
}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as entered:
        yield entered


Mounted = Callable[[], tuple[GatedFs, Server]]


@pytest.fixture
def mounted(photos_dir: Path, tmp_path: Path, stack: ExitStack) -> Mounted:
    """Serve an album from a mount without a ctime."""

    def mount() -> tuple[GatedFs, Server]:
        disk = stack.enter_context(gated(photos_dir, tmp_path / "mounted"))
        disk.renumber(1)
        return disk, stack.enter_context(serving(disk.root, tmp_path))

    return mount


def content_of(album: Path) -> dict[str, bytes]:
    return {name: (album / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_what_stat_does_not_tell_is_noticed_when_it_is_sent(
    photos_dir: Path, mounted: Mounted, name: str
) -> None:
    """As if the time were put back, or the kernel still had the old one."""
    album = make_album(photos_dir, FILES)
    let_date_begin(album)
    _, server = mounted()
    before = get(server.port, TARGET)
    assert contents_of(before.content) == FILES
    rewrite(album / name)
    with pytest.raises(Truncated):
        get(server.port, TARGET)
    after = get(server.port, TARGET, f"If-None-Match: {before['etag']}")
    assert contents_of(after.content) == content_of(album)
    assert get(server.port, TARGET).content == after.content


def test_all_that_was_rewritten_is_noticed_at_once(photos_dir: Path, mounted: Mounted) -> None:
    """As where an image of the same times is mounted in place of another."""
    album = make_album(photos_dir, FILES)
    let_date_begin(album)
    _, server = mounted()
    before = get(server.port, TARGET)
    for name in FILES:
        rewrite(album / name)
    with pytest.raises(Truncated):
        get(server.port, TARGET)
    after = get(server.port, TARGET)
    assert contents_of(after.content) == content_of(album)
    assert after["etag"] != before["etag"]


def test_what_was_not_rewritten_keeps_the_tag_of_the_rest(
    photos_dir: Path, mounted: Mounted
) -> None:
    album = make_album(photos_dir, FILES)
    let_date_begin(album)
    _, server = mounted()
    rest = f"{TARGET}?file=a.txt&file=d.txt"
    before = get(server.port, rest)
    get(server.port, TARGET)
    rewrite(album / "b.bin")
    with pytest.raises(Truncated):
        get(server.port, TARGET)
    assert get(server.port, rest, f"If-None-Match: {before['etag']}").status == 304


def test_a_range_of_the_whole_data_is_compared(photos_dir: Path, mounted: Mounted) -> None:
    """The last byte is kept back, or nothing would show that the range is wrong."""
    album = make_album(photos_dir, {"b.bin": FILES["b.bin"]})
    let_date_begin(album)
    _, server = mounted()
    before = get(server.port, TARGET).content
    start = before.index(FILES["b.bin"][:100])
    rewrite(album / "b.bin")
    with pytest.raises(Truncated):
        get(server.port, TARGET, f"Range: bytes={start}-{start + 2_999_999}")


def test_a_file_that_was_never_hashed_is_learned_while_its_data_is_sent(
    photos_dir: Path, mounted: Mounted
) -> None:
    """A range that needs no checksum reads all of it once; the rest needs it no more."""
    album = make_album(photos_dir, {"b.bin": FILES["b.bin"]})
    let_date_begin(album)
    disk, server = mounted()
    start = 30 + len("b.bin") + 9  # behind the header and its extended timestamp
    data = get(server.port, TARGET, f"Range: bytes={start}-{start + 2_999_999}")
    assert data.content == FILES["b.bin"]
    disk.fail("open", f"{HASH}/b.bin", errno.EIO)
    assert get(server.port, TARGET, "Range: bytes=-80").status == 206
