"""Which files the events of the kernel show to be open for writing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archive_service.archive.settling import OPEN_S
from archive_service.storage.local.unclosed_files import MOST_FILES, UnclosedFiles


def status(path: Path, content: bytes = b"x", *, modified_s: float = 0.0) -> os.stat_result:
    path.write_bytes(content)
    os.utime(path, (modified_s, modified_s))
    return path.stat()


def test_written_files_are_known_by_album_name_and_watch(tmp_path: Path) -> None:
    now_s = [1000.0]
    written = UnclosedFiles(lambda: now_s[0], lambda: 0.0)
    file = status(tmp_path / "1.jpg", b"")
    written.note_made(1, "a", "1.jpg")
    written.note_written(2, "a", "1.jpg")
    assert written.is_written("a", "1.jpg", file)
    written.note_closed(2, "a", "1.jpg")
    assert written.is_written("a", "1.jpg", file)
    assert not written.is_written("b", "1.jpg", file)
    written.note_renamed((1, "a", "1.jpg"), (3, "b", "2.jpg"))
    assert not written.is_written("a", "1.jpg", file)
    assert written.is_written("b", "2.jpg", file)
    now_s[0] += OPEN_S + 1
    assert not written.is_written("b", "2.jpg", file)


@pytest.mark.parametrize("modified_s", [-3600.0, 3600.0])
def test_who_sets_a_time_alone_is_no_writer(tmp_path: Path, modified_s: float) -> None:
    """The kernel reports it like a write."""
    now_s = [1000.0]
    written = UnclosedFiles(lambda: now_s[0], lambda: 1000.0)
    path = tmp_path / "1.jpg"
    dated = status(path, modified_s=1000 + modified_s)
    written.note_written(1, "a", "1.jpg")
    assert not written.is_written("a", "1.jpg", dated)
    now_s[0] += OPEN_S - 1
    assert written.is_written("a", "1.jpg", status(path, modified_s=1000))
    written.note_closed(1, "a", "1.jpg")
    written.note_made(1, "a", "1.jpg")
    written.note_written(1, "a", "1.jpg")
    assert written.is_written("a", "1.jpg", dated)  # its maker has not closed it


def test_no_more_written_files_are_kept_than_there_is_room_for(tmp_path: Path) -> None:
    written = UnclosedFiles()
    file = status(tmp_path / "1.jpg", b"")
    for number in range(MOST_FILES + 1):
        written.note_made(1, "a", f"{number}")
    assert not written.is_written("a", "0", file)
    assert written.is_written("a", "1", file)
    assert written.is_written("a", f"{MOST_FILES}", file)
