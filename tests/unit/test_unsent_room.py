"""What the kernel buffers of downloads: little of each slow one, one room for all quick ones."""

from __future__ import annotations

from archive_service.transfer.unsent_room import ROOM_BYTES, UNSENT_BYTES, UnsentRoom

QUICK, SLOW = 4 * 1024 * 1024, 64 * 1024


def test_one_quick_download_has_all_the_room() -> None:
    room = UnsentRoom()
    assert room.limit_bytes("a", piece_bytes=SLOW) == UNSENT_BYTES
    assert room.limit_bytes("b", piece_bytes=QUICK) == ROOM_BYTES


def test_quick_downloads_share_the_room() -> None:
    room = UnsentRoom()
    room.limit_bytes("a", piece_bytes=QUICK)
    assert room.limit_bytes("b", piece_bytes=QUICK) == ROOM_BYTES // 2
    assert room.limit_bytes("a", piece_bytes=QUICK) == ROOM_BYTES // 2


def test_a_download_that_becomes_slow_or_ends_leaves_its_room() -> None:
    room = UnsentRoom()
    for name in "abc":
        room.limit_bytes(name, piece_bytes=QUICK)
    room.limit_bytes("a", piece_bytes=SLOW)
    room.leave("b")
    room.leave("never there")
    assert room.limit_bytes("c", piece_bytes=QUICK) == ROOM_BYTES


def test_no_quick_download_gets_less_than_a_slow_one() -> None:
    room = UnsentRoom()
    limits = [room.limit_bytes(name, piece_bytes=QUICK) for name in range(1000)]
    assert min(limits) == UNSENT_BYTES
