"""How requests for descriptions share the work."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from array import array
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest
from harness.albums import HASH, LONG_AGO_S, make_album, settle
from harness.in_process import service_over

from archive_service.archive.errors import (
    ArchiveNotFound,
    FileNotInAlbum,
    ListingTimedOut,
    StorageUnavailable,
)
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import CHANGE_TOKEN_SIZE, Listing, SourceIndex
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.local.filesystem_type import is_prompt
from archive_service.storage.local.storage import LocalStorage
from archive_service.storage.thread_progress import note_page, note_progress
from archive_service.transfer.descriptions import KEPT_FILES, LatestValue
from archive_service.transfer.service import ArchiveService, WaitPolicy
from archive_service.web.failures import failure_of

ALBUM = ArchiveId(HASH)


class GatedStorage(LocalStorage):
    """Lists albums when the gate is open, and counts."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, Exclusion(()))
        self.gate = threading.Event()
        self.held = threading.Event()
        self.lists = 0

    def list(self, archive: ArchiveId) -> Listing:
        self.lists += 1
        self.held.set()
        self.gate.wait(30)
        return super().list(archive)


def test_a_crowd_that_waits_for_one_album_is_told_by_few_walks(photos_dir: Path) -> None:
    make_album(photos_dir, {"a": b"a"})
    storage = GatedStorage(photos_dir)

    async def crowd(service: ArchiveService) -> set[str]:
        waiting = [asyncio.ensure_future(service.represent(ALBUM)) for _ in range(100)]
        await asyncio.sleep(0)
        storage.gate.set()
        return {representation.etag for representation in await asyncio.gather(*waiting)}

    with service_over(storage) as service:
        assert len(asyncio.run(crowd(service))) == 1
    assert storage.lists <= 2


class WhereListed(LocalStorage):
    """Notes the threads in which albums are listed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, Exclusion(()))
        self.threads: list[int] = []

    def list(self, archive: ArchiveId) -> Listing:
        self.threads.append(threading.get_ident())
        return super().list(archive)


@pytest.mark.parametrize(("files", "is_in_place"), [(3, True), (65, False)])
def test_a_known_little_album_at_hand_is_listed_in_place(
    photos_dir: Path, files: int, *, is_in_place: bool
) -> None:
    settle(make_album(photos_dir, {f"{number}.jpg": b"x" for number in range(files)}))
    descriptor = os.open(photos_dir, os.O_RDONLY)
    is_local = is_prompt(descriptor)
    os.close(descriptor)
    storage = WhereListed(photos_dir)

    async def ask(service: ArchiveService) -> set[str]:
        return {(await service.represent(ALBUM)).etag for _ in range(20)}

    with service_over(storage) as service:
        assert len(asyncio.run(ask(service))) == 1
    assert storage.threads[0] != threading.get_ident()
    # A machine that is busy may take longer than a moment from one to the next, but not each time.
    assert (threading.get_ident() in storage.threads) == (is_in_place and is_local)


def test_an_album_that_vanishes_is_not_found_in_place(photos_dir: Path) -> None:
    album = settle(make_album(photos_dir, {"a.jpg": b"a"}))
    make_album(photos_dir, {"a.jpg": b"a"}, name="other")

    async def ask(service: ArchiveService) -> None:
        await service.represent(ALBUM)
        album.rename(photos_dir.parent / "gone")
        with pytest.raises(ArchiveNotFound):
            await service.represent(ALBUM)

    with service_over(WhereListed(photos_dir)) as service:
        asyncio.run(ask(service))


def test_many_parts_of_one_album_are_told_by_few_walks(photos_dir: Path) -> None:
    make_album(photos_dir, {f"{number}.jpg": b"x" for number in range(60)})
    storage = GatedStorage(photos_dir)

    async def crowd(service: ArchiveService) -> set[int]:
        parts = [(f"{number}.jpg",) for number in range(60)]
        waiting = [asyncio.ensure_future(service.represent(ALBUM, part)) for part in parts]
        await asyncio.sleep(0)
        storage.gate.set()
        return {part.layout.entries for part in await asyncio.gather(*waiting)}

    with service_over(storage) as service:
        assert asyncio.run(crowd(service)) == {1}
    assert storage.lists <= 2


def test_what_nobody_waits_for_any_more_is_not_begun(
    photos_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_album(photos_dir, {"a": b"a"})
    storage = GatedStorage(photos_dir)

    async def leave(service: ArchiveService) -> None:
        first = asyncio.ensure_future(service.represent(ALBUM, ["missing"]))
        await asyncio.to_thread(storage.held.wait)
        crowd = [asyncio.ensure_future(service.represent(ALBUM, [f"x{n}"])) for n in range(60)]
        await asyncio.sleep(0)
        for task in (first, *crowd):
            task.cancel()
        await asyncio.gather(first, *crowd, return_exceptions=True)
        storage.gate.set()
        await service.represent(ALBUM)

    with service_over(storage) as service:
        asyncio.run(leave(service))
    gc.collect()
    assert storage.lists == 2
    assert not caplog.records


def test_a_failure_that_nobody_waits_for_is_no_error(
    photos_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = GatedStorage(photos_dir)  # there is no such album

    async def leave(service: ArchiveService) -> None:
        asking = asyncio.ensure_future(service.represent(ALBUM))
        await asyncio.to_thread(storage.held.wait)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        storage.gate.set()
        with pytest.raises(ArchiveNotFound):
            await service.represent(ALBUM)

    with service_over(storage) as service:
        asyncio.run(leave(service))
    gc.collect()
    assert not caplog.records


def test_a_listing_is_waited_for_no_longer_than_its_time(photos_dir: Path) -> None:
    make_album(photos_dir, {"a": b"a"})
    storage = GatedStorage(photos_dir)

    async def ask(service: ArchiveService) -> int:
        for _ in range(2):
            with pytest.raises(ListingTimedOut):
                await service.represent(ALBUM)
        storage.gate.set()
        return (await service.represent(ALBUM)).layout.entries

    with service_over(storage, WaitPolicy(listing_timeout_s=0.1)) as service:
        assert asyncio.run(ask(service)) == 1


class EndlessStore(LocalStorage):
    """Leads from page to page of a listing until the gate is open."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, Exclusion(()))
        self.gate = threading.Event()

    def list(self, archive: ArchiveId) -> Listing:
        while not self.gate.wait(0.01):
            note_progress()
            note_page()
        return super().list(archive)


def test_a_listing_that_goes_on_for_too_long_is_no_slow_disk(photos_dir: Path) -> None:
    make_album(photos_dir, {"a": b"a"})
    storage = EndlessStore(photos_dir)

    async def ask(service: ArchiveService) -> int:
        try:
            with pytest.raises(StorageUnavailable) as caught:
                await service.represent(ALBUM)
        finally:
            storage.gate.set()
        assert caught.value.reason == "long listing"
        assert failure_of(caught.value).key == "unavailable"
        return (await service.represent(ALBUM)).layout.entries

    with service_over(storage, WaitPolicy(listing_timeout_s=0.5)) as service:
        assert asyncio.run(ask(service)) == 1


class HugeAlbum(LocalStorage):
    """Lists an album that is too large to be kept longer than a download uses it."""

    files = KEPT_FILES + 1

    def list(self, archive: ArchiveId) -> Listing:
        paths = [b"0", *(b"1/%d.jpg" % number for number in range(self.files))]
        ones = [1] * len(paths)
        changed_ns = LONG_AGO_S * 10**9
        tokens = bytes(CHANGE_TOKEN_SIZE * len(paths))
        sizes, mtimes_ns, modes = array("Q", ones), array("q", ones), array("H", ones)
        return Listing(paths, paths, sizes, mtimes_ns, modes, tokens, changed_ns, changed_ns)


@pytest.mark.parametrize("files", [(), ("1/",)], ids=["whole", "part"])
def test_connections_share_the_layout_of_an_album_of_any_size(
    photos_dir: Path, files: tuple[str, ...]
) -> None:
    async def ask(service: ArchiveService) -> bool:
        first = await service.represent(ALBUM, files)
        others = [service.represent(ALBUM, files) for _ in range(8)]
        return all(other.layout is first.layout for other in await asyncio.gather(*others))

    with service_over(HugeAlbum(photos_dir, Exclusion(()))) as service:
        assert asyncio.run(ask(service))


def test_clients_that_leave_do_not_have_a_large_album_laid_out_again(photos_dir: Path) -> None:
    async def ask(service: ArchiveService) -> bool:
        first = weakref.ref(await service.represent(ALBUM))
        gc.collect()
        return first() is await service.represent(ALBUM)

    with service_over(HugeAlbum(photos_dir, Exclusion(()))) as service:
        assert asyncio.run(ask(service))


class Value:
    """Something that is held."""


def test_the_latest_value_is_held_for_a_moment() -> None:
    async def hold() -> None:
        latest: LatestValue[Value] = LatestValue(0.05)
        dropped = asyncio.Event()
        latest.hold(Value())
        value = Value()
        last = weakref.ref(value, lambda _: dropped.set())
        latest.hold(value)
        del value
        assert last() is not None
        await dropped.wait()

    asyncio.run(asyncio.wait_for(hold(), 30))


class CountedListing(Listing):
    """Counts how often all sources are gone through."""

    rounds = 0

    def sources(self) -> Sequence[SourceIndex]:
        CountedListing.rounds += 1
        return super().sources()


class CountedAlbum(HugeAlbum):
    """Lists an album whose names are not kept when no part is asked for."""

    files = 20_001

    def list(self, archive: ArchiveId) -> Listing:
        listed = super().list(archive)
        values = {each.name: getattr(listed, each.name) for each in fields(Listing) if each.init}
        return CountedListing(**values)


@pytest.mark.parametrize("file", ["1/{}.jpg", "x{}"])
def test_parts_of_a_large_album_that_wait_share_its_names(photos_dir: Path, file: str) -> None:
    async def ask(service: ArchiveService) -> int:
        await service.represent(ALBUM)
        before = CountedListing.rounds
        asked = [service.represent(ALBUM, (file.format(number),)) for number in range(20)]
        await asyncio.gather(*asked, return_exceptions=True)
        return CountedListing.rounds - before

    with service_over(CountedAlbum(photos_dir, Exclusion(()))) as service:
        rounds = asyncio.run(ask(service))
    assert rounds <= 8  # made twice at most: the first to ask may be served before the others wait


def test_an_album_has_one_thread_that_computes_and_another_album_has_its_own(
    photos_dir: Path,
) -> None:
    running: list[str] = []
    most: list[int] = []
    other_is_done = threading.Event()

    def compute() -> None:
        running.append("")
        most.append(len(running))
        assert other_is_done.wait(60)
        running.pop()

    with service_over(photos_dir) as service:
        work = [service.compute(ALBUM, compute) for _ in range(8)]
        service.compute(ArchiveId("b" * 20), other_is_done.set).result(60)
        for each in work:
            each.result(60)
    assert max(most) == 1


def test_who_asks_after_a_change_is_told_of_it(photos_dir: Path) -> None:
    album = make_album(photos_dir, {"a": b"a"})

    async def lengths(service: ArchiveService) -> tuple[int, int]:
        before = await service.represent(ALBUM)
        (album / "b").write_bytes(b"b")
        return before.layout.entries, (await service.represent(ALBUM)).layout.entries

    with service_over(photos_dir) as service:
        assert asyncio.run(lengths(service)) == (1, 2)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (("d/",), {"d/1", "d/2", "d/sub/3"}),
        (("d/sub/", "d/1"), {"d/1", "d/sub/3"}),
        (("d/", "d/", "d/1"), {"d/1", "d/2", "d/sub/3"}),
        (("empty/",), {"empty/"}),
        (("outer/inner/",), {"outer/", "outer/inner/"}),
        (("outer/",), {"outer/", "outer/1", "outer/inner/"}),
        (("outer/1",), {"outer/1"}),
        (("da",), {"da"}),
    ],
)
def test_a_directory_stands_for_all_below_it(
    photos_dir: Path, files: tuple[str, ...], names: set[str]
) -> None:
    contents = ("d/1", "d/2", "d/sub/3", "d.jpg", "da", "e", "outer/1")
    directories = {"empty/": b"", "outer/inner/": b""}
    make_album(photos_dir, {**dict.fromkeys(contents, b"x"), **directories})
    with service_over(photos_dir) as service:
        part = asyncio.run(service.represent(ALBUM, files))
    assert {part.name(entry) for entry in range(part.layout.entries)} == names


@pytest.mark.parametrize("file", ["x/", "d", "/", "d//", "d/1/"])
def test_what_is_no_file_and_no_directory_is_not_found(photos_dir: Path, file: str) -> None:
    make_album(photos_dir, {"d/1": b"x"})
    service = service_over(photos_dir)
    with service as describing, pytest.raises(FileNotInAlbum):
        asyncio.run(describing.represent(ALBUM, [file]))


def test_an_album_that_is_what_it_was_is_not_described_again(photos_dir: Path) -> None:
    settle(make_album(photos_dir, {"a": b"a", "b/c": b"c"}))
    with service_over(photos_dir) as service:
        first = asyncio.run(service.represent(ALBUM))
        assert asyncio.run(service.represent(ALBUM)) is first
