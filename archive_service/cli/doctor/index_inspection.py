"""The checks of `archive-service check` on the index; they change nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from archive_service.checksums.crc_index.block_store import StoreFailed
from archive_service.checksums.crc_index.deadline_call import DeadlineCall
from archive_service.checksums.crc_index.index_url import IndexAddress, make_store
from archive_service.cli.doctor.findings import Finding, Severity
from archive_service.config.crc_index_choice import index_address
from archive_service.config.settings import Settings

_SCARCE_BYTES = 100 * 1000**2
_ANSWER_TIMEOUT_S = 5.0


def index_findings(settings: Settings) -> Iterator[Finding]:
    """Check the index file, or the server of a shared index."""
    address = index_address(settings)
    yield from _shared_index(address) if address.kind.is_shared else _file(address.path)


def _shared_index(address: IndexAddress) -> Iterator[Finding]:
    try:
        call = DeadlineCall(make_store(address))
        found = call.ask(lambda store: store.condition(), within_s=_ANSWER_TIMEOUT_S)
    except StoreFailed as error:
        text = (
            f"{address.shown}: {error.reason}. Downloads go on without, and each process computes "
            "checksums for itself: start the server, or correct INDEX_URL"
        )
        yield Finding(Severity.WRONG, "index", text)
        return
    for advice in found.advice:
        yield Finding(Severity.ADVICE, "index", f"{address.shown}: {advice}")
    yield Finding(Severity.GOOD, "index", f"{address.shown}, {found.text}")


def _file(path: Path) -> Iterator[Finding]:
    nearest = next(parent for parent in path.parents if parent.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        yield Finding(
            Severity.WRONG,
            "index",
            f"{nearest} can't be written by this user, so checksums are computed anew after each "
            "start: permit it, or set CACHE_DIR or INDEX_URL",
        )
        return
    if trouble := _trouble_of(path):
        text = f"{path} {trouble}: the service will start afresh; or delete it"
        yield Finding(Severity.ADVICE, "index", text)
        return
    size = f"{path.stat().st_size:,} bytes" if path.exists() else "not begun"
    free_bytes = shutil.disk_usage(nearest).free
    if free_bytes < _SCARCE_BYTES:
        text = f"{free_bytes:,} bytes are free in {nearest}: make room, or set CACHE_DIR"
        yield Finding(Severity.ADVICE, "index", text)
    yield Finding(Severity.GOOD, "index", f"{path}, {size}")


def _trouble_of(path: Path) -> str | None:
    """Return a few words about what is wrong with an index file; None if it is sound.

    A file that does not exist yet is sound.
    """
    if not path.exists():
        return None
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        return f"can't be read ({error})"
    except (sqlite3.DatabaseError, UnicodeDecodeError):  # see SqliteCrcIndex
        return "is corrupt"
    return None if found == "ok" else "is corrupt"
