"""What stands for an album in an index: its id is a password, and is stored as a digest only."""

from __future__ import annotations

from hashlib import blake2b


def album_digest(archive: str) -> bytes:
    """Return 16 bytes that stand for the id of an album, in any index the same."""
    return blake2b(
        archive.encode(errors="surrogateescape"), digest_size=16, person=b"crc index album"
    ).digest()
