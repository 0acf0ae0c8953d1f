"""The strict check itself: it has to notice whatever is not as it should be."""

from __future__ import annotations

import struct
import zipfile
from io import BytesIO

import pytest
from harness.archives import Archives
from harness.zipcheck import Violation, check

CENTRAL_SIGNATURE = b"PK\1\2"
PERMISSIONS_OFFSET, PERMISSIONS_BITS = 40, 9  # of the external attributes' upper half


def damaged(archive: bytes, offset: int, bit: int) -> bytes:
    changed = bytearray(archive)
    changed[offset] ^= 1 << bit
    return bytes(changed)


def is_permission(archive: bytes, offset: int, bit: int) -> bool:
    """Return whether a bit is one that the format leaves to the album."""
    start = archive.rfind(CENTRAL_SIGNATURE, 0, offset + 1)
    return start >= 0 and 0 <= 8 * (offset - start - PERMISSIONS_OFFSET) + bit < PERMISSIONS_BITS


def test_every_flipped_bit_is_noticed(archives: Archives) -> None:
    archive = archives.downloaded("empty things").read_bytes()
    check(archive)
    unnoticed = []
    for offset in range(len(archive)):
        for bit in range(8):
            try:
                check(damaged(archive, offset, bit))
            except (Violation, struct.error, UnicodeDecodeError):
                continue
            unnoticed.append((offset, bit))
    assert [place for place in unnoticed if not is_permission(archive, *place)] == []


@pytest.mark.parametrize("cut", [0, 1, 22, 100])
def test_missing_and_added_bytes_are_noticed(cut: int, archives: Archives) -> None:
    archive = archives.downloaded("plain").read_bytes()
    with pytest.raises((Violation, struct.error)):
        check(archive[: cut - len(archive)] + archive[cut + 1 :])
    with pytest.raises((Violation, struct.error)):
        check(archive[:cut] + b"\0" + archive[cut:])
    with pytest.raises((Violation, struct.error)):
        check(archive + bytes(cut + 1))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives_of_other_writers_are_not_of_this_format(method: int) -> None:
    """They have no UTC timestamps, other versions, and bit 3 where the output is a pipe."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a.txt", b"a" * 100)
    with pytest.raises(Violation):
        check(buffer.getvalue())
