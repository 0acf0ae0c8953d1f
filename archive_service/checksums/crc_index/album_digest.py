"""The key of an album in an index: a digest, because the album's id is a password."""

from __future__ import annotations

from hashlib import blake2b


def album_digest(archive: str) -> bytes:
    """Return the 16-byte digest of an album's id, the same in every index."""
    return blake2b(
        archive.encode(errors="surrogateescape"), digest_size=16, person=b"crc index album"
    ).digest()
