"""Makes the entity tag of an archive (RFC 9110 section 8.8.3)."""

from __future__ import annotations

from array import array
from hashlib import blake2b

from archive_service.archive.entry_columns import is_all_in_order
from archive_service.archive.file_version import joined_stamps
from archive_service.archive.fingerprint import content_digest
from archive_service.archive.layout import ArchiveLayout
from archive_service.archive.listing import column_bytes
from archive_service.archive.long_columns import joined

FORMAT_VERSION = 2
"""Grows with each change of the bytes that a listing becomes; part of the entity tag."""


def make_entity_tag(layout: ArchiveLayout, versions: bytes) -> str:
    """Digest what the headers hold, and the versions of the contents (RFC 9110 section 8.8.1).

    The digest holds the DOS times, not the name of the time zone: the data behind a name differs
    between machines and versions.  The tag is strong, and has its quotes.
    """
    digest = blake2b(f"{FORMAT_VERSION} {layout.entries}".encode(), digest_size=16)
    digest.update(b"\0")
    for piece in joined(b"\0", layout.names):
        digest.update(piece)
    digest.update(b"\0" if layout.names else b"")
    digest.update(column_bytes(layout.header_offsets))  # where each name ends: one may have a NUL
    digest.update(column_bytes(layout.sizes))
    digest.update(column_bytes(layout.dos_times))
    digest.update(column_bytes(layout.mtimes_ns))
    digest.update(column_bytes(layout.modes))
    digest.update(versions)
    listed = layout.listing.listed
    if listed and listed.texts:
        for source in filter(layout.listing.is_text, layout.sources):
            digest.update(content_digest(listed.texts[source]))
    return f'"{digest.hexdigest()}"'


def content_versions(layout: ArchiveLayout, stamps: array[int] | None) -> bytes:
    """Return what stands for the contents of a layout's files: stamps, or change tokens.

    `stamps` are those of all sources, see `file_version`; None for objects.
    """
    listing, sources = layout.listing, layout.sources
    is_as_listed = is_all_in_order(sources, listing)
    if stamps is None:
        tokens = listing.change_tokens
        return tokens if is_as_listed else b"".join(map(listing.change_token, sources))
    return column_bytes(stamps if is_as_listed else joined_stamps(stamps, sources))
