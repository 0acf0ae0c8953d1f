"""A CRC index in one SQLite file, shared by the processes of a machine.

Rows stored at one time are one block, see `row_blocks`.  One range scan reads the blocks of an
album; many blocks are merged into one.  The album's id is a password, so only its digest is stored.

A corrupt file is replaced by an empty one.  If the disk is full, read-only or locked, the rows are
kept in memory; each kind of trouble is reported once.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from archive_service.archive.id import ArchiveId
from archive_service.checksums.crc_index.base import CrcIndex, Rows, album_digest
from archive_service.checksums.crc_index.block_store import Change
from archive_service.checksums.crc_index.memory import MemoryCrcIndex
from archive_service.checksums.crc_index.row_blocks import (
    MAX_BLOCKS,
    RowBlock,
    block_of,
    merged,
    rows_by_path,
    without_paths,
)
from archive_service.observe.events import Observe
from archive_service.observe.index_events import IndexImpaired
from archive_service.observe.recurrence import once
from archive_service.storage.thread_progress import note_progress

LOCK_TIMEOUT_S = 1.0
"""The longest wait for another process's lock: hashing again is cheaper than a long wait."""
_LOCK_LOOK_EVERY_S = 0.005

_SCHEMA_VERSION = 2
_SCHEMA = (
    """
    CREATE TABLE crc (
        part INTEGER PRIMARY KEY,  -- a row replaces those of the same path in earlier parts
        album BLOB NOT NULL,       -- digest of the album's id
        paths BLOB NOT NULL,       -- relative to the album
        versions BLOB NOT NULL,    -- size, mtime and change token of each
        crc32s BLOB NOT NULL,
        part_check BLOB NOT NULL
    )
    """,
    "CREATE INDEX crc_of_album ON crc (album, part)",
)
_UNUSABLE = "the CRC index cannot be used; CRCs are kept in memory"
_CORRUPT = "the CRC index is corrupt; starting afresh"
_Result = TypeVar("_Result")


class SqliteCrcIndex(CrcIndex):
    """CRC-32 values in a SQLite file; see `CrcIndex`.

    Trouble is reported as IndexImpaired with a short fixed text, once for each text.
    Use it from one thread at a time.
    """

    def __init__(self, path: Path, observe: Observe) -> None:
        self._path = path
        self._observe = once(observe)
        self._memory = MemoryCrcIndex()
        self._connection: sqlite3.Connection | None = None

    def load(self, archive: ArchiveId) -> Mapping[bytes, tuple[bytes, int]]:
        """Return version and CRC-32 by path."""
        blocks = self._attempt(lambda connection: _load(connection, album_digest(archive.value)))
        return {**rows_by_path(blocks or ()), **self._memory.load(archive)}

    def store(self, archive: ArchiveId, rows: Rows) -> None:
        """Store rows."""
        if self._attempt(lambda connection: _store(connection, album_digest(archive.value), rows)):
            self._memory.forget(archive, rows.paths)
        else:
            self._memory.store(archive, rows)

    def forget(self, archive: ArchiveId, paths: Iterable[bytes]) -> None:
        """Drop rows."""
        gone = set(paths)
        self._memory.forget(archive, gone)
        self._attempt(
            lambda connection: _rewrite(
                connection, album_digest(archive.value), lambda blocks: without_paths(blocks, gone)
            )
        )

    def prune(self, albums: Iterable[str]) -> None:
        """Drop the rows of all albums but these."""
        kept = list(albums)
        self._memory.prune(kept)
        self._attempt(
            lambda connection: _prune(connection, {album_digest(album) for album in kept})
        )

    def has_albums(self) -> bool:
        """Return whether there are rows."""
        return bool(self._attempt(_has_rows)) or self._memory.has_albums()

    def place(self) -> str:
        """Name the directory of the file."""
        return str(self._path.parent)

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(self, action: Callable[[sqlite3.Connection], _Result]) -> _Result | None:
        """Run an action in a transaction; return None if the file can't be used."""
        for retry_afresh in (True, False):
            try:
                with self._open() as connection:
                    return action(connection)
            except (sqlite3.OperationalError, OSError):
                self._observe(IndexImpaired(_UNUSABLE))
                return None
            # UnicodeDecodeError: SQLite quotes a corrupt schema in a message that Python decodes.
            except (sqlite3.DatabaseError, UnicodeDecodeError):
                self._observe(IndexImpaired(_CORRUPT))
                if not (retry_afresh and self._discard()):
                    return None
        return None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.touch(mode=0o600)  # SQLite gives its other files the mode of this one
            # One worker thread at a time uses it, and another thread made the index.
            connection = sqlite3.connect(
                self._path, timeout=LOCK_TIMEOUT_S, check_same_thread=False
            )
            # No column holds text.  Text in a corrupt file may be invalid UTF-8, which would fail a
            # whole query.
            connection.text_factory = _no_text
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _discard(self) -> bool:
        self.close()
        try:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError:
            return False
        return True


def _no_text(_stored: bytes) -> None:
    """Return None for text, which marks its row as corrupt."""


def _prepare(connection: sqlite3.Connection) -> None:
    _keep_a_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    if _schema_version(connection) == _SCHEMA_VERSION:
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        # Check again under the lock, so as not to drop a table that another process has created.
        if _schema_version(connection) != _SCHEMA_VERSION:
            connection.execute("DROP TABLE IF EXISTS crc")
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION:d}")


def _keep_a_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file to a write-ahead log; retry when several processes open a new file.

    SQLite itself waits for other locks, but not for the one that this takes.
    """
    give_up_s = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up_s:
                raise
            time.sleep(_LOCK_LOOK_EVERY_S)


def _schema_version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _has_rows(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM crc LIMIT 1").fetchone() is not None


def _load(connection: sqlite3.Connection, album: bytes) -> list[RowBlock]:
    found = connection.execute(
        "SELECT paths, versions, crc32s, part_check FROM crc WHERE album = ? ORDER BY part",
        (album,),
    )
    return list(map(RowBlock._make, found))


def _store(connection: sqlite3.Connection, album: bytes, rows: Rows) -> bool:
    if rows:
        _add(connection, album, block_of(rows))
        found = connection.execute("SELECT count(*) FROM crc WHERE album = ?", (album,))
        if found.fetchone()[0] > MAX_BLOCKS:
            _rewrite(connection, album, merged)
    return True


def _rewrite(connection: sqlite3.Connection, album: bytes, change: Change) -> None:
    # Lock before reading, so as not to lose rows that another process stores meanwhile.
    if not connection.in_transaction:
        connection.execute("BEGIN IMMEDIATE")
    changed = change(_load(connection, album))
    if changed is not None:
        connection.execute("DELETE FROM crc WHERE album = ?", (album,))
        for block in changed:
            _add(connection, album, block)


def _add(connection: sqlite3.Connection, album: bytes, block: RowBlock) -> None:
    connection.execute(
        "INSERT INTO crc (album, paths, versions, crc32s, part_check) VALUES (?, ?, ?, ?, ?)",
        (album, *block),
    )


def _prune(connection: sqlite3.Connection, kept: set[bytes]) -> None:
    # A loose index scan: one seek for each album, not one step for each block.
    album = b""
    while True:
        (album,) = connection.execute(
            "SELECT min(album) FROM crc WHERE album > ?", (album,)
        ).fetchone()
        if album is None:
            return
        note_progress()
        if album not in kept:
            connection.execute("DELETE FROM crc WHERE album = ?", (album,))
