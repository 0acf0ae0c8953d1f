"""Objects of one bucket: listed a page at a time, and read only as they were listed."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from archive_service.archive.errors import (
    DownloadFailed,
    SourceChanged,
    SourceUnreadable,
    StorageUnavailable,
)
from archive_service.archive.listing import MOST_BYTES
from archive_service.archive.lru import WeightedLRU
from archive_service.storage.s3.client import Clients
from archive_service.storage.s3.store_errors import ARCHIVED, STORE_ERRORS, failed_read, reason_of

_ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")
"""Storage classes whose objects can't be read; those of GLACIER_IR can."""
_NOTED_ARCHIVED, _LOOK_AGAIN_S = 10_000, 600.0
"""Objects remembered that turned out to be archived, and for how long: one may be restored."""
_MULTIPART = "-"
"""Stands in the entity tags and composite checksums of objects that were uploaded in parts."""
Body = Any
"""aiobotocore's, of which `read` is used."""


class Found(NamedTuple):
    """An object as a listing has it."""

    key: bytes
    size: int
    modified_s: int
    etag: bytes
    """Without quotes: some stores list it so, and answer with quotes."""
    is_archived: bool = False
    """Whether its bytes have to be restored before they can be read."""


class Page(NamedTuple):
    """A part of a listing."""

    objects: list[Found]
    prefixes: list[bytes]
    """What stands for all keys that begin with it, up to the next slash."""


class Part(NamedTuple):
    """The bytes from `start` up to `stop` of an object."""

    key: str
    etag: str
    size: int
    start: int
    stop: int


class Objects:
    """The objects of a bucket; for one event loop.

    What is asked of the store raises StorageUnavailable for a listing, and DownloadFailed for a
    read.
    """

    def __init__(self, clients: Clients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket
        # A store may archive by itself what is seldom read, and tell so only when it is read.
        self._found_archived: WeightedLRU[tuple[str, str], float] = WeightedLRU(_NOTED_ARCHIVED)

    async def pages(self, prefix: str, **more: object) -> AsyncIterator[Page]:
        """Yield the objects whose keys begin with a prefix; `more` is asked of each page."""
        asked = {"Bucket": self._bucket, "Prefix": prefix, **more}
        # Asked for by name so that botocore leaves the keys alone: bytes that are no UTF-8 and
        # control characters come through, of which XML can't have the latter.
        asked["EncodingType"] = "url"
        while True:
            answer = await self._listed(asked)
            if any(map(_may_be_archived, answer.get("Contents", ()))):
                # Asked for apart: there are stores that refuse what they don't know.
                more_told = {"OptionalObjectAttributes": ["RestoreStatus"]}
                answer = await self._listed({**asked, **more_told})
            yield self._page(answer)
            token = answer.get("NextContinuationToken")
            if not answer.get("IsTruncated") or not token:
                return
            asked["ContinuationToken"] = token

    @asynccontextmanager
    async def opened(self, part: Part) -> AsyncIterator[Body]:
        """Ask for a part, of the very object that was listed, and give access to its bytes."""
        asked = {"Bucket": self._bucket, "Key": part.key, "IfMatch": f'"{part.etag}"'}
        if (part.start, part.stop) != (0, part.size):
            asked["Range"] = f"bytes={part.start}-{part.stop - 1}"
        answer = await self._read("get_object", asked, part)
        body = answer["Body"]
        try:
            _check(answer, part)
            yield body
        except STORE_ERRORS as error:
            raise self._failed(error) from None
        finally:
            body.close()

    async def is_answered(self, part: Part) -> bool:
        """Tell whether the store gives out an object under another entity tag than its own."""
        asked = {"Bucket": self._bucket, "Key": part.key, "IfMatch": f'"{part.etag}"'}
        try:
            answer = await self._read("get_object", {**asked, "Range": "bytes=0-0"}, part)
        except SourceChanged:
            return False
        answer["Body"].close()
        return True

    async def known_crc32(self, part: Part) -> int | None:
        """Return the CRC-32 of a whole object that the store holds."""
        answer = await self._read(
            "head_object",
            {
                "Bucket": self._bucket,
                "Key": part.key,
                "IfMatch": f'"{part.etag}"',
                "ChecksumMode": "ENABLED",
            },
            part,
        )
        _check_entity_tag(answer, part)
        if answer.get("ContentLength") != part.size:
            raise SourceChanged("resized")
        return _full_crc32(answer)

    async def _listed(self, asked: Mapping[str, object]) -> Mapping[str, Any]:
        client = await self._clients.client()
        try:
            answer: Mapping[str, Any] = await client.list_objects_v2(**asked)
        except STORE_ERRORS as error:
            reason = reason_of(error)
            self._clients.failed(reason)
            raise StorageUnavailable(reason) from None
        return answer

    async def _read(
        self, operation: str, asked: Mapping[str, object], part: Part
    ) -> Mapping[str, Any]:
        try:
            client = await self._clients.client()
            answer: Mapping[str, Any] = await getattr(client, operation)(**asked)
        except StorageUnavailable as error:
            raise SourceUnreadable(error.reason) from None
        except STORE_ERRORS as error:
            failure = self._failed(error)
            if failure.reason == ARCHIVED:
                self._found_archived.put((part.key, part.etag), time.monotonic(), weight=1)
            raise failure from None
        return answer

    def _failed(self, error: Exception) -> DownloadFailed:
        failure = failed_read(error)
        self._clients.failed(failure.reason)
        return failure

    def _page(self, answer: Mapping[str, Any]) -> Page:
        decoded = _decoded if answer.get("EncodingType") == "url" else str.encode
        found = [
            self._found(row, decoded(row["Key"]), entity_tag(row.get("ETag", "")))
            for row in answer.get("Contents", ())
        ]
        _check_listed(found)
        prefixes = [decoded(row["Prefix"]) for row in answer.get("CommonPrefixes", ())]
        return Page(found, prefixes)

    def _found(self, row: Mapping[str, Any], key: bytes, etag: str) -> Found:
        found_out_s = self._found_archived.get((key.decode(errors="replace"), etag))
        is_known = found_out_s is not None and time.monotonic() - found_out_s < _LOOK_AGAIN_S
        is_archived = is_known or (_may_be_archived(row) and not _is_restored(row))
        modified_s = int(row["LastModified"].timestamp())
        return Found(key, row["Size"], modified_s, etag.encode(), is_archived)


def _check_listed(found: Sequence[Found]) -> None:
    if not all(0 <= each.size <= MOST_BYTES for each in found):
        raise StorageUnavailable("file too large")
    if not all(each.etag for each in found):
        raise StorageUnavailable("no entity tags")


def _decoded(key: str) -> bytes:
    """Undo what a store does to a key, as forms do it: a space may have become a plus."""
    return unquote_to_bytes(key.replace("+", " "))


def entity_tag(text: str) -> str:
    """Return an entity tag without quotes and weakness, which not all answers of a store have."""
    return text.strip().removeprefix("W/").strip('"')


def _may_be_archived(row: Mapping[str, Any]) -> bool:
    return row.get("StorageClass") in _ARCHIVED


def _is_restored(row: Mapping[str, Any]) -> bool:
    """Tell whether a copy of an archived object can be read, for some days."""
    status = row.get("RestoreStatus", {})
    return not status.get("IsRestoreInProgress", True)


def _check(answer: Mapping[str, Any], part: Part) -> None:
    """Look whether the bytes that will come are those that were asked for.

    The store was asked to look itself, by `If-Match`; some don't.
    """
    _check_entity_tag(answer, part)
    is_whole = (part.start, part.stop) == (0, part.size)
    told = answer.get("ContentRange")
    if told is None:
        if answer.get("ContentLength") != part.size:
            raise SourceChanged("resized")
        if not is_whole:
            raise SourceUnreadable("no ranges")
    elif told != f"bytes {part.start}-{part.stop - 1}/{part.size}":
        raise SourceChanged("resized")
    elif answer.get("ContentLength") != part.stop - part.start:
        raise SourceUnreadable("no ranges")


def _check_entity_tag(answer: Mapping[str, Any], part: Part) -> None:
    if entity_tag(answer.get("ETag", "")) != part.etag:
        raise SourceChanged("replaced")


def _full_crc32(answer: Mapping[str, Any]) -> int | None:
    """Return a CRC-32 that is one of all bytes, not one made of those of parts."""
    told = answer.get("ChecksumCRC32")
    kind = answer.get("ChecksumType")
    if not told or kind not in (None, "FULL_OBJECT"):
        return None
    if kind is None and _MULTIPART in told + answer.get("ETag", ""):  # older stores tell no type
        return None
    try:
        value = base64.b64decode(told, validate=True)
    except binascii.Error:
        return None
    return int.from_bytes(value, "big") if len(value) == 4 else None
