"""The states of an archive that a client has recently begun to download.

A program whose download was cut asks for a bare range and appends what it gets.  The entity tag
that it began with shows whether the range belongs to the same archive.

Each process writes its own region of shared memory and reads all regions.  A region is a table with
a few places for each download; when they are full, the oldest record is evicted.  So memory is
bounded; it holds only digests.  A record keeps the last few tags: several visitors may share an
address, and one of them may have begun before the album changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from struct import Struct
from typing import Any

from archive_service.web.limits.shared_memory import SharedRecords

KEPT_NS = 3600 * 10**9
"""How long a beginning is remembered."""
TAGS_PER_DOWNLOAD = 4
DOWNLOAD_BYTES = 16
"""Length of the digest of an archive and its client."""
_TAG_BYTES = 8
_BUCKETS, _PLACES = 2048, 8
"""With two places a bucket, one in thirty of 4,096 records was evicted while most of the table was
free."""
_TAG_FIELDS = f"{_TAG_BYTES}sQH"
_MOST_COUNTED = 0xFFFF
_RECORD = Struct(f"={DOWNLOAD_BYTES}s" + _TAG_FIELDS * TAGS_PER_DOWNLOAD)  # newest first
_NOTHING = (bytes(_TAG_BYTES), 0, 0)
_Begun = tuple[bytes, int, int]
"""Digest of the entity tag; the time of the last beginning, 0 for none; how many beginnings were
not brief, or are under way."""


def begun_download_records(processes: int) -> SharedRecords:
    """Allocate the shared memory: 1.5 MB for each process."""
    return SharedRecords(processes, record=_RECORD, records=_BUCKETS * _PLACES)


class BegunDownloads:
    """The beginnings of all processes; one process reads all and adds its own.

    All times are of a monotonic clock that the processes share.
    """

    def __init__(self, shared: SharedRecords, number: int) -> None:
        self._shared = shared
        self._number = number

    def add(self, download: bytes, etag: str, *, now_ns: int) -> None:
        """Record that a download begins with a state of its archive."""
        index, before = self._own_place(download)
        tag = _digest(etag)
        others = [each for each in before if each[0] != tag]
        count = sum(each[2] for each in before if each[0] == tag)
        self._write(index, download, [(tag, now_ns, min(count + 1, _MOST_COUNTED)), *others])

    def mark_brief(self, download: bytes, etag: str) -> None:
        """Record that a beginning with a state was brief."""
        index, before = self._own_place(download)
        tag = _digest(etag)
        marked = [(*each[:2], max(each[2] - (each[0] == tag), 0)) for each in before]
        if marked:
            self._write(index, download, marked)

    def has_begun_another(self, download: bytes, etag: str, *, now_ns: int) -> bool | None:
        """Return whether a download also began with another state; None if none is recorded."""
        tags = [begun[0] for begun in self._lately(download, now_ns)]
        own = _digest(etag)
        return any(tag != own for tag in tags) if tags else None

    def may_resume(self, download: bytes, etag: str, *, now_ns: int) -> bool:
        """Return whether a download that has begun another state may continue this one.

        A brief beginning does not count: some programs ask for the start before they resume, to
        learn the length.
        """
        own = _digest(etag)
        return any(tag == own and count for tag, _, count in self._lately(download, now_ns))

    def _lately(self, download: bytes, now_ns: int) -> list[_Begun]:
        return [
            begun
            for number in self._shared.numbers
            for index in self._shared.find(download, number, _indexes(download))
            for begun in _beginnings(self._shared.record(number, index))
            if begun[1] > now_ns - KEPT_NS
        ]

    def _write(self, index: int, download: bytes, begun: Sequence[_Begun]) -> None:
        kept = [*begun, *[_NOTHING] * TAGS_PER_DOWNLOAD][:TAGS_PER_DOWNLOAD]
        self._shared.set_record(self._number, index, download, *chain.from_iterable(kept))

    def _own_place(self, download: bytes) -> tuple[int, list[_Begun]]:
        """Return the index of this process's record of a download, and its beginnings."""
        for index in self._shared.find(download, self._number, _indexes(download)):
            return index, _beginnings(self._shared.record(self._number, index))
        began_ns = {i: int(self._shared.record(self._number, i)[2]) for i in _indexes(download)}
        return min(began_ns, key=began_ns.__getitem__), []


def _beginnings(record: tuple[Any, ...]) -> list[_Begun]:
    """Return the beginnings of a record."""
    fields = iter(record[1:])
    return [begun for begun in zip(*[fields] * len(_NOTHING), strict=True) if begun[1]]


@lru_cache(maxsize=1024)  # each album repeats its tag
def _digest(etag: str) -> bytes:
    encoded = etag.encode("utf-8", "surrogateescape")
    return blake2b(encoded, digest_size=_TAG_BYTES).digest()


def _indexes(download: bytes) -> range:
    """Return the indexes of a download's bucket; the key is a digest, any bytes will do."""
    first = int.from_bytes(download[:4], "little") % _BUCKETS * _PLACES
    return range(first, first + _PLACES)
