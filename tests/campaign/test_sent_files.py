"""What the soak takes for a reason to cut a download."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from campaign import changes
from campaign.album import Album
from campaign.hand import Hand
from campaign.layout import spans_of
from campaign.sent_files import SentFiles

ONE, OTHER = "1.jpg", "2.jpg"
Change = Callable[[Hand, Album], None]


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    (tmp_path / "others").mkdir()
    return Hand(Random(1), tmp_path / "others")


@pytest.fixture
def album(tmp_path: Path, hand: Hand) -> Album:
    album = Album(tmp_path / "album", is_there=True)
    album.path.mkdir()
    for name in (ONE, OTHER):
        hand.write(album, name, hand.data(1000))
    return album


class Download:
    """A download of a range of an album."""

    def __init__(self, album: Album, start: int = 0, stop: int | None = None) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, data in album.contents.items():
                archive.writestr(name, data)
        self.archive = packed.getvalue()
        self._album = album
        length = len(self.archive)
        self._files = SentFiles(self.archive, start, stop or length, album.states())

    def may_end(self, place: str) -> bool:
        """Return whether it may end at the end of a file, or behind the first byte after it."""
        now = self._album.states()
        self._files.look(now, {state.inode: state for state in now.values()})
        name, _, behind = place.partition(" ")
        return self._files.may_end_at(spans_of(self.archive)[0][name].stop + bool(behind))


def replace_one(hand: Hand, album: Album) -> None:
    new = album.path / ".new"
    new.write_bytes(hand.data(1000))
    new.rename(album.path / ONE)
    album.contents[ONE] = (album.path / ONE).read_bytes()


def remove_one(hand: Hand, album: Album) -> None:
    hand.unlink(album, ONE)


def rewrite_one(hand: Hand, album: Album) -> None:
    album.contents[ONE] = hand.data(1000)
    (album.path / ONE).write_bytes(album.contents[ONE])


def move_one_and_rewrite_it(_: Hand, album: Album) -> None:
    (album.path / ONE).rename(album.path / "3.jpg")
    (album.path / "3.jpg").write_bytes(b"other")
    album.contents = {OTHER: album.contents[OTHER], "3.jpg": b"other"}


def date_one(_: Hand, album: Album) -> None:
    os.utime(album.path / ONE, (0, 0))


@pytest.mark.parametrize(
    ("change", "behind"),
    [
        (remove_one, False),
        (replace_one, False),
        (rewrite_one, True),
        (move_one_and_rewrite_it, True),
        (date_one, True),
    ],
)
def test_what_befalls_a_file_is_a_reason_until_it_is_passed_or_as_long_as_it_is_written_to(
    hand: Hand, album: Album, change: Change, behind: bool
) -> None:
    download = Download(album)
    change(hand, album)
    assert download.may_end(ONE)
    assert download.may_end(f"{ONE} behind") is behind


@pytest.mark.parametrize("change", [changes.add, changes.add_twin, *changes.OF_NO_BYTE])
def test_what_befalls_no_file_of_the_archive_is_no_reason(
    hand: Hand, album: Album, change: Change
) -> None:
    download = Download(album)
    change(hand, album)
    assert not download.may_end(ONE)


def test_a_copy_is_a_reason_unless_the_server_has_read_the_original(
    hand: Hand, album: Album
) -> None:
    album.note_read([ONE])
    download = Download(album)
    changes.copy_over(hand, album)
    assert download.may_end(OTHER)
    assert not download.may_end(f"{OTHER} behind")
    album.note_read([OTHER])
    read = Download(album)
    changes.copy_over(hand, album)
    assert not read.may_end(ONE)


def test_a_file_outside_of_the_range_is_a_reason_where_the_directory_needs_its_checksum(
    hand: Hand, album: Album
) -> None:
    spans, directory_at = spans_of(Download(album).archive)
    start = spans[OTHER].start
    without_directory = Download(album, start, directory_at)
    with_directory = Download(album, start)
    remove_one(hand, album)
    assert not without_directory.may_end(OTHER)
    assert with_directory.may_end(OTHER)
