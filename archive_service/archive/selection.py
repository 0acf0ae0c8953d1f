"""A choice of an archive's entries as a short text: the parameter `select` of a link.

Theory of operation.  Thousands of names fit no request line, but entries have numbers, in the order
of their names.  The text is base64url, without padding, of

    format, 1 byte │ digest of the archive's names, 8 bytes │ numbers, deflated (RFC 1951)

A number is written as its distance from the one before, minus one, in LEB128.  So neighbours are
zeros, and 1,000 random files of 10,000 take some 900 characters.

The digest binds the numbers to the names they stand for.  A file that was added, removed or renamed
makes the text outdated; a replaced file does not, as with `file=`: it changes the entity tag.
"""

from __future__ import annotations

import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise

from archive_service.archive.errors import BadQuery, FileNotInAlbum, SelectionOutdated
from archive_service.archive.representation import Representation, excerpt

_FORMAT = b"\x01"
_DIGEST_BYTES = 8
_HEAD_BYTES = len(_FORMAT) + _DIGEST_BYTES
_TEXT = re.compile(r"[A-Za-z0-9_-]+")
_RAW_DEFLATE = -zlib.MAX_WBITS
_MORE, _DIGIT_BITS = 0x80, 7
"""LEB128: the bit that says that another byte follows, and the bits of a digit."""
_MOST_BITS = 35
"""Of a distance: no album has 2³⁵ entries, and long numbers would take long to read."""


def selection_of(part: Representation, whole: Representation) -> str:
    """Return the text for the entries of a part of an archive.

    Raise SelectionOutdated where the two were described of different states of the album, and
    FileNotInAlbum where the part has more than the whole.
    """
    if part.fingerprint != whole.fingerprint:
        raise SelectionOutdated
    numbers = {source: number for number, source in enumerate(whole.layout.sources)}
    if not numbers.keys() >= set(part.layout.sources):
        raise FileNotInAlbum
    return encoded((numbers[source] for source in part.layout.sources), whole.layout.names)


def narrowed(whole: Representation, selection: str) -> Representation:
    """Return the part of an archive that a text stands for; raise BadQuery or SelectionOutdated."""
    return excerpt(whole, decoded(selection, whole.layout.names))


def encoded(entries: Iterable[int], names: Sequence[bytes]) -> str:
    """Print the numbers of entries of an archive whose entries have the names given."""
    distances = (after - before - 1 for before, after in pairwise((-1, *sorted(entries))))
    numbers = _deflated(b"".join(map(_leb128, distances)))
    return urlsafe_b64encode(_FORMAT + _digest(names) + numbers).rstrip(b"=").decode()


def decoded(text: str, names: Sequence[bytes]) -> list[int]:
    """Read numbers in ascending order; raise BadQuery or SelectionOutdated."""
    if not _TEXT.fullmatch(text) or len(text) % 4 == 1:
        raise BadQuery("select")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if not data.startswith(_FORMAT) or len(data) <= _HEAD_BYTES:
        raise BadQuery("select")
    if data[len(_FORMAT) : _HEAD_BYTES] != _digest(names):
        raise SelectionOutdated
    entries = list(_numbers(_inflated(data[_HEAD_BYTES:], most_bytes=len(names))))
    if not entries or entries[-1] >= len(names):
        raise BadQuery("select")
    return entries


def _digest(names: Sequence[bytes]) -> bytes:
    return blake2b(b"\0".join((b"%d" % len(names), *names)), digest_size=_DIGEST_BYTES).digest()


def _leb128(number: int) -> bytes:
    digits = bytearray()
    while number >= _MORE:
        digits.append(number % _MORE | _MORE)
        number >>= _DIGIT_BITS
    digits.append(number)
    return bytes(digits)


# Rows of zeros are shortest by matches, scattered numbers without.
def _deflated(data: bytes) -> bytes:
    tried = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY):
        deflater = zlib.compressobj(9, wbits=_RAW_DEFLATE, strategy=strategy)
        tried.append(deflater.compress(data) + deflater.flush())
    return min(tried, key=len)


# A distance takes at most as many bytes as the entries it spans, so all of them have at most as
# many bytes as the archive has entries.  Longer data is not inflated.
def _inflated(data: bytes, *, most_bytes: int) -> bytes:
    inflater = zlib.decompressobj(_RAW_DEFLATE)
    try:
        found = inflater.decompress(data, most_bytes + 1)
    except zlib.error:
        raise BadQuery("select") from None
    if not inflater.eof or inflater.unused_data or len(found) > most_bytes:
        raise BadQuery("select")
    return found


def _numbers(data: bytes) -> Iterator[int]:
    number, distance, shift = -1, 0, 0
    for byte in data:
        distance |= (byte % _MORE) << shift
        shift += _DIGIT_BITS
        if shift > _MOST_BITS:
            raise BadQuery("select")
        if byte < _MORE:
            number += distance + 1
            yield number
            distance, shift = 0, 0
    if shift:
        raise BadQuery("select")
