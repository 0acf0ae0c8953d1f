"""Digests of listings: whether an album is as it was, without its files being read.

A fingerprint never leaves the service; `archive/entity_tag.py` makes the entity tag.

Apart from the listing, because a hash function loads OpenSSL, which packing without a server needs
for nothing.
"""

from __future__ import annotations

import struct
from hashlib import blake2b

from archive_service.archive.listing import ListDetails, Listing, column_bytes

_TIME = struct.Struct("<q")
_SIZE_BYTES = 16


def fingerprint_of(listing: Listing) -> bytes:
    """Return a digest of everything in a listing that shapes an archive, and of uploads.

    Files that are left out of archives, such as thumbnails of a file manager, move the times of
    their directories; where there are some, those times are left out.
    """
    digest = blake2b(b"\0".join(listing.paths), digest_size=_SIZE_BYTES)
    for column in (listing.sizes, listing.mtimes_ns, listing.modes):
        digest.update(column_bytes(column))
    digest.update(listing.change_tokens)
    digest.update(_TIME.pack(listing.newest_upload_ns))
    if not listing.has_litter:
        digest.update(_TIME.pack(listing.newest_change_ns))
        digest.update(_TIME.pack(listing.newest_mtime_ns))
    if listing.locations is not listing.paths:
        digest.update(b"\0".join(listing.locations))
    if listing.listed:
        digest.update(details_digest(listing.listed))
    return digest.digest()


def details_digest(details: ListDetails) -> bytes:
    """Return a digest of all that a list says of its archive."""
    digest = blake2b(b"\0".join(details.origins), digest_size=_SIZE_BYTES)
    digest.update(repr((details.missing, details.download_name)).encode())
    for source in sorted(details.texts):
        digest.update(content_digest(details.texts[source]))
    return digest.digest()


def content_digest(text: bytes) -> bytes:
    """Return what stands for the content of a text in validators."""
    return blake2b(text, digest_size=_SIZE_BYTES).digest()
