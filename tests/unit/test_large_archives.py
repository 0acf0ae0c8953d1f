"""A large archive is looked at again in two threads, and no change goes unseen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, settle
from harness.conditions import eventually

from archive_service.archive.fingerprint import fingerprint_of
from archive_service.archive.id import ArchiveId
from archive_service.storage.concurrency import HALVED_FILES
from archive_service.storage.excluded_names import DEFAULT_PATTERNS, Exclusion
from archive_service.storage.local.native import AS_COMPILED, NOTHING_COMPILED
from archive_service.storage.local.storage import LocalStorage
from archive_service.storage.wanted_tree import WantedTree

ARCHIVE = ArchiveId(HASH)
DIRECTORIES = "abcd"


@pytest.fixture(params=[AS_COMPILED, NOTHING_COMPILED], ids=["compiled", "in Python"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStorage]:
    storage = LocalStorage(tmp_path, Exclusion(DEFAULT_PATTERNS), request.param)
    yield storage
    storage.close()


def fill(directory: Path) -> None:
    for name in DIRECTORIES:
        make_album(directory, {f"{n}.jpg": b"1" for n in range(HALVED_FILES // 4)}, name)
    settle(directory)


def require_quick_disk(storage: LocalStorage) -> None:
    if not storage.is_at_hand(ARCHIVE):
        pytest.skip("the file system is none of those that answer at once")


def test_a_change_in_either_half_of_an_album_is_seen(tmp_path: Path, storage: LocalStorage) -> None:
    fill(tmp_path / HASH)
    storage.list(ARCHIVE)
    require_quick_disk(storage)
    for changed in (DIRECTORIES[0], DIRECTORIES[-1]):
        settle(tmp_path)
        eventually(lambda: storage.list(ARCHIVE) is storage.list(ARCHIVE))
        before = fingerprint_of(storage.list(ARCHIVE))
        (tmp_path / HASH / changed / "1.jpg").write_bytes(b"22")
        assert fingerprint_of(storage.list(ARCHIVE)) != before


def test_a_change_in_either_half_of_a_list_is_seen(tmp_path: Path, storage: LocalStorage) -> None:
    fill(tmp_path)
    wanted = {ArchiveId(name): WantedTree.of([b""]) for name in DIRECTORIES}

    def is_kept() -> bool:
        selected = storage.select(ARCHIVE, wanted), storage.select(ARCHIVE, wanted)
        return all(map(lambda one, other: one is other, *selected))

    def fingerprints() -> list[bytes]:
        return [fingerprint_of(each) for each in storage.select(ARCHIVE, wanted) if each]

    storage.select(ARCHIVE, wanted)
    require_quick_disk(storage)
    for changed in (DIRECTORIES[0], DIRECTORIES[-1]):
        settle(tmp_path)
        eventually(is_kept)
        before = fingerprints()
        (tmp_path / changed / "1.jpg").write_bytes(b"22")
        pairs = zip(DIRECTORIES, before, fingerprints(), strict=True)
        assert [name for name, then, now in pairs if then != now] == [changed]
