"""Which states of an archive a client has begun to download lately.

A program that was cut asks for the rest by a range alone and appends whatever it gets.  The entity
tag that it began with tells whether that would be the rest of the same archive.

Each process records what it has answered in its own region and reads those of all.  A region is a
table with a few places for each download; where they are all taken, the oldest record goes.  So
memory is bounded, and nothing but digests is in it.  A record keeps the last few tags: several
visitors may share an address, and one of them may have begun before the album changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from itertools import chain
from struct import Struct
from typing import Any

from archive_service.web.limits.shared_memory import SharedRecords

KEPT_NS = 3600 * 10**9
"""How long a beginning is remembered."""
TAGS_PER_DOWNLOAD = 4
DOWNLOAD_BYTES = 16
"""Length of what stands for an archive and the client that downloads it."""
_TAG_BYTES = 8
_BUCKETS, _PLACES = 8192, 2
_HEAD = Struct("")
_TAG_FIELDS = f"{_TAG_BYTES}sQ??"
_RECORD = Struct(f"={DOWNLOAD_BYTES}s" + _TAG_FIELDS * TAGS_PER_DOWNLOAD)  # newest first
_NOTHING = (bytes(_TAG_BYTES), 0, False, False)
_Begun = tuple[bytes, int, bool, bool]
"""Digest of the entity tag; when it was begun last, 0 for never; whether that was brief; whether
another beginning with the tag was not."""


def begun_download_records(processes: int) -> SharedRecords:
    """Make the shared memory: 1.5 MB for each process."""
    return SharedRecords(processes, head=_HEAD, record=_RECORD, records=_BUCKETS * _PLACES)


class BegunDownloads:
    """The beginnings of all processes, as one process sees and adds to them.

    All times are of a clock that never goes back, and the same in all processes.
    """

    def __init__(self, regions: SharedRecords, number: int) -> None:
        self._regions = regions
        self._number = number

    def add(self, download: bytes, etag: str, *, now_ns: int) -> None:
        """Record that a download begins with a state of its archive."""
        index, before = self._own_place(download)
        tag = _digest(etag)
        others = [each for each in before if each[0] != tag]
        is_proved = any(each[3] for each in before if each[0] == tag)
        self._write(index, download, [(tag, now_ns, False, is_proved), *others])

    def mark_brief(self, download: bytes, *, begun_ns: int) -> None:
        """Record that little was taken of what was begun then, unless it was begun again since."""
        index, before = self._own_place(download)
        marked = [(*each[:2], each[2] or each[1] == begun_ns, each[3]) for each in before]
        if marked:
            self._write(index, download, marked)

    def mark_proved(self, download: bytes, etag: str) -> None:
        """Record that much was taken of a state: a later look at it takes nothing back."""
        index, before = self._own_place(download)
        tag = _digest(etag)
        marked = [(*each[:3], each[3] or each[0] == tag) for each in before]
        if marked:
            self._write(index, download, marked)

    def has_begun_another(self, download: bytes, etag: str, *, now_ns: int) -> bool | None:
        """Tell whether a download began with another state too; None where nothing is known."""
        tags = [begun[0] for begun in self._lately(download, now_ns)]
        own = _digest(etag)
        return any(tag != own for tag in tags) if tags else None

    def may_go_on(self, download: bytes, etag: str, *, now_ns: int) -> bool:
        """Tell whether a download that has begun another state may go on with this one.

        A brief beginning is no proof: programs that resume ask for the start first, to learn the
        length, and leave.
        """
        own = _digest(etag)
        return any(
            tag == own and (is_proved or not is_brief)
            for tag, _, is_brief, is_proved in self._lately(download, now_ns)
        )

    def _lately(self, download: bytes, now_ns: int) -> list[_Begun]:
        return [
            begun
            for number in self._regions.numbers
            for index in _indexes(download)
            for begun in _beginnings(self._regions.record(number, index), download)
            if begun[1] > now_ns - KEPT_NS
        ]

    def _write(self, index: int, download: bytes, begun: Sequence[_Begun]) -> None:
        kept = [*begun, *[_NOTHING] * TAGS_PER_DOWNLOAD][:TAGS_PER_DOWNLOAD]
        self._regions.set_record(self._number, index, download, *chain.from_iterable(kept))

    def _own_place(self, download: bytes) -> tuple[int, list[_Begun]]:
        """Return where this process records a download, and what it has recorded."""
        records = {index: self._regions.record(self._number, index) for index in _indexes(download)}
        for index, record in records.items():
            if record[0] == download:
                return index, _beginnings(record, download)
        return min(records, key=lambda index: int(records[index][2])), []


def _beginnings(record: tuple[Any, ...], download: bytes) -> list[_Begun]:
    """Return what a record holds of a download, which may be another's."""
    if record[0] != download:
        return []
    fields = iter(record[1:])
    return [begun for begun in zip(*[fields] * len(_NOTHING), strict=True) if begun[1]]


def _digest(etag: str) -> bytes:
    encoded = etag.encode("utf-8", "surrogateescape")
    return blake2b(encoded, digest_size=_TAG_BYTES).digest()


def _indexes(download: bytes) -> range:
    """Return the records that may be a download's; its key is a digest, so any part will do."""
    first = int.from_bytes(download[:4], "little") % _BUCKETS * _PLACES
    return range(first, first + _PLACES)
