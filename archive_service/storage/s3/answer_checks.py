"""Checks the answers of a store: an object is read only as it was listed.

Some stores ignore `If-Match`, ranges or parameters that they do not know.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from archive_service.archive.errors import (
    ArchiveTooLarge,
    SourceChanged,
    SourceUnreadable,
    StorageUnavailable,
)
from archive_service.archive.listing import MOST_BYTES

_MULTIPART = "-"
"""Marks the entity tags and composite checksums of objects uploaded in parts."""


class Found(NamedTuple):
    """An object in a listing."""

    key: bytes
    size: int
    modified_s: int
    etag: bytes
    """Without quotes, which some stores only send in answers."""
    is_archived: bool = False
    """Whether the object must be restored before it can be read."""


class Part(NamedTuple):
    """The bytes from `start` up to `stop` of an object."""

    key: str
    etag: str
    size: int
    start: int
    stop: int


def entity_tag(text: str) -> str:
    """Strip an entity tag of quotes and weakness, which a store may send inconsistently."""
    return text.strip().removeprefix("W/").strip('"')


def check_listed(found: Sequence[Found]) -> None:
    """Check that listed objects can be packed and identified."""
    if not all(0 <= each.size <= MOST_BYTES for each in found):
        raise ArchiveTooLarge("file too large")
    if not all(each.etag for each in found):
        raise StorageUnavailable("no entity tags")


def check_answer(answer: Mapping[str, Any], part: Part) -> None:
    """Check that the answer has the requested bytes of the object that was listed.

    `If-Match` asked the store to check that, but some stores ignore it.
    """
    check_entity_tag(answer, part)
    is_whole = (part.start, part.stop) == (0, part.size)
    content_range = answer.get("ContentRange")
    if content_range is None:
        if answer.get("ContentLength") != part.size:
            raise SourceChanged("resized")
        if not is_whole:
            raise SourceUnreadable("no ranges")
    elif content_range != f"bytes {part.start}-{part.stop - 1}/{part.size}":
        raise SourceChanged("resized")
    elif answer.get("ContentLength") != part.stop - part.start:
        raise SourceUnreadable("no ranges")


def check_entity_tag(answer: Mapping[str, Any], part: Part) -> None:
    """Check that the answer is about the object that was listed."""
    if entity_tag(answer.get("ETag", "")) != part.etag:
        raise SourceChanged("replaced")


def full_crc32(answer: Mapping[str, Any]) -> int | None:
    """Return the CRC-32 of all bytes; None for a checksum composed of those of parts."""
    encoded = answer.get("ChecksumCRC32")
    kind = answer.get("ChecksumType")
    if not encoded or kind not in (None, "FULL_OBJECT"):
        return None
    if kind is None and _MULTIPART in encoded + answer.get("ETag", ""):  # older stores send no type
        return None
    try:
        value = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None
    return int.from_bytes(value, "big") if len(value) == 4 else None
