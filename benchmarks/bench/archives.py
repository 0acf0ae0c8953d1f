"""Archives as files: saves the service's for nginx, and checks those of all servers."""

from __future__ import annotations

import os
import shutil
import tempfile
import urllib.request
import zipfile
from http.client import HTTPException
from pathlib import Path

from bench.albums import MIB, Album, checksums
from bench.plan import Plan
from bench.servers import NGINX, SERVICE, Started, service


class WrongArchive(RuntimeError):
    """A server's archive is not the album."""


def prebuild(plan: Plan, album: Album) -> None:
    """Save what the service sends, for nginx."""
    plan.prebuilt.mkdir(exist_ok=True)
    with service(plan.photos, plan.data / "cache") as server:
        _save(server.address(album.name), plan.prebuilt / f"{album.name}.zip")
    os.sync()  # else the disk would be busy while others are measured


def check(plan: Plan, peers: Started, album: Album) -> None:
    """Download an album once from each server.

    A peer whose archive is not the album takes no further part.  Raise WrongArchive for the
    service.
    """
    expected = checksums(plan.photos / album.name)
    check_file(plan.prebuilt / f"{album.name}.zip", expected)
    for server in tuple(peers.servers):
        if server.name in (SERVICE, NGINX):  # they have no other bytes than those
            continue
        try:
            with tempfile.NamedTemporaryFile(dir=plan.data, suffix=".zip") as file:
                _save(server.address(album.name), Path(file.name))
                check_file(Path(file.name), expected)
        except (WrongArchive, OSError, HTTPException, zipfile.BadZipFile) as error:
            peers.servers.remove(server)
            peers.absent[server.label] = f"its archive is wrong: {error}"
    os.sync()


def _save(url: str, target: Path) -> None:
    with urllib.request.urlopen(url) as response, target.open("wb") as file:
        shutil.copyfileobj(response, file, MIB)
        if response.headers["Content-Length"] not in (None, str(file.tell())):
            raise WrongArchive(f"{url}: the content is shorter than its length")


def check_file(path: Path, expected: list[int]) -> None:
    """Read an archive, everything in it; raise WrongArchive for other files than those."""
    with zipfile.ZipFile(path) as archive:
        if broken := archive.testzip():
            raise WrongArchive(f"{broken} is broken")
        found = sorted(entry.CRC for entry in archive.infolist() if not entry.is_dir())
    if found != expected:
        raise WrongArchive(f"{len(found)} files, not the {len(expected)} of the album")
