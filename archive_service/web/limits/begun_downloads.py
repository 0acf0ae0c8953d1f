"""Which states of an archive a client has begun to download lately.

A program that was cut asks for the rest by a range alone and appends whatever it gets.  The entity
tag that it began with tells whether that would be the rest of the same archive.

Each process records what it has answered in its own region and reads those of all.  A region is a
table with a few places for each download; where they are all taken, the oldest record goes.  So
memory is bounded, and nothing but digests is in it.  A record keeps the last few tags: several
visitors may share an address, and one of them may have begun before the album changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from struct import Struct

from archive_service.web.limits.shared_memory import SharedRecords

KEPT_S = 3600
"""How long a beginning is remembered."""
TAGS_PER_DOWNLOAD = 4
DOWNLOAD_BYTES = 16
"""Length of what stands for an archive and the client that downloads it."""
_TAG_BYTES = 8
_BUCKETS, _PLACES = 4096, 4
_HEAD = Struct("")
_RECORD = Struct(f"={DOWNLOAD_BYTES}s" + f"{_TAG_BYTES}sI" * TAGS_PER_DOWNLOAD)  # newest first
_NO_TAG = (bytes(_TAG_BYTES), 0)
_Tag = tuple[bytes, int]
"""Digest of an entity tag, and when a download of it began."""


def begun_download_records(processes: int) -> SharedRecords:
    """Make the shared memory: at most 1 MiB for each process."""
    return SharedRecords(processes, head=_HEAD, record=_RECORD, records=_BUCKETS * _PLACES)


class BegunDownloads:
    """The beginnings of all processes, as one process sees and adds to them.

    All times are of a clock that never goes back, and the same in all processes.
    """

    def __init__(self, regions: SharedRecords, number: int) -> None:
        self._regions = regions
        self._number = number

    def add(self, download: bytes, etag: str, *, now_s: float) -> None:
        """Record that a download begins with a state of its archive."""
        index, tags = self._own_place(download)
        begun = (_digest(etag), int(now_s))
        others = [tag for tag in tags if tag[0] != begun[0]]
        kept = [begun, *others, *[_NO_TAG] * TAGS_PER_DOWNLOAD][:TAGS_PER_DOWNLOAD]
        fields = [field for tag in kept for field in tag]
        self._regions.set_record(self._number, index, download, *fields)

    def began_otherwise(self, download: bytes, etag: str, *, now_s: float) -> bool | None:
        """Tell whether a download began with other states alone; None where nothing is known."""
        begun = {
            tag
            for number in self._regions.numbers
            for _, tags in self._places(download, number)
            for tag, begun_s in tags
            if begun_s and begun_s > now_s - KEPT_S
        }
        return _digest(etag) not in begun if begun else None

    def _own_place(self, download: bytes) -> tuple[int, list[_Tag]]:
        """Return where this process records a download, and the tags that it has recorded."""
        for place in self._places(download, self._number):
            return place
        newest_s = {
            index: self._regions.record(self._number, index)[2] for index in _indexes(download)
        }
        return min(newest_s, key=newest_s.__getitem__), []

    def _places(self, download: bytes, number: int) -> Iterator[tuple[int, list[_Tag]]]:
        """Yield which record of a process is a download's, and the tags in it."""
        for index in _indexes(download):
            key, *fields = self._regions.record(number, index)
            if key == download:
                yield index, list(zip(fields[::2], fields[1::2], strict=True))


def _digest(etag: str) -> bytes:
    encoded = etag.encode("utf-8", "surrogateescape")
    return blake2b(encoded, digest_size=_TAG_BYTES).digest()


def _indexes(download: bytes) -> range:
    """Return the records that may be a download's; its key is a digest, so any part will do."""
    first = int.from_bytes(download[:4], "little") % _BUCKETS * _PLACES
    return range(first, first + _PLACES)
