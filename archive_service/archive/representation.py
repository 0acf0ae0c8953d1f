"""An archive as a visitor may have it at one moment: its layout and its validators.

The validators are the entity tag (`etag`) and the time of the newest change (Last-Modified).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Protocol

from archive_service.archive.entity_tag import content_versions, make_entity_tag
from archive_service.archive.file_version import has_made
from archive_service.archive.id import ArchiveId
from archive_service.archive.layout import ArchiveLayout, lay_out
from archive_service.archive.listing import Listing
from archive_service.archive.naming import NameRules, original_name
from archive_service.archive.segments import EntryIndex
from archive_service.archive.units import NS_PER_S

_CLOCK_LAG_NS = 50_000_000
"""The kernel stamps changes with a coarse clock, which may lag this far behind."""
CHANGED_WITHIN_S = 2
"""How far `changed_s` of a change made now may lie after the current Unix second.

The second of the change must be over; near its end, with the lag, the next one too."""
_ALL_REPLICAS_WITHIN_S = 3600
"""All replicas get new settings within this time, their clocks' differences included."""


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """The configuration that shapes an archive's bytes or its validators."""

    names: NameRules
    zone: tzinfo
    """The time zone of the DOS times."""
    change_token: bool = True
    """Whether the store's change token takes part in the validators."""
    config_epoch_s: int | None = None
    """The Unix second since which these options have been in force; None if unknown."""


class Contents(Protocol):
    """What the index knows of an album's files, as far as validators need it."""

    @property
    def stamps(self) -> array[int] | None:
        """The stamps of all sources, see `file_version`; None for objects."""

    def date_of(self, etag: str) -> int | None:
        """Return the date that the album with an entity tag had before, Unix seconds."""


class _WeaklyReferable:
    """Gives weak references to a class with slots."""

    __slots__ = ("__weakref__",)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Representation(_WeaklyReferable):
    """An archive at one moment: its layout and validators, without its bytes."""

    archive: ArchiveId
    layout: ArchiveLayout
    fingerprint: bytes
    """The fingerprint of the layout's listing."""
    options: ArchiveOptions
    contents: Contents
    etag: str
    """Strong, with its quotes (RFC 9110 section 8.8.3)."""
    changed_s: int | None
    """The Unix second that begins after the newest change: Last-Modified, once it has begun.

    None if a change may leave every timestamp as it was, as a removal from an object store does:
    two archives would share a date."""

    @property
    def complete_length(self) -> int:
        """The bytes of the archive (RFC 9110 section 14.4)."""
        return len(self.layout)

    @property
    def date_is_strong(self) -> bool:
        """Whether `changed_s` identifies one archive: programs can set mtimes back, not ctimes.

        New settings change the bytes and no timestamps.  So the settings must have been in force
        before that change, on this replica and on the one that a client began with.
        """
        since_s = self.options.config_epoch_s
        return (
            self.options.change_token
            and since_s is not None
            and self.changed_s is not None
            and since_s + _ALL_REPLICAS_WITHIN_S < self.changed_s
        )

    @property
    def download_name(self) -> str | None:
        """The file name that a list gives its archive."""
        listed = self.layout.listing.listed
        return listed.download_name if listed else None

    @property
    def missing(self) -> Sequence[str]:
        """The names of files that a list names and that are missing."""
        listed = self.layout.listing.listed
        return listed.missing if listed else ()

    def name(self, entry: EntryIndex) -> str:
        """Return an entry's name in the archive."""
        return self.layout.names[entry].decode()

    def original_name(self, entry: EntryIndex) -> str:
        """Return an entry's name before it was made portable."""
        path = self.layout.listing.paths[self.layout.sources[entry]]
        return original_name(path, self.options.names)


def represent(
    archive: ArchiveId,
    layout: ArchiveLayout,
    fingerprint: bytes,
    options: ArchiveOptions,
    contents: Contents,
) -> Representation:
    """Add the validators to a layout of a whole album, given the fingerprint of its listing."""
    etag = _entity_tag(layout, options, contents)
    changed_s = _changed_s(layout.listing, options)
    if contents.stamps is not None and has_made(contents.stamps):
        changed_s = None
    if changed_s is not None:
        # Excluded files and a chown move timestamps, but change no byte: these keep their date.
        changed_s = contents.date_of(etag) or changed_s
    return Representation(archive, layout, fingerprint, options, contents, etag, changed_s)


def _entity_tag(layout: ArchiveLayout, options: ArchiveOptions, contents: Contents) -> str:
    versions = content_versions(layout, contents.stamps) if options.change_token else b""
    return make_entity_tag(layout, versions)


def _changed_s(listing: Listing, options: ArchiveOptions) -> int | None:
    if listing.is_of_objects:
        return None
    # The second must be over: two changes within it would have the same date (RFC 9110 section
    # 8.8.2.2).
    newest_ns = listing.newest_change_ns if options.change_token else listing.newest_mtime_ns
    if newest_ns <= 0:  # a file system without a ctime: the date would not move with a change
        return None
    # It depends only on the album, so all replicas return the same.
    return (newest_ns + _CLOCK_LAG_NS) // NS_PER_S + 1


def excerpt(whole: Representation, entries: Iterable[int]) -> Representation:
    """Return the archive of some entries of a whole one, under the names that they have in it.

    `entries` are their numbers in the whole.
    """
    sources, options = whole.layout.sources, whole.options
    names = {sources[entry]: whole.layout.names[entry] for entry in entries}
    layout = lay_out(whole.layout.listing, names, names, zone=options.zone)
    return replace(whole, layout=layout, etag=_entity_tag(layout, options, whole.contents))
