"""The manifest: what a CMS prints beside the link to an archive.

A manifest is printed once for each version of an album.  Its length and entity tag then answer HEAD
and conditional requests.  Its bytes are kept while there is room.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from hashlib import blake2b
from io import BytesIO
from typing import NamedTuple

from archive_service.archive.long_columns import in_pieces
from archive_service.archive.lru import WeightedLRU
from archive_service.archive.representation import Representation
from archive_service.archive.segments import EntryIndex
from archive_service.archive.units import NS_PER_S
from archive_service.http.http_date import moment_of
from archive_service.storage.thread_progress import note_progress
from archive_service.transfer.service import ArchiveService
from archive_service.transfer.shared_calls import SharedCalls

_KEPT_BYTES = 32 * 1024 * 1024
"""Bytes of printed manifests that are kept for later requests."""
_KEPT_HEADS = 10_000
_Value = str | int | list[str] | None
Printer = Callable[[Representation], bytes]


class ManifestHead(NamedTuple):
    """What header fields say of a manifest."""

    complete_length: int
    etag: str


class _Printed(NamedTuple):
    head: ManifestHead
    body: bytes


class _HeadKey(NamedTuple):
    """What a manifest is printed from."""

    fingerprint: bytes
    etag: str
    printer: Printer


class _Order(NamedTuple):
    """A manifest that is to be printed."""

    representation: Representation
    printer: Printer

    @property
    def head_key(self) -> _HeadKey:
        return _HeadKey(self.representation.fingerprint, self.representation.etag, self.printer)


class Manifests:
    """The manifests that were printed; for calls from one event loop."""

    def __init__(self, service: ArchiveService) -> None:
        self._service = service
        self._heads: WeightedLRU[_HeadKey, ManifestHead] = WeightedLRU(_KEPT_HEADS)
        self._bodies: WeightedLRU[str, bytes] = WeightedLRU(_KEPT_BYTES)
        self._printing = SharedCalls(self._begin)

    async def head(self, representation: Representation, printer: Printer) -> ManifestHead:
        """Return length and entity tag of a manifest; the first request has it printed."""
        order = _Order(representation, printer)
        return self._heads.get(order.head_key) or (await self._printed(order)).head

    async def body(self, representation: Representation, printer: Printer) -> bytes:
        """Return a manifest."""
        order = _Order(representation, printer)
        head = self._heads.get(order.head_key)
        return (head and self._bodies.get(head.etag)) or (await self._printed(order)).body

    async def _printed(self, order: _Order) -> _Printed:
        printed = await self._printing.result(order)
        self._heads.put(order.head_key, printed.head, weight=1)
        self._bodies.put(printed.head.etag, printed.body, weight=len(printed.body))
        return printed

    def _begin(self, order: _Order) -> Future[_Printed]:
        # That of a large album has megabytes, and printing takes time, too.
        return self._service.compute(order.representation.archive, partial(_print, order))


def _print(order: _Order) -> _Printed:
    body = order.printer(order.representation)
    etag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
    return _Printed(ManifestHead(len(body), etag), body)


def whole_manifest(representation: Representation) -> bytes:
    """Print exact size, count, names, sizes, times, renames as JSON."""
    layout = representation.layout
    files = layout.files()
    # A list of what is printed would take ten times the memory of its text.
    body = BytesIO()
    body.write(_json(_about(representation))[:-1] + b',"files":[')
    separator = b""
    for piece in in_pieces(files):
        note_progress()
        for entry in piece:
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
    return moment_of(seconds).replace(tzinfo=None).isoformat() + "Z"
