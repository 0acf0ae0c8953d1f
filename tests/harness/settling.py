"""Downloads of one album that has to be still only for a moment."""

from __future__ import annotations

import time
from http import HTTPStatus
from pathlib import Path

from harness.albums import HASH, newest_change_ns
from harness.conditions import eventually
from harness.http import get
from harness.oracle import contents_of
from harness.server import Server

LINK = f"/archive/{HASH}/"
SETTLE_TIME_S = 0.2
SOON = ("--settle-time", f"{SETTLE_TIME_S}", "--settle-wait", "0", "--level", "debug")
WITHIN_S = 120.0


def still(album: Path) -> None:
    """Wait until nothing has changed for longer than the album has to be still."""

    def is_still() -> bool:
        return time.time_ns() - newest_change_ns(album) > 2 * SETTLE_TIME_S * 10**9

    eventually(is_still, within_s=WITHIN_S)


def files_in(server: Server) -> dict[str, bytes] | None:
    """Return the files of the archive, or None if there is none now."""
    response = get(server.port, LINK)
    if response.status != HTTPStatus.OK:
        return None
    return contents_of(response.content)


def is_refused(server: Server) -> bool:
    return get(server.port, LINK).status == HTTPStatus.SERVICE_UNAVAILABLE
