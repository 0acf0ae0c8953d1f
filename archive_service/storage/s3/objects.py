"""Objects of one bucket: listed a page at a time, and read only as they were listed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Mapping
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
from archive_service.storage.s3.client import Clients
from archive_service.storage.s3.store_errors import STORE_ERRORS, failed_read, reason_of

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

    async def pages(self, prefix: str, **more: object) -> AsyncIterator[Page]:
        """Yield the objects whose keys begin with a prefix; `more` is asked of each page."""
        asked = {"Bucket": self._bucket, "Prefix": prefix, **more}
        # Asked for by name so that botocore leaves the keys alone: bytes that are no UTF-8 and
        # control characters come through, of which XML can't have the latter.
        asked["EncodingType"] = "url"
        while True:
            answer = await self._listed(asked)
            yield _page(answer)
            token = answer.get("NextContinuationToken")
            if not answer.get("IsTruncated") or not token:
                return
            asked["ContinuationToken"] = token

    @asynccontextmanager
    async def opened(self, part: Part) -> AsyncIterator[Body]:
        """Ask for a part, of the very object that was listed, and give access to its bytes."""
        asked = {"Bucket": self._bucket, "Key": part.key, "IfMatch": part.etag}
        if (part.start, part.stop) != (0, part.size):
            asked["Range"] = f"bytes={part.start}-{part.stop - 1}"
        answer = await self._read("get_object", asked)
        body = answer["Body"]
        try:
            _check(answer, part)
            yield body
        except STORE_ERRORS as error:
            raise self._failed(error) from None
        finally:
            body.close()

    async def known_crc32(self, part: Part) -> int | None:
        """Return the CRC-32 of a whole object that the store holds."""
        answer = await self._read(
            "head_object",
            {
                "Bucket": self._bucket,
                "Key": part.key,
                "IfMatch": part.etag,
                "ChecksumMode": "ENABLED",
            },
        )
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

    async def _read(self, operation: str, asked: Mapping[str, object]) -> Mapping[str, Any]:
        try:
            client = await self._clients.client()
            answer: Mapping[str, Any] = await getattr(client, operation)(**asked)
        except StorageUnavailable as error:
            raise SourceUnreadable(error.reason) from None
        except STORE_ERRORS as error:
            raise self._failed(error) from None
        return answer

    def _failed(self, error: Exception) -> DownloadFailed:
        failure = failed_read(error)
        self._clients.failed(failure.reason)
        return failure


def _page(answer: Mapping[str, Any]) -> Page:
    decoded = _decoded if answer.get("EncodingType") == "url" else str.encode
    found = [
        Found(
            decoded(row["Key"]),
            row["Size"],
            int(row["LastModified"].timestamp()),
            row["ETag"].encode(),
        )
        for row in answer.get("Contents", ())
    ]
    if not all(0 <= each.size <= MOST_BYTES for each in found):
        raise StorageUnavailable("file too large")
    prefixes = [decoded(row["Prefix"]) for row in answer.get("CommonPrefixes", ())]
    return Page(found, prefixes)


def _decoded(key: str) -> bytes:
    """Undo what a store does to a key, as forms do it: a space may have become a plus."""
    return unquote_to_bytes(key.replace("+", " "))


def _check(answer: Mapping[str, Any], part: Part) -> None:
    """Look whether the bytes that will come are those that were asked for."""
    is_whole = (part.start, part.stop) == (0, part.size)
    told = answer.get("ContentRange")
    if told is None:
        if answer.get("ContentLength") != part.size:
            raise SourceChanged("resized")
        if not is_whole:
            raise SourceUnreadable("no ranges")
    elif told != f"bytes {part.start}-{part.stop - 1}/{part.size}":
        raise SourceChanged("resized")


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
