"""The version of a file, as a row of the CRC index holds it: an identity, a stamp and a hint.

Theory of operation.  Size and mtime are the identity: a row of others says nothing.  The stamp
names the content, and the entity tag digests it.  At first it is the ctime with which the content
was read; it stays while later ctimes and inode numbers come with the same CRC-32.  The hint shows
whether ctime and inode number are those with which the content was last compared.  Where the hint
is another, the file has to be read again: it may have been rewritten and its mtime put back, or
only its owner has changed.

Content that turns out to be another gets the present ctime as its stamp, as on a machine that never
had another.  Where the ctime has not moved, the stamp is made of the CRC-32.

Where one file of an album was found rewritten though no time had moved, the rows of all others are
doubted: their hint is none that a listing can have, and their ctimes count for nothing.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from archive_service.archive.listing import Listing
from archive_service.archive.long_columns import as_array, greatest

_VERSION = struct.Struct(
    "<"
    "Q"  # size
    "q"  # mtime, nanoseconds since the Unix epoch
    "Q"  # stamp; in the version of a listing the ctime
    "Q"  # hint; in the version of a listing the inode number
)
_IDENTITY_SIZE = 16
_MODULUS = 2**64
_DOUBTED = 2**64 - 1
"""The hint of a row whose file has to be read, whatever its times."""
_MADE = 2**63
"""The bit of stamps made of a CRC-32; no ctime since 1970 has it."""
# Odd and without a pattern.  With a ctime that is the stamp the hint is the inode number itself.
_CTIME_FACTOR = 0x9E3779B97F4A7C15
_CRC32_FACTOR = 0xD1342543DE82EF95


class Known(NamedTuple):
    """What a row says of the file of a listing."""

    stamp: int
    is_suspected: bool
    """Whether the file has to be read before its CRC-32 is that of the row."""
    is_doubted: bool = False
    """Whether that is so though its ctime may not have moved."""


def stamps_of(listing: Listing) -> array[int]:
    """Return the stamps of files that have no row: their ctimes.

    A directory has no content, so its stamp is 0.  So is that of a text, which is part of its list.
    """
    stamps = array("Q", listing.ctimes_ns().tobytes())
    for source in chain(listing.directories(), listing.listed.texts if listing.listed else ()):
        stamps[source] = 0
    return stamps


def known(row: bytes, listed: bytes) -> Known | None:
    """Compare the version of a row with that of a listing; None where they are of two files."""
    if row[:_IDENTITY_SIZE] != listed[:_IDENTITY_SIZE] or len(row) != _VERSION.size:
        return None
    _, _, stamp, hint = _VERSION.unpack(row)
    _, _, ctime, inode = _VERSION.unpack(listed)
    if ctime and not stamp:  # of an index that holds no ctimes
        return None
    is_doubted = hint == _DOUBTED
    return Known(stamp, is_doubted or hint != _hint(ctime, inode, stamp), is_doubted)


def with_stamp(listed: bytes, stamp: int) -> bytes:
    """Return the version for the row of a file that was read and has the content of a stamp."""
    size, mtime_ns, ctime, inode = _VERSION.unpack(listed)
    if not (ctime or inode):  # of an index that holds no ctimes
        return listed
    return _VERSION.pack(size, mtime_ns, stamp, _hint(ctime, inode, stamp))


def with_doubt(listed: bytes, stamp: int) -> bytes:
    """Return the version for the row of a file that may have another content under its times."""
    size, mtime_ns, _, _ = _VERSION.unpack(listed)
    return _VERSION.pack(size, mtime_ns, stamp, _DOUBTED)


def with_new_content(listed: bytes, crc32: int, before: Known) -> bytes:
    """Return the version for a file whose content is not that of its row."""
    _, _, ctime, _ = _VERSION.unpack(listed)
    has_moved = before.is_suspected and not before.is_doubted and ctime != before.stamp
    # Beside a made stamp the ctime may be that of an earlier content.
    if has_moved and not (ctime | before.stamp) & _MADE:
        return listed
    return with_stamp(listed, (ctime + (crc32 + 1) * _CRC32_FACTOR) % _MODULUS | _MADE)


def has_made(stamps: array[int]) -> bool:
    """Return whether a stamp is made of a CRC-32: that content came without a time of its own."""
    return greatest(stamps, default=0) >= _MADE


def joined_stamps(stamps: array[int], sources: Iterable[int]) -> array[int]:
    """Return the stamps of some sources, in their order."""
    return as_array("Q", map(stamps.__getitem__, sources))


def _hint(ctime: int, inode: int, stamp: int) -> int:
    return (inode + (ctime - stamp) * _CTIME_FACTOR) % _MODULUS
