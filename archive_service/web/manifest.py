"""The manifest: what a CMS prints beside the link to an archive.

A manifest is printed once for each version of an album, and kept while there is room.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime, timedelta, timezone
from functools import partial
from hashlib import blake2b
from io import BytesIO
from typing import NamedTuple

from archive_service.archive.lru import WeightedLRU
from archive_service.archive.quantity import NS_PER_S
from archive_service.archive.representation import Representation
from archive_service.archive.segments import EntryIndex
from archive_service.transfer.service import ArchiveService
from archive_service.transfer.shared_calls import SharedCalls

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST_S = int((datetime.max.replace(tzinfo=timezone.utc) - _EPOCH).total_seconds())
_EARLIEST_S = int((datetime.min.replace(tzinfo=timezone.utc) - _EPOCH).total_seconds())
_KEPT_BYTES = 32 * 1024 * 1024
"""Bytes of printed manifests that are kept for later requests."""
_WEIGHT_OF_KEY = 200
"""In bytes; a summary is as short as what it is kept by."""
_Value = str | int | list[str] | None
Printer = Callable[[Representation], bytes]


class Manifest(NamedTuple):
    """A printed manifest."""

    body: bytes
    etag: str


class _Order(NamedTuple):
    """A manifest that is to be printed."""

    representation: Representation
    printer: Printer


class Manifests:
    """The manifests that were printed; for calls from one event loop."""

    def __init__(self, service: ArchiveService) -> None:
        self._service = service
        self._kept: WeightedLRU[tuple[bytes, str, Printer], Manifest] = WeightedLRU(_KEPT_BYTES)
        self._printing = SharedCalls(self._begin)

    async def of(self, representation: Representation, printer: Printer) -> Manifest:
        """Return a manifest; the first request has it printed."""
        key = (representation.fingerprint, representation.etag, printer)
        found = self._kept.get(key)
        if found is None:
            found = await self._printing.result(_Order(representation, printer))
            self._kept.put(key, found, weight=len(found.body) + _WEIGHT_OF_KEY)
        return found

    def _begin(self, order: _Order) -> Future[Manifest]:
        # That of a large album has megabytes, and printing takes time, too.
        return self._service.compute(order.representation.archive, partial(_print, order))


def _print(order: _Order) -> Manifest:
    body = order.printer(order.representation)
    return Manifest(body, f'"{blake2b(body, digest_size=16).hexdigest()}"')


def whole_manifest(representation: Representation) -> bytes:
    """Print exact size, count, names, sizes, times, renames as JSON."""
    layout = representation.layout
    files = layout.files()
    # A list of what is printed would take ten times the memory of its text.
    body = BytesIO()
    body.write(_json(_about(representation))[:-1] + b',"files":[')
    separator = b""
    for entry in files:
        body.write(separator + _json(_file(representation, entry)))
        separator = b","
    body.write(b"]}")
    return body.getvalue()


def summary(representation: Representation) -> bytes:
    """Print exact size, count and the newest time of a file as JSON."""
    layout = representation.layout
    files = list(layout.files())
    newest_ns = max((layout.mtimes_ns[entry] for entry in files), default=None)
    newest = None if newest_ns is None else _timestamp(newest_ns // NS_PER_S)
    return _json({**_about(representation), "modified": newest})


def _about(representation: Representation) -> dict[str, _Value]:
    layout = representation.layout
    about: dict[str, _Value] = {
        "size": representation.complete_length,
        "count": layout.file_count,
        "etag": representation.etag,
    }
    if representation.missing:
        about["missing"] = list(representation.missing)
    return about


def _json(value: Mapping[str, _Value]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _file(representation: Representation, entry: EntryIndex) -> dict[str, _Value]:
    layout = representation.layout
    name, original = representation.name(entry), representation.original_name(entry)
    described: dict[str, _Value] = {
        "name": name,
        "size": layout.sizes[entry],
        "modified": _timestamp(layout.mtimes_ns[entry] // NS_PER_S),
    }
    if original != name:
        described["original"] = original
    return described


def _timestamp(seconds: int) -> str:
    """Print a Unix second as RFC 3339 asks, clamped to the years that it knows."""
    moment = _EPOCH + timedelta(seconds=min(max(seconds, _EARLIEST_S), _LATEST_S))
    return moment.replace(tzinfo=None).isoformat() + "Z"
