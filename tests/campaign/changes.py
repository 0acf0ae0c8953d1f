"""Changes of albums, random ones: of files, of what stands beside their bytes, of whole albums."""

from __future__ import annotations

import mmap
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from campaign.album import Album
from campaign.hand import MOST_FILES, SIZES, Change, Hand

_NS_PER_S = 1_000_000_000


def appear(hand: Hand, album: Album) -> None:
    album.path.mkdir()
    album.is_there = True
    for _ in range(hand.chance.randrange(MOST_FILES)):
        add(hand, album)


def disappear(_: Hand, album: Album) -> None:
    shutil.rmtree(album.path)
    album.is_there = False
    album.contents.clear()
    album.unreadable.clear()


def add(hand: Hand, album: Album) -> None:
    if len(album.contents) < MOST_FILES:
        hand.write(album, hand.new_name(), hand.data(hand.chance.choice(SIZES)))


def remove(hand: Hand, album: Album) -> None:
    if name := hand.some_file(album):
        hand.unlink(album, name)


def truncate(hand: Hand, album: Album) -> None:
    if name := hand.some_file(album):
        data = album.contents[name]
        size = hand.chance.randrange(min(1, len(data)), len(data) + 1)
        os.truncate(album.path / name, size)
        album.contents[name] = data[:size]


def grow(hand: Hand, album: Album) -> None:
    if name := hand.some_file(album):
        more = hand.data(hand.chance.randrange(1, 3000))
        with (album.path / name).open("ab") as file:
            file.write(more)
        album.contents[name] += more


def replace(hand: Hand, album: Album) -> None:
    """Replace a file by one of its size and time, as FTP clients do."""
    if name := hand.some_file(album):
        path = album.path / name
        status = path.stat()
        data = hand.data(status.st_size)
        other = path.with_name(".other.tmp")
        other.write_bytes(data)
        os.utime(other, ns=(0, status.st_mtime_ns))
        other.replace(path)
        album.contents[name] = data
        album.unreadable.discard(name)


def rewrite(hand: Hand, album: Album) -> None:
    """Write into a file, and put its time back."""
    if name := hand.some_file(album):
        path = album.path / name
        status = path.stat()
        data = hand.data(status.st_size)
        with path.open("r+b") as file:
            file.write(data)
        os.utime(path, ns=(0, status.st_mtime_ns))
        album.contents[name] = data


def rewrite_mapped(hand: Hand, album: Album) -> None:
    name = hand.some_file(album)
    if name and album.contents[name]:
        path = album.path / name
        status = path.stat()
        data = hand.data(status.st_size)
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
            mapped[:] = data
        os.utime(path, ns=(0, status.st_mtime_ns))
        album.contents[name] = data


def fill_hole(hand: Hand, album: Album) -> None:
    """Fill the hole at the end of a file, and put its time back."""
    if name := hand.some_file(album):
        path = album.path / name
        size, hole = len(album.contents[name]), hand.chance.randrange(1, 300_000)
        os.truncate(path, size + hole)
        status = path.stat()
        data = hand.data(hole)
        with path.open("r+b") as file:
            file.seek(size)
            file.write(data)
        os.utime(path, ns=(0, status.st_mtime_ns))
        album.contents[name] += data


def move(hand: Hand, album: Album) -> None:
    if name := hand.some_file(album):
        other = hand.new_name(".png").rpartition("/")[2]
        data, is_forbidden = album.contents[name], name in album.unreadable
        os.link(album.path / name, album.path / other)
        hand.unlink(album, name)
        album.contents[other] = data
        album.unreadable |= {other} if is_forbidden else set()


def add_twin(hand: Hand, album: Album) -> None:
    """Add a file of the size and time of another."""
    name = hand.some_file(album)
    if name and len(album.contents) < MOST_FILES:
        twin = hand.new_name(".twin.jpg").rpartition("/")[2]
        hand.write(album, twin, hand.data(len(album.contents[name])))
        os.utime(album.path / twin, ns=(0, (album.path / name).stat().st_mtime_ns))


def exchange(hand: Hand, album: Album) -> None:
    """Let two files swap their names, those of one size if there are any."""
    contents = album.contents
    names = sorted(set(contents) - album.unreadable)
    pairs = [(a, b) for a in names for b in names if a < b]
    twins = [(a, b) for a, b in pairs if len(contents[a]) == len(contents[b])]
    if pairs:
        one, other = hand.chance.choice(twins or pairs)
        _swap_names(hand, album.path / one, album.path / other)
        contents[one], contents[other] = contents[other], contents[one]


def become_directory(hand: Hand, album: Album) -> None:
    name = hand.some_file(album)
    if name and name.endswith(".jpg") and "/" not in name:
        data = album.contents[name]
        hand.unlink(album, name)
        hand.write(album, f"{name}/{hand.chance.randrange(10**9)}.png", data)


def date_ahead(hand: Hand, album: Album) -> None:
    if name := hand.some_file(album):
        ahead_ns = time.time_ns() + hand.chance.randrange(1, 10**6) * _NS_PER_S
        os.utime(album.path / name, ns=(0, ahead_ns))


def forbid(hand: Hand, album: Album) -> None:
    """Make a file unreadable, or those that are readable again."""
    names = album.unreadable or {hand.some_file(album)} - {None}
    mode = 0o644 if album.unreadable else 0
    for name in names:
        (album.path / str(name)).chmod(mode)
    album.unreadable = set() if mode else {str(name) for name in names}


def litter(hand: Hand, album: Album) -> None:
    """Add what no archive has."""
    (album.path / f"{hand.chance.randrange(5)}.part").write_bytes(b"half")


def give_to_its_owner(_: Hand, album: Album) -> None:
    """Move all ctimes and no byte, as `chown -R` does."""
    for path in (album.path, *album.path.rglob("*")):
        with suppress(FileNotFoundError):  # of a program that uploads
            os.chown(path, os.getuid(), os.getgid())


def link_elsewhere(hand: Hand, album: Album) -> None:
    """Give each file one more name, as `cp -al` does."""
    for name in album.contents:
        os.link(album.path / name, hand.aside())


def relabel(hand: Hand, album: Album) -> None:
    for name in album.contents:
        os.setxattr(album.path / name, "user.label", hand.data(5))


def copy_over(hand: Hand, album: Album) -> None:
    """Replace the album by a copy of the same bytes and times.

    Of a file that was never read nobody knows whether it is the same.
    """
    copy, old = hand.aside(), hand.aside()
    shutil.copytree(album.path, copy, symlinks=True)
    album.path.rename(old)
    copy.rename(album.path)
    shutil.rmtree(old)


def swap(hand: Hand, one: Album, other: Album) -> None:
    """Rename two albums into each other."""
    _swap_names(hand, one.path, other.path)
    one.contents, other.contents = other.contents, one.contents
    one.unreadable, other.unreadable = other.unreadable, one.unreadable


def _swap_names(hand: Hand, one: Path, other: Path) -> None:
    aside = hand.aside()
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


OF_FILES: Sequence[Change] = (
    add,
    add,
    remove,
    truncate,
    grow,
    replace,
    rewrite,
    rewrite_mapped,
    fill_hole,
    move,
    add_twin,
    exchange,
    become_directory,
    date_ahead,
    *([forbid] if os.geteuid() == 0 else []),
)
OF_NO_BYTE: Sequence[Change] = (litter, give_to_its_owner, link_elsewhere, relabel)
"""They end no download."""
OF_ALBUMS: Sequence[Change] = (copy_over, copy_over, copy_over, disappear)
