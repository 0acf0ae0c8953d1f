"""What may lie in an album and is no file of it: special files, and links that lead out."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

SECRET = b"what lies outside of the album"
OTHER = "ffffffffffffffffffffffffffffffff"
"""An album beside the one with the link; above both lies a directory `outside`."""


def link(target: str) -> Callable[[Path], None]:
    return lambda place: place.symlink_to(target)


def device(kind: int, major: int, minor: int) -> Callable[[Path], None]:
    def make(place: Path) -> None:
        try:
            os.mknod(place, kind | 0o666, os.makedev(major, minor))
        except PermissionError:
            pytest.skip("only root makes devices")

    return make


def unix_socket(place: Path) -> None:
    descriptor = os.open(place.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(f"/proc/self/fd/{descriptor}/{place.name}")  # a long path does not fit
    finally:
        os.close(descriptor)


SPECIAL: dict[str, Callable[[Path], None]] = {
    "FIFO": os.mkfifo,
    "socket": unix_socket,
    "/dev/null": device(stat.S_IFCHR, 1, 3),
    "/dev/zero": device(stat.S_IFCHR, 1, 5),
    "/dev/tty": device(stat.S_IFCHR, 5, 0),
    "a loop device": device(stat.S_IFBLK, 7, 0),
}
LINKS: dict[str, Callable[[Path], None]] = {
    "relative": link("../" * 4 + "outside"),
    "relative to a file": link("../" * 4 + "outside/secret.txt"),
    "to the albums": link("../.."),
    "to the root": link("/"),
    "to /etc/passwd": link("/etc/passwd"),
    "to the working directory": link("/proc/self/cwd"),
    "to the root by /proc": link("/proc/self/root"),
    "to an open file": link("/proc/self/fd/0"),
    "to a device": link("/dev/zero"),
    "to itself": link("special"),
    "to one that leads back": link("other"),
    "to nothing": link("../" * 5 + "none"),
    "with a name too long": link("a" * 300),
    "out and in again": link(f"../../../photos/../outside/../photos/{OTHER}"),
}
