"""Zone data as other machines may have it: one name, other times."""

from __future__ import annotations

import zoneinfo
from importlib import resources
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo


def zone_data(name: str) -> bytes:
    """Return the file of a zone, of the system or else of the package that stands in for it."""
    for directory in zoneinfo.TZPATH:
        path = Path(directory, name)
        if path.is_file():
            return path.read_bytes()
    return resources.files("tzdata.zoneinfo").joinpath(name).read_bytes()


def write_zone(directory: Path, name: str, data_of: str) -> Path:
    """Make a directory of zone data in which one zone has the data of another; return it."""
    path = directory / name
    path.parent.mkdir(parents=True)
    path.write_bytes(zone_data(data_of))
    return directory


def zone_with_data_of(name: str, data_of: str) -> ZoneInfo:
    """Return a zone of a name that has the data of another."""
    return ZoneInfo.from_file(BytesIO(zone_data(data_of)), key=name)
