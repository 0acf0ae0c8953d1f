"""The kinds of segments an archive is made of.

A segment is a range of the archive's bytes, half-open, all of whose bytes are made the same way.
Nothing here holds the bytes themselves.
"""

from __future__ import annotations

from typing import NamedTuple, NewType

EntryIndex = NewType("EntryIndex", int)
"""The place of an entry in an archive; not that of its source in the listing."""
LARGE_FILE_BYTES = 128 * 1024
"""From here on an entry's data is a segment of its own, sent from its file: `sendfile` costs less
than a copy; below, less than its own set-up."""


class Entries(NamedTuple):
    """Local file headers, each followed by its entry's data, unless that is large.

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
    """What follows the central directory headers (APPNOTE 4.3.14 to 4.3.16)."""

    start: int
    stop: int


Segment = Entries | FileData | CentralHeaders | EndRecords
