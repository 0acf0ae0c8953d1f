"""Whether file data is in memory, and getting it there."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.albums import noise
from harness.conditions import eventually
from harness.pagecache import evict

from archive_service.storage.local.page_cache import is_cached, read_in

SIZE = 4 * 1024 * 1024 + 1000
HALF = 2 * 1024 * 1024


@pytest.fixture(autouse=True, params=["counted", "sampled"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The two ways to the same answers: with a kernel that counts pages, and an older one."""
    if request.param == "sampled":
        monkeypatch.setattr("archive_service.storage.local.page_cache._SYSTEM_CALL", None)
    return str(request.param)


@pytest.fixture
def cold(tmp_path: Path) -> Iterator[int]:
    """A descriptor of a file of SIZE bytes, none of them in memory."""
    path = tmp_path / "file"
    path.write_bytes(noise(SIZE))
    evict(path)
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_what_was_read_in_is_cached(cold: int) -> None:
    assert not is_cached(cold, 0, SIZE)
    read_in(cold, 0, SIZE)
    assert is_cached(cold, 0, SIZE)


def test_a_part_that_is_not_cached_is_noticed(cold: int) -> None:
    read_in(cold, 0, SIZE)

    def drop_second_half() -> bool:  # what another processor has just handled may stay
        os.posix_fadvise(cold, HALF, HALF, os.POSIX_FADV_DONTNEED)
        return not is_cached(cold, HALF, 1)

    assert eventually(drop_second_half)
    assert is_cached(cold, 0, HALF)
    assert not is_cached(cold, 0, SIZE)
    assert not is_cached(cold, 1000, SIZE - 1000)


@pytest.mark.skipif(
    tuple(map(int, re.findall(r"\d+", platform.release())[:2])) < (6, 5),
    reason="the kernel does not count cached pages",
)
def test_one_page_that_the_system_has_dropped_is_noticed(cold: int, way: str) -> None:
    if way != "counted":
        pytest.skip("no sample finds it")
    page = os.sysconf("SC_PAGE_SIZE")
    os.posix_fadvise(cold, 0, 0, os.POSIX_FADV_RANDOM)  # each page by itself, or it stays

    def read_half() -> bool:  # the system may have dropped another page meanwhile
        for offset in range(0, HALF, page):
            os.pread(cold, page, offset)
        return is_cached(cold, 0, HALF)

    assert eventually(read_half)
    os.posix_fadvise(cold, 5 * page, page, os.POSIX_FADV_DONTNEED)
    assert not is_cached(cold, 0, HALF)
    assert is_cached(cold, 6 * page, HALF - 6 * page)


@pytest.mark.parametrize(
    ("offset", "count"), [(0, 1), (SIZE - 1, 1), (HALF - 1, 2), (0, 256 * 1024)]
)
def test_no_more_than_the_span_is_asked_for(cold: int, offset: int, count: int) -> None:
    assert not is_cached(cold, offset, count)
    read_in(cold, offset, count)
    assert is_cached(cold, offset, count)


def test_a_hole_is_read_in_like_data(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("w+b") as file:
        file.truncate(SIZE)
        read_in(file.fileno(), 0, SIZE)
        assert is_cached(file.fileno(), 0, SIZE)


def test_a_file_that_is_shorter_than_the_span_is_no_reason_to_wait(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"short")
    with (tmp_path / "short").open("rb") as file:
        read_in(file.fileno(), 0, SIZE)
        assert is_cached(file.fileno(), 0, SIZE)
        assert is_cached(file.fileno(), SIZE, SIZE)
    (tmp_path / "short").write_bytes(b"")
    with (tmp_path / "short").open("rb") as file:
        assert is_cached(file.fileno(), 0, SIZE)


def test_reading_in_leaves_the_files_position(cold: int) -> None:
    read_in(cold, 0, SIZE)
    assert is_cached(cold, 0, SIZE)
    assert os.lseek(cold, 0, os.SEEK_CUR) == 0


def test_what_can_not_be_read_is_told_when_it_is_read_in(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(IsADirectoryError):
            read_in(descriptor, 0, SIZE)
    finally:
        os.close(descriptor)
