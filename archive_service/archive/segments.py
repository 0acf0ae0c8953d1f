"""The kinds of segments an archive is made of.

A segment is a half-open range of the archive's bytes that come from one kind of source.
Segments do not hold the bytes themselves.
"""

from __future__ import annotations

from typing import NamedTuple, NewType

EntryIndex = NewType("EntryIndex", int)
"""The index of an entry in an archive, which differs from that of its source in the listing."""
LARGE_FILE_BYTES = 128 * 1024
"""The smallest entry whose data is a segment of its own, sent by `sendfile`.

For less data, setting up `sendfile` costs more than copying."""


class Entries(NamedTuple):
    """Local file headers, each followed by its entry's data unless the entry is large.

    APPNOTE 4.3.7 and 4.3.8.
    """

    start: int
    stop: int


class FileData(NamedTuple):
    """Data of one entry, or a part of it (APPNOTE 4.3.8)."""

    start: int
    stop: int
    entry: EntryIndex


class CentralHeaders(NamedTuple):
    """Central directory headers (APPNOTE 4.3.12)."""

    start: int
    stop: int


class EndRecords(NamedTuple):
    """The records after the central directory headers (APPNOTE 4.3.14 to 4.3.16)."""

    start: int
    stop: int


Segment = Entries | FileData | CentralHeaders | EndRecords
