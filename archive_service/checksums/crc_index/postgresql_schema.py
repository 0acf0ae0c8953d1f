"""The table of the CRC index in PostgreSQL, and its upgrades.

A comment on the table holds the version of its schema.  The table of an earlier release is dropped
and created anew, because its content can be computed again.  A table of a later release, or of
another program, is left alone.
"""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg import sql

from archive_service.checksums.crc_index.block_store import StoreFailed

SCHEMA_VERSION = 1
Connection = psycopg.Connection[tuple[Any, ...]]
_COMMENT = "CRC index of archive-service, schema "
LOCK = 0x61726368697665  # "archive"
"""The advisory lock that is held while the table is created."""

_SCHEMA = (
    """
    CREATE TABLE archive_crc (
        part bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        namespace text NOT NULL,
        album bytea NOT NULL,      -- digest of the album's id
        used date NOT NULL DEFAULT current_date,
        paths bytea NOT NULL,      -- relative to the album
        versions bytea NOT NULL,   -- size, mtime and change token of each
        crc32s bytea NOT NULL,
        part_check bytea NOT NULL
    )
    """,
    "CREATE INDEX archive_crc_of_album ON archive_crc (namespace, album, part)",
    # Compressing takes ten times as long as storing, and saves a quarter.
    """
    ALTER TABLE archive_crc
        ALTER paths SET STORAGE EXTERNAL,
        ALTER versions SET STORAGE EXTERNAL,
        ALTER crc32s SET STORAGE EXTERNAL
    """,
)
# The join reads the catalogue as it is now.  to_regclass alone may return the answer from before
# the wait for the lock, when the table did not exist.
_DESCRIBED = """
    SELECT obj_description(oid, 'pg_class') FROM pg_class WHERE oid = to_regclass('archive_crc')
"""


def prepare(connection: Connection) -> None:
    """Create the table, or replace that of an earlier release; raise StoreFailed."""
    if version_of(connection) == SCHEMA_VERSION:
        return
    with connection.transaction():
        # Of several replicas that start at once, one creates it and the others look again.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        version = version_of(connection)
        if version == SCHEMA_VERSION:
            return
        if version is not None:
            connection.execute("DROP TABLE archive_crc")
        for statement in _SCHEMA:
            connection.execute(statement)
        comment = f"{_COMMENT}{SCHEMA_VERSION}"
        connection.execute(sql.SQL("COMMENT ON TABLE archive_crc IS {}").format(comment))


def version_of(connection: Connection) -> int | None:
    """Return the version of the table's schema; None where there is no table.

    Raise StoreFailed for the table of a later release or of another program.
    """
    described = connection.execute(_DESCRIBED).fetchone()
    if described is None:
        return None
    found = re.fullmatch(re.escape(_COMMENT) + r"(\d+)", described[0] or "")
    if found is None:
        raise StoreFailed("a table archive_crc of something else")
    version = int(found[1])
    if version > SCHEMA_VERSION:
        raise StoreFailed("of a later release")
    return version


def one(cursor: psycopg.Cursor[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the only row of an answer."""
    row = cursor.fetchone()
    if row is None:
        raise StoreFailed("an answer without rows")
    return row
