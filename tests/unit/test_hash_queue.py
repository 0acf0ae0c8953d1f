"""Hashing threads are shared: large files of one download delay no other download."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from archive_service.archive.id import ArchiveId
from archive_service.checksums.hash_queue import SMALL_BYTES, THREADS_PER_ALBUM, HashQueue

MINE, OTHER = ArchiveId("mine"), ArchiveId("other")
LARGE = SMALL_BYTES + 1
WITHIN_S = 60.0


class Endless:
    """A task that runs until it is stopped."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.taken = 0

    def steps(self) -> Generator[None, None, None]:
        while not self.stopped.wait(0.001):
            self.taken += 1
            yield


def few_steps(seen: list[str], name: str) -> Generator[None, None, None]:
    for _ in range(3):
        yield
    seen.append(name)


@contextmanager
def queue(threads: int) -> Iterator[HashQueue]:
    with ThreadPoolExecutor(threads) as executor:
        yield HashQueue(executor, turn_s=0.01)


@pytest.mark.parametrize("size_bytes", [1, LARGE])
def test_a_task_gets_its_turn_behind_endless_ones(size_bytes: int) -> None:
    endless, seen = [Endless() for _ in range(8)], list[str]()
    with queue(2) as hashing:
        for number, task in enumerate(endless):
            hashing.submit(ArchiveId(f"album{number}"), task.steps(), size_bytes=LARGE)
        try:
            hashing.submit(MINE, few_steps(seen, "mine"), size_bytes=size_bytes).result(WITHIN_S)
        finally:
            for task in endless:
                task.stopped.set()
    assert seen == ["mine"]
    others = sum(task.taken > 0 for task in endless)
    assert size_bytes < LARGE or others >= len(endless) - 1  # the last may be in its first step


def test_small_files_come_first_but_large_ones_are_not_starved() -> None:
    seen = list[str]()
    gate = threading.Event()

    def wait() -> Generator[None, None, None]:
        gate.wait(WITHIN_S)
        yield

    with queue(1) as hashing:
        tasks = [hashing.submit(OTHER, wait(), size_bytes=1)]
        for number in range(2):
            steps = few_steps(seen, f"large {number}")
            tasks.append(hashing.submit(MINE, steps, size_bytes=LARGE))
        for number in range(5):
            steps = few_steps(seen, f"small {number}")
            tasks.append(hashing.submit(MINE, steps, size_bytes=1))
        gate.set()
        for task in tasks:
            task.result(WITHIN_S)
    assert seen[0] == "small 0"
    assert seen.index("large 0") < seen.index("small 4")


def test_an_album_whose_disk_hangs_leaves_threads_to_the_others() -> None:
    gate, seen = threading.Event(), list[str]()

    def hang() -> Generator[None, None, None]:
        gate.wait(WITHIN_S)
        yield

    with queue(2 * THREADS_PER_ALBUM) as hashing:
        hanging = [
            hashing.submit(OTHER, hang(), size_bytes=1) for _ in range(4 * THREADS_PER_ALBUM)
        ]
        try:
            hashing.submit(MINE, few_steps(seen, "mine"), size_bytes=LARGE).result(WITHIN_S)
        finally:
            gate.set()
        for task in hanging:  # all of them have their turn
            task.result(WITHIN_S)
    assert seen == ["mine"]


def test_a_failure_is_the_result() -> None:
    def fail() -> Generator[None, None, None]:
        yield
        raise OverflowError

    with queue(1) as hashing, pytest.raises(OverflowError):
        hashing.submit(MINE, fail(), size_bytes=1).result(WITHIN_S)
