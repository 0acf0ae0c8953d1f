"""The objects of one bucket: lists them in pages, and reads only what was listed."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from archive_service.archive.errors import (
    ArchiveTooLarge,
    DownloadFailed,
    SourceChanged,
    SourceUnreadable,
    StorageUnavailable,
)
from archive_service.archive.listing import MOST_BYTES
from archive_service.archive.lru import WeightedLRU
from archive_service.storage.deadline import ended_within
from archive_service.storage.progress import note_progress
from archive_service.storage.s3.body import Body
from archive_service.storage.s3.client import Clients
from archive_service.storage.s3.store_errors import (
    ARCHIVED,
    MALFORMED,
    STORE_ERRORS,
    failed_read,
    reason_of,
)

_ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")
"""Storage classes whose objects can't be read; those of GLACIER_IR can."""
_NOTED_ARCHIVED, _LOOK_AGAIN_S = 10_000, 600.0
"""How many archived objects are remembered, and for how long: one may be restored."""
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


class Page(NamedTuple):
    """One page of a listing."""

    objects: list[Found]
    prefixes: list[bytes]
    """The common prefixes, each up to the next slash."""


class Part(NamedTuple):
    """The bytes from `start` up to `stop` of an object."""

    key: str
    etag: str
    size: int
    start: int
    stop: int


class Objects:
    """The objects of a bucket; for one event loop.

    Listing raises StorageUnavailable; reading raises DownloadFailed.
    """

    def __init__(self, clients: Clients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket
        # A store may archive rarely read objects by itself; only a read then shows it.
        self._found_archived: WeightedLRU[tuple[str, str], float] = WeightedLRU(_NOTED_ARCHIVED)

    async def pages(self, prefix: str, **more: object) -> AsyncIterator[Page]:
        """Yield the objects whose keys begin with a prefix; `more` are parameters."""
        asked = {"Bucket": self._bucket, "Prefix": prefix, **more}
        # With an explicit EncodingType botocore does not decode the keys.  So keys may hold invalid
        # UTF-8, and control characters, which XML forbids.
        asked["EncodingType"] = "url"
        while True:
            answer = await self._listed(asked)
            if any(map(_may_be_archived, answer.get("Contents", ()))):
                # A request of its own, because some stores reject parameters they don't know.
                restore_status = {"OptionalObjectAttributes": ["RestoreStatus"]}
                answer = await self._listed({**asked, **restore_status})
            note_progress()
            yield self._page(answer)
            if not answer.get("IsTruncated"):
                return
            token = answer.get("NextContinuationToken")
            if not token or token == asked.get("ContinuationToken"):
                # There are more objects, which nothing leads to.
                raise StorageUnavailable("incomplete listing")
            asked["ContinuationToken"] = token

    @asynccontextmanager
    async def opened(self, part: Part) -> AsyncIterator[Body]:
        """Request a part of the object that was listed; yield the body."""
        asked = {"Bucket": self._bucket, "Key": part.key, "IfMatch": f'"{part.etag}"'}
        if (part.start, part.stop) != (0, part.size):
            asked["Range"] = f"bytes={part.start}-{part.stop - 1}"
        answer = await self._read("get_object", asked, part)
        body = answer["Body"]
        try:
            _check(answer, part)
            yield Body(body, patience_s=self._clients.patience_s)
        except STORE_ERRORS as error:
            raise self._failed(error) from None
        finally:
            body.close()

    async def is_answered(self, part: Part) -> bool:
        """Return whether the store sends an object despite a false entity tag in If-Match."""
        asked = {"Bucket": self._bucket, "Key": part.key, "IfMatch": f'"{part.etag}"'}
        try:
            answer = await self._read("get_object", {**asked, "Range": "bytes=0-0"}, part)
        except SourceChanged:
            return False
        answer["Body"].close()
        return True

    async def known_crc32(self, part: Part) -> int | None:
        """Return the store's CRC-32 of a whole object; None if it has none."""
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
        request: Awaitable[Mapping[str, Any]] = client.list_objects_v2(**asked)
        try:
            # The client's time-outs begin anew with each piece of an answer.
            return await ended_within(self._clients.patience_s, request)
        except STORE_ERRORS as error:
            reason = reason_of(error)
            self._clients.failed(reason)
            raise StorageUnavailable(reason) from None
        except MALFORMED as error:
            raise StorageUnavailable(reason_of(error)) from None

    async def _read(
        self, operation: str, asked: Mapping[str, object], part: Part
    ) -> Mapping[str, Any]:
        try:
            # Not in a task of its own: it would come back later, and a body whose connection has
            # ended meanwhile loses what had come of it.
            client = await self._clients.client()
            answer: Mapping[str, Any] = await getattr(client, operation)(**asked)
        except StorageUnavailable as error:
            raise SourceUnreadable(error.reason) from None
        except MALFORMED as error:
            raise failed_read(error) from None
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
        try:
            found = [
                self._found(row, decoded(row["Key"]), entity_tag(row.get("ETag", "")))
                for row in answer.get("Contents", ())
            ]
            prefixes = [decoded(row["Prefix"]) for row in answer.get("CommonPrefixes", ())]
        except MALFORMED as error:  # a row without a key, say
            raise StorageUnavailable(reason_of(error)) from None
        _check_listed(found)
        return Page(found, prefixes)

    def _found(self, row: Mapping[str, Any], key: bytes, etag: str) -> Found:
        found_out_s = self._found_archived.get((key.decode(errors="replace"), etag))
        is_known = found_out_s is not None and time.monotonic() - found_out_s < _LOOK_AGAIN_S
        is_archived = is_known or (_may_be_archived(row) and not _is_restored(row))
        modified_s = int(row["LastModified"].timestamp())
        return Found(key, row["Size"], modified_s, etag.encode(), is_archived)


def _check_listed(found: Sequence[Found]) -> None:
    if not all(0 <= each.size <= MOST_BYTES for each in found):
        raise ArchiveTooLarge("file too large")
    if not all(each.etag for each in found):
        raise StorageUnavailable("no entity tags")


def _decoded(key: str) -> bytes:
    """Decode a URL-encoded key; as in forms, a plus may stand for a space."""
    return unquote_to_bytes(key.replace("+", " "))


def entity_tag(text: str) -> str:
    """Strip an entity tag of quotes and weakness, which a store may send inconsistently."""
    return text.strip().removeprefix("W/").strip('"')


def _may_be_archived(row: Mapping[str, Any]) -> bool:
    return row.get("StorageClass") in _ARCHIVED


def _is_restored(row: Mapping[str, Any]) -> bool:
    """Return whether an archived object has a readable, temporary copy."""
    status = row.get("RestoreStatus", {})
    return not status.get("IsRestoreInProgress", True)


def _check(answer: Mapping[str, Any], part: Part) -> None:
    """Check that the answer has the requested bytes of the object that was listed.

    `If-Match` asked the store to check that, but some stores ignore it.
    """
    _check_entity_tag(answer, part)
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


def _check_entity_tag(answer: Mapping[str, Any], part: Part) -> None:
    if entity_tag(answer.get("ETag", "")) != part.etag:
        raise SourceChanged("replaced")


def _full_crc32(answer: Mapping[str, Any]) -> int | None:
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
