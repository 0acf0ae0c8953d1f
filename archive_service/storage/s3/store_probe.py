"""Probes a store's conditions, ranges and checksums with one of its objects."""

from __future__ import annotations

from enum import Enum

from zlib_ng import zlib_ng

from archive_service.archive.errors import SourceChanged, SourceUnreadable
from archive_service.storage.s3.answer_checks import Part
from archive_service.storage.s3.bucket import Bucket

PROBED_BYTES = 16 * 1024 * 1024
"""The largest object that is read as a whole."""
_ENTITY_TAG_OF_NOTHING = "of no object"


class Flaw(Enum):
    """A flaw of a store."""

    CONDITIONS = "ignores If-Match"
    RANGES = "ignores Range"
    CHECKSUMS = "returns a wrong checksum"
    OTHER_TAGS = "returns another entity tag than it lists"


async def flaws_of(objects: Bucket, whole: Part) -> list[Flaw]:
    """Probe a store with an object of at least two bytes; raise DownloadFailed if it fails."""
    try:
        async with objects.opened(whole._replace(start=1, stop=2)) as body:
            is_ranged = len(await body.read(2)) == 1
    except SourceChanged:
        return [Flaw.OTHER_TAGS]
    except SourceUnreadable as error:
        if error.reason != "no ranges":
            raise
        is_ranged = False
    flaws = [] if is_ranged else [Flaw.RANGES]
    if await objects.ignores_if_match(whole._replace(etag=_ENTITY_TAG_OF_NOTHING)):
        flaws.append(Flaw.CONDITIONS)
    if whole.size <= PROBED_BYTES and not await _is_checksum_right(objects, whole):
        flaws.append(Flaw.CHECKSUMS)
    return flaws


async def _is_checksum_right(objects: Bucket, whole: Part) -> bool:
    """Return whether the store's checksum is that of the content, or it has none."""
    listed = await objects.known_crc32(whole)
    if listed is None:
        return True
    content = bytearray(whole.size)  # of at most PROBED_BYTES
    async with objects.opened(whole) as body:
        await body.fill(memoryview(content))
    return zlib_ng.crc32(content) == listed
