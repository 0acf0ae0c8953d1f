"""The objects of one bucket: lists them in pages, and reads only what was listed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from archive_service.archive.errors import (
    DownloadFailed,
    SourceChanged,
    SourceUnreadable,
    StorageUnavailable,
)
from archive_service.archive.lru import WeightedLRU
from archive_service.storage.s3.answer_checks import (
    Found,
    Part,
    check_answer,
    check_entity_tag,
    check_listed,
    entity_tag,
    full_crc32,
)
from archive_service.storage.s3.body import Body
from archive_service.storage.s3.client import Clients
from archive_service.storage.s3.listing_bounds import ListingBounds
from archive_service.storage.s3.store_errors import (
    ARCHIVED,
    MALFORMED,
    STORE_ERRORS,
    failed_read,
    reason_of,
)
from archive_service.storage.thread_progress import note_page, note_progress
from archive_service.storage.time_limits import ended_within

_ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")
"""Storage classes whose objects can't be read; those of GLACIER_IR can."""
_NOTED_ARCHIVED, _LOOK_AGAIN_S = 10_000, 600.0
"""How many archived objects are remembered, and for how long: one may be restored."""


class Page(NamedTuple):
    """One page of a listing."""

    objects: list[Found]
    prefixes: list[bytes]
    """The common prefixes, each up to the next slash."""

    @property
    def keys(self) -> int:
        """The number of objects and prefixes."""
        return len(self.objects) + len(self.prefixes)

    @property
    def first(self) -> bytes | None:
        """The first key or prefix; None if there is none."""
        if self.objects:
            return self.objects[0].key
        return self.prefixes[0] if self.prefixes else None


class Bucket:
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
        bounds = ListingBounds(time.monotonic())
        while True:
            answer = await self._listed(asked)
            if any(map(_may_be_archived, answer.get("Contents", ()))):
                # A request of its own, because some stores reject parameters they don't know.
                restore_status = {"OptionalObjectAttributes": ["RestoreStatus"]}
                answer = await self._listed({**asked, **restore_status})
            note_progress()
            page = self._page(answer)
            yield page
            if not answer.get("IsTruncated"):
                return
            bounds.check(page.keys, page.first, now_s=time.monotonic())
            note_page()
            token = answer.get("NextContinuationToken")
            if not token or token == asked.get("ContinuationToken"):
                # The store says that there are more objects, but not how to list them.
                raise StorageUnavailable("incomplete listing")
            asked["ContinuationToken"] = token

    @asynccontextmanager
    async def opened(self, part: Part) -> AsyncIterator[Body]:
        """Request a part of the object that was listed; yield the body."""
        of_part = {"Range": f"bytes={part.start}-{part.stop - 1}"}
        answer = await self._read("get_object", part, **({} if part.is_whole else of_part))
        body = answer["Body"]
        try:
            check_answer(answer, part)
            yield Body(body, patience_s=self._clients.patience_s)
        except STORE_ERRORS as error:
            raise self._failed(error) from None
        finally:
            body.close()

    async def ignores_if_match(self, part: Part) -> bool:
        """Return whether the store sends an object despite a false entity tag in If-Match."""
        try:
            answer = await self._read("get_object", part, Range="bytes=0-0")
        except SourceChanged:
            return False
        answer["Body"].close()
        return True

    async def known_crc32(self, part: Part) -> int | None:
        """Return the store's CRC-32 of a whole object; None if it has none."""
        answer = await self._read("head_object", part, ChecksumMode="ENABLED")
        check_entity_tag(answer, part)
        if answer.get("ContentLength") != part.size:
            raise SourceChanged("resized")
        return full_crc32(answer)

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

    async def _read(self, operation: str, part: Part, **more: str) -> Mapping[str, Any]:
        asked = {"Bucket": self._bucket, "Key": part.key, "IfMatch": f'"{part.etag}"', **more}
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
        check_listed(found)
        return Page(found, prefixes)

    def _found(self, row: Mapping[str, Any], key: bytes, etag: str) -> Found:
        found_out_s = self._found_archived.get((key.decode(errors="replace"), etag))
        is_known = found_out_s is not None and time.monotonic() - found_out_s < _LOOK_AGAIN_S
        is_archived = is_known or (_may_be_archived(row) and not _is_restored(row))
        modified_s = int(row["LastModified"].timestamp())
        return Found(key, row["Size"], modified_s, etag.encode(), is_archived)


def _decoded(key: str) -> bytes:
    """Decode a URL-encoded key; as in forms, a plus may stand for a space."""
    return unquote_to_bytes(key.replace("+", " "))


def _may_be_archived(row: Mapping[str, Any]) -> bool:
    return row.get("StorageClass") in _ARCHIVED


def _is_restored(row: Mapping[str, Any]) -> bool:
    """Return whether an archived object has a readable, temporary copy."""
    status = row.get("RestoreStatus", {})
    return not status.get("IsRestoreInProgress", True)
