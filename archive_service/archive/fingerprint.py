"""Digests of listings: whether an album is as it was, without its files being read.

A fingerprint never leaves the service; `archive/entity_tag.py` makes the entity tag.

Apart from the listing, because a hash function loads OpenSSL, which packing without a server needs
for nothing.
"""

from __future__ import annotations

import struct
from hashlib import blake2b

from archive_service.archive.listing import ListDetails, Listing, column_bytes
from archive_service.archive.long_columns import joined

_TIME = struct.Struct("<q")
_SIZE_BYTES = 16


def fingerprint_of(listing: Listing) -> bytes:
    """Return a digest of everything in a listing that shapes an archive, and of uploads.

    Files that are left out of archives, such as thumbnails of a file manager, move the times of
    their directories; where there are some, those times are left out.
    """
    digest = blake2b(digest_size=_SIZE_BYTES)
    for piece in joined(b"\0", listing.paths):
        digest.update(piece)
    for column in (listing.sizes, listing.mtimes_ns, listing.modes):
        digest.update(column_bytes(column))
    digest.update(listing.change_tokens)
    digest.update(_TIME.pack(listing.newest_upload_ns))
    if not listing.has_litter:
        digest.update(_TIME.pack(listing.newest_change_ns))
        digest.update(_TIME.pack(listing.newest_mtime_ns))
    if listing.locations is not listing.paths:
        for piece in joined(b"\0", listing.locations):
            digest.update(piece)
    if listing.listed:
        digest.update(details_digest(listing.listed))
    return digest.digest()


def details_digest(details: ListDetails) -> bytes:
    """Return a digest of all that a list says of its archive."""
    digest = blake2b(digest_size=_SIZE_BYTES)
    for piece in joined(b"\0", details.origins):
        digest.update(piece)
    digest.update(repr((details.missing, details.download_name)).encode())
    for source in sorted(details.texts):
        digest.update(content_digest(details.texts[source]))
    return digest.digest()


def content_digest(text: bytes) -> bytes:
    """Return what stands for the content of a text in validators."""
    return blake2b(text, digest_size=_SIZE_BYTES).digest()
