"""The parts of archives: made in the thread that computes for an album, shared by all requests."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import NamedTuple
from weakref import WeakValueDictionary

from archive_service.archive.id import ArchiveId
from archive_service.archive.lru import WeightedLRU
from archive_service.archive.parts import Division, PartNumber, Parts
from archive_service.archive.representation import Representation
from archive_service.http.content_disposition import NO_ENDING, Ending
from archive_service.storage.thread_progress import note_progress
from archive_service.transfer.service import ArchiveService
from archive_service.transfer.shared_calls import SharedCalls
from archive_service.web.pages.page_messages import ARCHIVE

_KEPT_FIGURES = 100_000
_WEIGHT_OF_KEY = 10
"""What a kept answer weighs by itself, in figures of a part: few parts take memory, too."""


class PartFigures(NamedTuple):
    """Size, number of files and entity tag of a part."""

    size_bytes: int
    files: int
    etag: str


Figures = tuple[PartFigures, ...]


class _PartsKey(NamedTuple):
    """What parts are made from."""

    archive: ArchiveId
    fingerprint: bytes
    etag: str
    wanted: PartNumber | Division


class _Cut(NamedTuple):
    """A part that is to be made."""

    whole: Representation
    part: PartNumber


class _Count(NamedTuple):
    """Parts whose figures are to be counted."""

    whole: Representation
    division: Division


class ArchiveParts:
    """Gives out parts; for calls from one event loop."""

    def __init__(self, service: ArchiveService) -> None:
        self._service = service
        self._in_use: WeakValueDictionary[_PartsKey, Representation] = WeakValueDictionary()
        self._figures: WeightedLRU[_PartsKey, Figures] = WeightedLRU(_KEPT_FIGURES)
        self._cutting = SharedCalls(self._begin_cut)
        self._counting = SharedCalls(self._begin_count)

    async def part(self, whole: Representation, part: PartNumber) -> Representation:
        """Describe a part of an archive; raise AlbumEmpty, or PartNotFound for one of too many."""
        version = _version(whole, part)
        found = self._in_use.get(version) or await self._cutting.result(_Cut(whole, part))
        self._in_use[version] = found
        return found

    async def figures(self, whole: Representation, division: Division) -> Figures:
        """Return size, number of files and entity tag of all parts; none of an empty archive.

        Raise PartNotFound for too many.
        """
        version = _version(whole, division)
        found = self._figures.get(version)
        if found is None:
            found = await self._counting.result(_Count(whole, division))
            self._figures.put(version, found, weight=len(found) + _WEIGHT_OF_KEY)
        return found

    def _begin_cut(self, cut: _Cut) -> Future[Representation]:
        return self._service.compute(cut.whole.archive, lambda: Parts(cut.whole).part(cut.part))

    def _begin_count(self, count: _Count) -> Future[Figures]:
        return self._service.compute(count.whole.archive, partial(_counted, count))


def _version(whole: Representation, wanted: PartNumber | Division) -> _PartsKey:
    return _PartsKey(whole.archive, whole.fingerprint, whole.etag, wanted)


def _counted(count: _Count) -> Figures:
    if not count.whole.layout.holds_files():
        return ()
    parts = Parts(count.whole).divided(count.division)
    return tuple(map(_figures, parts))


def _figures(part: Representation) -> PartFigures:
    note_progress()
    return PartFigures(part.complete_length, part.layout.file_count, part.etag)


def ending_of(part: PartNumber | None, language: str) -> Ending:
    """Return what a part's file name ends with, in a visitor's language."""
    if part is None or part.of == 1:
        return NO_ENDING
    text, plain = (
        ARCHIVE[each].part_ending.format(number=part.number, of=part.of)
        for each in (language, "en")
    )
    return Ending(text, plain)
