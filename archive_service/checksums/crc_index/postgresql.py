"""Blocks of albums in a table of PostgreSQL.

A block is a row, as in the index of SQLite; later blocks have greater numbers.  Each row holds the
day of its last use; the least recently used rows are dropped first.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from threading import Lock
from typing import TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from archive_service.checksums.crc_index.block_store import (
    Change,
    Condition,
    StoreFailed,
    WriteRefused,
)
from archive_service.checksums.crc_index.index_url import IndexAddress
from archive_service.checksums.crc_index.postgresql_schema import (
    SCHEMA_VERSION,
    Connection,
    one,
    prepare,
    version_of,
)
from archive_service.checksums.crc_index.row_blocks import RowBlock

_CONNECT_TIMEOUT_S = 2
"""The minimum of libpq."""
_DROPPED_AT_ONCE = 1000
"""Rows in one statement of a tidy: no lock is held for long."""
_Result = TypeVar("_Result")

_LOAD = """
    SELECT paths, versions, crc32s, part_check, used < current_date
    FROM archive_crc WHERE namespace = %s AND album = %b ORDER BY part
"""
_USE = """
    UPDATE archive_crc SET used = current_date
    WHERE namespace = %s AND album = %b AND used < current_date
"""
# The row is added after the count has begun: both see the table as it was.
_ADD = """
    WITH added AS (
        INSERT INTO archive_crc (namespace, album, paths, versions, crc32s, part_check)
        VALUES (%(namespace)s, %(album)b, %(paths)b, %(versions)b, %(crc32s)b, %(check)b)
    )
    SELECT count(*) + 1 FROM archive_crc WHERE namespace = %(namespace)s AND album = %(album)b
"""
# Of two transactions that lock at once, the second gets the rows as the first has left them.
_LOCK_PARTS = """
    SELECT part, paths, versions, crc32s, part_check
    FROM archive_crc WHERE namespace = %s AND album = %b ORDER BY part FOR UPDATE
"""
# It replaces the last row that was read, so blocks that others add meanwhile are still later.
_REPLACE = """
    UPDATE archive_crc
    SET used = current_date, paths = %b, versions = %b, crc32s = %b, part_check = %b
    WHERE part = %s
"""
_DROP = "DELETE FROM archive_crc WHERE part = ANY(%s)"
_PRUNE = "DELETE FROM archive_crc WHERE namespace = %s AND NOT album = ANY(%s)"
_UNUSED = """
    DELETE FROM archive_crc WHERE part = ANY(ARRAY(
        SELECT part FROM archive_crc
        WHERE namespace = %s AND used < current_date - %s::integer LIMIT %s
    ))
"""
# The size of a row: its values, and about a hundred bytes.
_BEYOND = """
    SELECT part FROM (
        SELECT part, sum(
            octet_length(paths) + octet_length(versions) + octet_length(crc32s) + 100
        ) OVER (ORDER BY used DESC, part DESC) AS size_bytes
        FROM archive_crc WHERE namespace = %s
    ) AS newest_first WHERE size_bytes > %s
"""
_MEASURED = """
    SELECT count(DISTINCT album), coalesce(sum(
        octet_length(paths) + octet_length(versions) + octet_length(crc32s) + 100
    ), 0)
    FROM archive_crc WHERE namespace = %s
"""


def store(address: IndexAddress) -> PostgresqlStore:
    """Return the store of an address; see `PostgresqlStore`."""
    return PostgresqlStore(
        address.url,
        namespace=address.namespace,
        keep_days=address.keep_days,
        most_bytes=address.most_bytes,
    )


class PostgresqlStore:
    """A client of one database; see `Store`.  Raise ValueError for a URL with a mistake."""

    def __init__(self, url: str, *, namespace: str, keep_days: int, most_bytes: int) -> None:
        self._url = url
        self._namespace = namespace
        self._keep_days = keep_days
        self._most_bytes = most_bytes
        self._connection: Connection | None = None
        self._wire: socket.socket | None = None
        self._wire_lock = Lock()
        try:
            self._given = conninfo_to_dict(url)
        except psycopg.Error:  # its text holds the URL and the password
            raise ValueError("has an option or a part that the library refuses") from None

    def load(self, album: bytes) -> Sequence[RowBlock]:
        """Return the blocks of an album; see `Store.load`."""
        return self._translated(lambda connection: self._load(connection, album))

    def add(self, album: bytes, block: RowBlock) -> int:
        """Add a block; see `Store.add`."""

        def add(connection: Connection) -> int:
            values = {"namespace": self._namespace, "album": album, **block._asdict()}
            return int(one(connection.execute(_ADD, values))[0])

        return self._translated(add)

    def rewrite(self, album: bytes, change: Change) -> None:
        """Change the blocks of an album; see `Store.rewrite`."""

        def rewrite(connection: Connection) -> None:
            with connection.transaction(), connection.cursor(binary=True) as cursor:
                found = cursor.execute(_LOCK_PARTS, (self._namespace, album)).fetchall()
                changed = change([RowBlock(*columns) for _, *columns in found])
                if changed is None:
                    return
                numbers = [number for number, *_ in found]
                for block in changed:
                    cursor.execute(_REPLACE, (*block, numbers.pop()))
                cursor.execute(_DROP, (numbers,))

        self._translated(rewrite)

    def prune(self, kept: AbstractSet[bytes]) -> None:
        """Drop all albums of the namespace but these; see `Store.prune`."""
        self._translated(
            lambda connection: connection.execute(_PRUNE, (self._namespace, list(kept)))
        )

    def tidy(self) -> None:
        """Drop expired rows, then the least recently used ones; see `Store.tidy`."""
        self._translated(self._tidy)

    def condition(self) -> Condition:
        """Return the state of the database; see `Store.condition`."""
        try:
            return self._condition(self._connection or self._connect())
        except (psycopg.Error, OSError) as error:
            raise _in_our_words(error) from None
        finally:
            self.close()

    def cut(self) -> None:
        """Shut the socket down, which ends libpq's wait; see `Store.cut`."""
        with self._wire_lock:
            if self._wire is not None:
                with suppress(OSError):
                    self._wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; see `Store.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()
        with self._wire_lock:
            if self._wire is not None:
                self._wire.close()
                self._wire = None

    def _load(self, connection: Connection, album: bytes) -> list[RowBlock]:
        key = (self._namespace, album)
        with connection.cursor(binary=True) as cursor:
            found = cursor.execute(_LOAD, key).fetchall()
        if any(is_of_yesterday for *_, is_of_yesterday in found):
            with suppress(psycopg.Error):  # refused by a database that is read-only
                connection.execute(_USE, key)
        return [RowBlock(*columns) for *columns, _ in found]

    def _tidy(self, connection: Connection) -> None:
        unused = (self._namespace, self._keep_days, _DROPPED_AT_ONCE)
        while connection.execute(_UNUSED, unused).rowcount == _DROPPED_AT_ONCE:
            pass
        beyond = connection.execute(_BEYOND, (self._namespace, self._most_bytes)).fetchall()
        numbers = [number for (number,) in beyond]
        for start in range(0, len(numbers), _DROPPED_AT_ONCE):
            connection.execute(_DROP, (numbers[start : start + _DROPPED_AT_ONCE],))

    def _condition(self, connection: Connection) -> Condition:
        version = connection.info.server_version // 10_000
        if version_of(connection) != SCHEMA_VERSION:
            return Condition(f"PostgreSQL {version}, the table is made at the first use")
        albums, size_bytes = one(connection.execute(_MEASURED, (self._namespace,)))
        text = f"PostgreSQL {version}, schema {SCHEMA_VERSION}, {albums:,} albums"
        return Condition(f"{text}, {size_bytes:,} bytes of at most {self._most_bytes:,}")

    def _translated(self, action: Callable[[Connection], _Result]) -> _Result:
        """Return an action's result; raise the library's errors as StoreFailed."""
        was_connected = self._connection is not None
        try:
            return action(self._connected())
        except (psycopg.Error, OSError) as error:
            self.close()
            # Retry once: servers and routers cut idle connections, and a new connection creates a
            # table that was dropped.
            if was_connected and isinstance(
                error, (psycopg.OperationalError, psycopg.errors.UndefinedTable)
            ):
                return self._translated(action)
            raise _in_our_words(error) from None
        except BaseException:
            self.close()
            raise

    def _connected(self) -> Connection:
        if self._connection is not None:
            return self._connection
        connection = self._connect()
        try:
            prepare(connection)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
            raise StoreFailed("may not make its table") from None
        return connection

    def _connect(self) -> Connection:
        connection = self._connection = psycopg.connect(
            self._url,
            autocommit=True,  # one round trip for one statement
            prepare_threshold=None,  # PgBouncer gives each transaction another connection
            connect_timeout=_CONNECT_TIMEOUT_S,
            client_encoding="utf8",  # else the text of a SQL_ASCII database arrives as bytes
            application_name=self._given.get("application_name", "archive-service"),
        )
        with self._wire_lock:  # a duplicate: libpq may close its own at any moment
            self._wire = socket.socket(fileno=os.dup(connection.fileno()))
        return connection


def _in_our_words(error: Exception) -> StoreFailed:
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return WriteRefused("read-only")
    if isinstance(error, psycopg.errors.DiskFull):
        return WriteRefused("full")
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return WriteRefused("not permitted")
    # Errors during connecting have no code, and a text in the server's language.
    if "password" in str(error):
        return StoreFailed("user or password refused")
    if isinstance(error, (psycopg.OperationalError, OSError)):
        return StoreFailed("can't be reached")
    return StoreFailed("a statement refused")
