"""The strict check itself: it has to notice whatever is not as it should be."""

from __future__ import annotations

import struct
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from harness.archives import Archives
from harness.zipcheck import CENTRAL, Violation, check

CENTRAL_SIGNATURE = b"PK\1\2"
PERMISSIONS_OFFSET = 40  # of the central header's upper half of the external attributes
ANY_PERMISSIONS = 0o777 & ~0o600 & ~0o111


def damaged(archive: bytes, offset: int, bit: int) -> bytes:
    changed = bytearray(archive)
    changed[offset] ^= 1 << bit
    return bytes(changed)


def is_free(archive: bytes, offset: int, bit: int) -> bool:
    """Tell whether a bit is one that an archive may have either way: a permission."""
    start = archive.rfind(CENTRAL_SIGNATURE, 0, offset + 1)
    if start < 0 or not 0 <= (place := offset - start - PERMISSIONS_OFFSET) < 2:
        return False
    is_directory = archive[start + CENTRAL.size : offset + 300].startswith(b"empty dir/")
    free = ANY_PERMISSIONS | (0o111 if is_directory else 0)
    return bool(free >> 8 * place & 1 << bit)


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
    assert [place for place in unnoticed if not is_free(archive, *place)] == []


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
