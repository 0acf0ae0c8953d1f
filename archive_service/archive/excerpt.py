"""Some entries of an archive as an archive of their own."""

from __future__ import annotations

from collections.abc import Sequence

from archive_service.archive.layout import lay_out
from archive_service.archive.representation import Representation, represent_part


class Excerpts:
    """Makes archives of the entries of one, under the names that they have in it."""

    def __init__(self, whole: Representation) -> None:
        self._whole = whole
        layout = whole.layout
        self._names = [b""] * len(layout.listing)
        for source, name in zip(layout.sources, layout.names, strict=True):
            self._names[source] = name

    def of(self, entries: Sequence[int]) -> Representation:
        """Return the archive of some entries; `entries` are their numbers in the whole."""
        whole = self._whole
        sources = map(whole.layout.sources.__getitem__, entries)
        layout = lay_out(whole.layout.listing, self._names, sources, zone=whole.options.zone)
        return represent_part(whole, layout)
