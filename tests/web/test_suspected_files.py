"""A changed ctime or inode alone cuts no download; a changed content does, whatever its times."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, let_date_begin, make_album, noise, settle
from harness.http import Truncated, connected, get, request
from harness.oracle import contents_of
from harness.server import Server
from harness.touches import give_to_its_owner, rewrite

TARGET = f"/archive/{HASH}/"
OTHER_HASH = "f" * 32
FILES = {
    "a.bin": noise(40_000_000, 1),
    "b.txt": b"small",
    "c.bin": noise(600_000, 2),
    "d.txt": b"d",
}


def link_elsewhere(path: Path) -> None:
    os.link(path, path.parent.parent / f"link to {path.name}")


def replace_by_a_copy(path: Path) -> None:
    """Change nothing but the inode number and the ctime, as some file systems do by themselves."""
    status = path.stat()
    copy = path.parent.parent / "copy"
    copy.write_bytes(path.read_bytes())
    copy.chmod(status.st_mode)
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    copy.rename(path)


def relabel(path: Path) -> None:
    os.setxattr(path, "user.label", b"another")


def rewrite_by_another_name(path: Path) -> None:
    other = path.parent.parent / "another name"
    os.link(path, other)
    rewrite(other)
    other.unlink()


def rewrite_mapped(path: Path) -> None:
    """Write through a mapping, which inotify does not report."""
    status = path.stat()
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[-1] ^= 1
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def rewrite_and_stay_mapped(path: Path) -> None:
    """Leave the mapping to the end of the test: nothing reports that it was written through."""
    status = path.stat()
    with path.open("r+b") as file:
        _mapped.append(mmap.mmap(file.fileno(), 0))
    _mapped[-1][-1] ^= 1
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


_mapped: list[mmap.mmap] = []


def copy_range(path: Path) -> None:
    """Have the kernel copy a byte from another file."""
    status = path.stat()
    other = path.parent.parent / "other"
    other.write_bytes(bytes([path.read_bytes()[-1] ^ 1]))
    with other.open("rb") as source, path.open("r+b") as target:
        os.copy_file_range(source.fileno(), target.fileno(), 1, offset_dst=status.st_size - 1)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def shorten_and_lengthen(path: Path) -> None:
    """Put a zero at the end, without a write."""
    status = path.stat()
    os.truncate(path, status.st_size - 1)
    os.truncate(path, status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def exchange_for_a_moment(path: Path) -> None:
    kept = path.parent.parent / "kept"
    path.rename(kept)
    copy = path.parent.parent / "copy"
    copy.write_bytes(bytes(len(kept.read_bytes())))
    os.utime(copy, ns=(0, kept.stat().st_mtime_ns))
    copy.rename(path)


def validators(server: Server) -> tuple[str, str]:
    answer = request(server.port, "HEAD", TARGET)
    assert answer.status == 200
    return answer["etag"], answer["last-modified"]


def received_while(server: Server, change: Callable[[], None], *field_lines: str) -> bytes:
    """Return the archive, in the middle of whose first file something is changed."""
    with connected(server.port) as connection:
        connection.send("GET", TARGET, *field_lines)
        status, fields = connection.receive_head()
        assert status == (206 if field_lines else 200)
        first = connection.receive_content(1_000_000)
        change()
        length = int(dict(fields)["content-length"])
        return first + connection.receive_content(length - len(first))


@pytest.mark.parametrize("touch", [give_to_its_owner, link_elsewhere, replace_by_a_copy])
def test_a_download_goes_on_where_no_byte_has_changed(
    photos_dir: Path, serve: Serve, touch: Callable[[Path], None]
) -> None:
    album = make_album(photos_dir, FILES)
    server = serve()
    whole = get(server.port, TARGET).content  # by which all checksums are known

    def touch_all() -> None:
        for name in FILES:
            touch(album / name)

    assert received_while(server, touch_all) == whole


@pytest.mark.parametrize("name", FILES)
def test_a_download_is_cut_where_a_byte_has_changed_and_size_and_time_have_not(
    photos_dir: Path, serve: Serve, name: str
) -> None:
    album = make_album(photos_dir, FILES)
    server = serve()
    get(server.port, TARGET)
    with pytest.raises(Truncated):
        received_while(server, lambda: rewrite(album / name))
    server.wait_for("download.interrupted.*reason=rewritten")


@pytest.mark.parametrize("touch", [give_to_its_owner, link_elsewhere, relabel])
def test_a_first_download_goes_on_where_no_byte_has_changed(
    photos_dir: Path, serve: Serve, touch: Callable[[Path], None]
) -> None:
    album = make_album(photos_dir, FILES)
    server = serve()
    let_date_begin(album)
    before = validators(server)
    seen = []

    def touch_all() -> None:
        for name in FILES:
            touch(album / name)
        seen.append(validators(server))

    whole = received_while(server, touch_all)
    assert contents_of(whole) == FILES
    assert [*seen, validators(server), validators(serve())] == [before] * 3


def test_a_first_download_goes_on_where_its_first_bytes_need_no_file(
    photos_dir: Path, serve: Serve
) -> None:
    """The files that are read later are watched nevertheless."""
    files = {"a/": b"", "b.bin": noise(100_000), "c.bin": noise(40_000_000, 1), "d.txt": b"d"}
    album = make_album(photos_dir, files)
    server = serve()
    let_date_begin(album)
    whole = received_while(server, lambda: give_to_its_owner(album / "d.txt"))
    assert contents_of(whole) == files


def test_parts_of_a_first_download_go_on_where_the_first_part_needs_no_file(
    photos_dir: Path, serve: Serve
) -> None:
    album = make_album(photos_dir, FILES)
    server = serve()
    let_date_begin(album)
    ranges = "Range: bytes=0-0,1000-41000000"
    whole = received_while(server, lambda: give_to_its_owner(album / "d.txt"), ranges)
    assert FILES["d.txt"] in whole


def test_a_first_download_goes_on_where_a_write_came_before_it(
    photos_dir: Path, serve: Serve
) -> None:
    """A download of another album, which has the file too, watched it then."""
    album = make_album(photos_dir, FILES)
    other = make_album(photos_dir, {"a.bin": FILES["a.bin"]}, name=OTHER_HASH)
    os.link(album / "d.txt", other / "d.txt")
    server = serve()
    let_date_begin(album)

    with connected(server.port) as connection:
        connection.send("GET", f"/archive/{OTHER_HASH}/")
        connection.receive_head()
        rewrite(album / "d.txt")
        settle(album)
        whole = received_while(server, lambda: give_to_its_owner(album / "d.txt"))
    assert contents_of(whole)["d.txt"] == (album / "d.txt").read_bytes()


WRITERS = [
    rewrite,
    rewrite_by_another_name,
    rewrite_mapped,
    rewrite_and_stay_mapped,
    copy_range,
    shorten_and_lengthen,
]


@pytest.mark.parametrize("change", WRITERS)
@pytest.mark.parametrize("name", FILES)
def test_a_first_download_is_cut_where_a_byte_has_changed_and_size_and_time_have_not(
    photos_dir: Path, serve: Serve, name: str, change: Callable[[Path], None]
) -> None:
    album = make_album(photos_dir, FILES)
    server = serve()
    before = validators(server)
    with pytest.raises(Truncated):
        received_while(server, lambda: change(album / name))
    assert validators(server) != before


@pytest.mark.parametrize("change", [replace_by_a_copy, exchange_for_a_moment])
def test_a_first_download_is_cut_where_another_file_has_lain_in_the_place(
    photos_dir: Path, serve: Serve, change: Callable[[Path], None]
) -> None:
    """Which bytes the file had that was listed, nobody knows."""
    album = make_album(photos_dir, FILES)
    server = serve()
    with pytest.raises(Truncated):
        received_while(server, lambda: change(album / "d.txt"))
