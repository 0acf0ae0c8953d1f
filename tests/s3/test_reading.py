"""Reads from a store that fails, and what is held in memory meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from zlib import crc32

import pytest
from harness.albums import noise
from harness.conditions import eventually
from harness.faulty import Asked, Fault, FaultyStore
from harness.s3 import BUCKET, PAGE_KEYS, PREFIX, Bucket

from archive_service.archive.errors import SourceChanged, SourceUnreadable, StorageUnavailable
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.observe.events import Event, Observe, ignore
from archive_service.observe.storage_events import ObjectSkipped
from archive_service.storage.base import RemoteFile
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.s3.client import LOOK_AGAIN_S
from archive_service.storage.s3.fetch_ahead import (
    CHUNK_BYTES,
    CONNECTION_BYTES,
    IDLE_S,
    LEAST_BYTES,
)
from archive_service.storage.s3.location import S3Location
from archive_service.storage.s3.memory_budget import KEPT_OBJECT_BYTES
from archive_service.storage.s3.storage import S3Storage
from archive_service.storage.time_limits import within

DATA = noise(3_000_001)
MEMORY_BYTES = 16_000_000
TIMEOUT_S = 30.0
"""More than a store takes on a busy machine, or else requests that are counted were repeated."""


@pytest.fixture(scope="module")
def shared_storage(bucket: Bucket, shared_proxy: FaultyStore) -> Iterator[S3Storage]:
    with (
        pytest.MonkeyPatch.context() as patch,
        storage_at(shared_proxy.endpoint, bucket, patch) as storage,
    ):
        yield storage


@pytest.fixture
def storage(shared_storage: S3Storage, proxy: FaultyStore) -> S3Storage:
    """A storage behind the proxy, which has healed."""
    eventually(lambda: not shared_storage.held_bytes)
    return shared_storage


@pytest.fixture
def hasty_storage(
    bucket: Bucket, proxy: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[S3Storage]:
    """A storage that soon gives up a store which is silent."""
    with storage_at(proxy.endpoint, bucket, monkeypatch, timeout_s=2.0) as storage:
        yield storage


@contextmanager
def storage_at(
    endpoint: str,
    bucket: Bucket,
    patch: pytest.MonkeyPatch,
    *,
    timeout_s: float = TIMEOUT_S,
    observe: Observe = ignore,
) -> Iterator[S3Storage]:
    for name, value in bucket.variables(endpoint).items():
        patch.setenv(name, value)
    storage = S3Storage(
        S3Location(BUCKET, f"{PREFIX}/"),
        Exclusion(()),
        timeout_s=timeout_s,
        memory_bytes=MEMORY_BYTES,
        observe=observe,
    )
    try:
        yield storage
    finally:
        storage.close()


@pytest.fixture
def listing(bucket: Bucket, storage: S3Storage, album: str) -> Listing:
    """An album of one large file and two small ones."""
    bucket.put_album(album, {"large": DATA, "small1": b"1" * 1000, "small2": b"2" * 1000})
    return storage.list(ArchiveId(album))


def read(file: RemoteFile) -> bytes:
    received = bytearray()
    buffer = memoryview(bytearray(1 << 20))
    while count := file.readinto(buffer):
        received += buffer[:count]
    return bytes(received)


def opened(storage: S3Storage, album: str, listing: Listing) -> RemoteFile:
    file = storage.files(ArchiveId(album), listing).open(0)
    assert not hasattr(file, "fileno")
    return file  # type: ignore[return-value]


def reads_of(name: str) -> Callable[[Asked], bool]:
    return lambda asked: asked.method == "GET" and asked.key.endswith(f"/{name}")


def listings(asked: Asked) -> bool:
    return asked.is_listing


# Breaks that remain unnoticed


@pytest.mark.parametrize(
    "fault",
    [
        Fault(reads_of("large"), cut_after=1),
        Fault(reads_of("large"), cut_after=2_000_000),
        Fault(reads_of("large"), times=3, cut_after=100_000),
        Fault(reads_of("large"), times=2, status=503, code="SlowDown"),
        Fault(reads_of("large"), times=2, status=500, code="InternalError"),
    ],
    ids=["first byte", "middle", "again and again", "slow down", "error"],
)
def test_a_broken_read_goes_on_from_where_it_stopped(
    storage: S3Storage, album: str, listing: Listing, proxy: FaultyStore, fault: Fault
) -> None:
    proxy.befall(fault)
    with opened(storage, album, listing) as file:
        assert read(file) == DATA
    assert fault.befallen.is_set()
    asked = eventually(lambda: proxy.asked_for("/large"))
    assert all(a.if_match == f'"{listing.locations[0].decode()}"' for a in asked)


def test_a_read_that_falls_silent_goes_on_from_where_it_stopped(
    hasty_storage: S3Storage, album: str, listing: Listing, proxy: FaultyStore
) -> None:
    fault = proxy.befall(Fault(reads_of("large"), hold_after=1_000_000))
    with opened(hasty_storage, album, listing) as file:
        assert read(file) == DATA
    fault.released.set()
    eventually(lambda: sum(asked.sent_bytes for asked in proxy.asked_for("/large")) == len(DATA))


def test_no_byte_is_fetched_twice_after_a_break(
    storage: S3Storage, album: str, listing: Listing, proxy: FaultyStore
) -> None:
    proxy.befall(Fault(reads_of("large"), cut_after=1_000_000))
    with opened(storage, album, listing) as file:
        assert read(file) == DATA
    asked = eventually(lambda: len(got := proxy.asked_for("/large")) == 2 and got)
    assert asked[1].range == f"bytes=1000000-{len(DATA) - 1}"
    assert sum(a.sent_bytes for a in asked) == len(DATA)


def test_a_small_file_whose_bytes_break_off_is_read_again(
    storage: S3Storage, album: str, listing: Listing, proxy: FaultyStore
) -> None:
    proxy.befall(Fault(reads_of("small2"), cut_after=500))
    buffer = bytearray(2000)
    with storage.files(ArchiveId(album), listing) as files:
        files.read_into(memoryview(buffer), [1, 2], [0, 1000])
    assert buffer == b"1" * 1000 + b"2" * 1000


def test_a_reader_that_pauses_for_long_holds_no_connection(
    storage: S3Storage, bucket: Bucket, album: str, proxy: FaultyStore
) -> None:
    data = noise(16_000_000)
    bucket.put(f"{album}/huge", data)
    with opened(storage, album, storage.list(ArchiveId(album))) as file:
        file.begin(0, len(data))
        first = memoryview(bytearray(1000))
        assert file.readinto(first) == 1000
        [asked] = eventually(lambda: proxy.asked_for("/huge"), within_s=2 * IDLE_S)
        assert asked.sent_bytes < len(data)
        assert bytes(first) + read(file) == data


# Failures that are reported


def test_a_read_that_never_gets_on_fails(
    storage: S3Storage, album: str, listing: Listing, proxy: FaultyStore
) -> None:
    proxy.befall(Fault(reads_of("large"), cut_after=1_000_000))
    proxy.befall(Fault(reads_of("large"), times=100, status=503, code="SlowDown"))
    with opened(storage, album, listing) as file, pytest.raises(SourceUnreadable) as caught:
        read(file)
    assert caught.value.reason == "slow down"


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, "ExpiredToken", "credentials expired"),
        (400, "ExpiredToken", "credentials expired"),
        (403, "AccessDenied", "access denied"),
        (403, "SignatureDoesNotMatch", "wrong credentials"),
        (403, "InvalidAccessKeyId", "wrong credentials"),
        (403, "RequestTimeTooSkewed", "clock skew"),
        (404, "NoSuchBucket", "no bucket"),
        (418, "Teapot", "store error"),
    ],
)
def test_a_refusal_is_told_at_once_by_its_name(
    storage: S3Storage,
    album: str,
    listing: Listing,
    proxy: FaultyStore,
    *,
    status: int,
    code: str,
    reason: str,
) -> None:
    proxy.befall(Fault(lambda _: True, times=100, status=status, code=code))
    with opened(storage, album, listing) as file, pytest.raises(SourceUnreadable) as caught:
        read(file)
    assert caught.value.reason == reason
    with storage.files(ArchiveId(album), listing) as files:
        with pytest.raises(SourceUnreadable) as small:
            files.read_into(memoryview(bytearray(1000)), [2], [0])
        assert (small.value.reason, small.value.source) == (reason, 2)
    with pytest.raises(StorageUnavailable) as unavailable:
        storage.list(ArchiveId(album))
    assert unavailable.value.reason == reason


def test_an_object_replaced_in_the_middle_of_a_read_ends_it(
    storage: S3Storage, bucket: Bucket, album: str, listing: Listing, proxy: FaultyStore
) -> None:
    fault = proxy.befall(Fault(reads_of("large"), hold_after=1_000_000))
    with opened(storage, album, listing) as file:
        buffer = memoryview(bytearray(1000))
        assert file.readinto(buffer) == 1000
        bucket.put(f"{album}/large", DATA[::-1])
        fault.released.set()
        with pytest.raises(SourceChanged) as caught:
            read(file)
    assert caught.value.reason == "replaced"


def test_a_store_without_ranges_is_told_as_such(
    storage: S3Storage, album: str, listing: Listing, proxy: FaultyStore
) -> None:
    etag = f'"{listing.locations[0].decode()}"'
    proxy.befall(Fault(reads_of("large"), content=DATA, fields={"ETag": etag}))
    with opened(storage, album, listing) as file:
        file.begin(1, len(DATA))
        with pytest.raises(SourceUnreadable) as caught:
            read(file)
    assert caught.value.reason == "no ranges"


def test_an_unreachable_store_is_told_as_such(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, free_endpoint: str
) -> None:
    with storage_at(free_endpoint, bucket, monkeypatch) as storage:
        with pytest.raises(StorageUnavailable) as caught:
            storage.list(ArchiveId("any"))
        assert caught.value.reason == "unreachable"
        with pytest.raises(StorageUnavailable):
            storage.check()


@pytest.mark.usefixtures("silence")
def test_a_silent_store_is_told_as_such(hasty_storage: S3Storage) -> None:
    with pytest.raises(StorageUnavailable) as caught:
        hasty_storage.list(ArchiveId("any"))
    assert caught.value.reason == "timeout"


def list_again(storage: S3Storage, album: str, listing: Listing) -> None:
    storage.list(ArchiveId(album))


def read_large(storage: S3Storage, album: str, listing: Listing) -> None:
    with opened(storage, album, listing) as file:
        read(file)


def read_small(storage: S3Storage, album: str, listing: Listing) -> None:
    with storage.files(ArchiveId(album), listing) as files:
        files.read_into(memoryview(bytearray(1000)), [1], [0])


def ask_checksum(storage: S3Storage, album: str, listing: Listing) -> None:
    with storage.files(ArchiveId(album), listing) as files:
        files.known_crc32(0)


SLOW_DOWN = b"<Error><Code>SlowDown</Code>%s</Error>" % (b" " * 10_000)
BYTE_BY_BYTE = {
    "content": (partial(Fault, trickle_after=100), 0.5),
    "header": (partial(Fault, trickles_header=True), 0.2),
    "error": (partial(Fault, status=503, content=SLOW_DOWN, trickle_after=10), 0.2),
}


@pytest.mark.parametrize(
    ("what", "ask"),
    [
        *product(BYTE_BY_BYTE, (list_again, read_large, read_small)),
        ("header", ask_checksum),
    ],
)
def test_a_store_that_sends_a_byte_now_and_then_counts_as_silent(
    bucket: Bucket,
    album: str,
    listing: Listing,
    proxy: FaultyStore,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    ask: Callable[[S3Storage, str, Listing], None],
) -> None:
    make_fault, timeout_s = BYTE_BY_BYTE[what]
    fault = proxy.befall(make_fault(lambda _: True, times=1000))
    with storage_at(proxy.endpoint, bucket, monkeypatch, timeout_s=timeout_s) as impatient:
        with pytest.raises((SourceUnreadable, StorageUnavailable)) as caught:
            within(3 * TIMEOUT_S, partial(ask, impatient, album, listing))
        assert caught.value.reason == "timeout"
        assert fault.befallen.is_set()
        # The connections are closed, although an error still refers to their answers.
        eventually(lambda: not proxy.under_way, within_s=TIMEOUT_S)


def test_an_error_in_chunks_that_are_none_is_asked_for_again(
    bucket: Bucket,
    album: str,
    listing: Listing,
    proxy: FaultyStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client closes the connection, and then waits for its end for ever."""
    fault = Fault(
        reads_of("large"),
        status=503,
        content=b"5\r\nhello\r\nno chunk\r\n",
        trickle_after=10,
        fields={"Transfer-Encoding": "chunked"},
    )
    proxy.befall(fault)
    with storage_at(proxy.endpoint, bucket, monkeypatch, timeout_s=1.0) as impatient:
        within(3 * TIMEOUT_S, partial(read_large, impatient, album, listing))
    assert fault.befallen.is_set()


def test_credentials_that_were_renewed_in_a_file_are_found(
    bucket: Bucket, proxy: FaultyStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file is read again; moto takes any, so what is looked at is the name in the request."""

    def write(name: str) -> None:
        (tmp_path / "credentials").write_text(
            f"[default]\naws_access_key_id = {name}\naws_secret_access_key = secret\n"
        )

    def expired(asked: Asked) -> bool:
        return "FIRST" in asked.authorization

    with storage_at(proxy.endpoint, bucket, monkeypatch) as storage:
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(variable)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        write("FIRST")
        storage.check()
        write("SECOND")
        proxy.befall(Fault(expired, times=1000, status=403, code="ExpiredToken"))

        def is_well() -> bool:
            try:
                storage.check()
            except StorageUnavailable:
                return False
            return True

        with pytest.raises(StorageUnavailable):
            storage.check()
        eventually(is_well, within_s=2 * LOOK_AGAIN_S)


def test_without_credentials_nothing_is_asked(
    bucket: Bucket, free_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with storage_at(free_endpoint, bucket, monkeypatch) as storage:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        with pytest.raises(StorageUnavailable) as caught:
            storage.albums()
    assert caught.value.reason == "no credentials"


# What is held in memory


def test_a_reader_that_takes_nothing_has_little_fetched(
    storage: S3Storage, bucket: Bucket, album: str, proxy: FaultyStore
) -> None:
    bucket.put(f"{album}/huge", noise(30_000_000))
    listing = storage.list(ArchiveId(album))
    with opened(storage, album, listing) as file:
        file.begin(0, 30_000_000)
        eventually(lambda: storage.held_bytes >= CHUNK_BYTES)
        assert storage.held_bytes <= 2 * CHUNK_BYTES + CONNECTION_BYTES
    eventually(lambda: not storage.held_bytes)


def test_many_readers_hold_no_more_than_they_may_together(
    storage: S3Storage, bucket: Bucket, album: str
) -> None:
    data = noise(6_000_000)
    bucket.put(f"{album}/large", data)
    listing = storage.list(ArchiveId(album))
    most = MEMORY_BYTES // 2 + 12 * (LEAST_BYTES + CONNECTION_BYTES)

    async def reading(file: RemoteFile) -> bytes:
        received = bytearray()
        with file:
            while chunk := await file.chunk(4_000_000):
                received += chunk
                assert storage.held_bytes <= most
                await asyncio.sleep(0)
        return bytes(received)

    async def all_reading() -> list[bytes]:
        files = [opened(storage, album, listing) for _ in range(12)]
        for file in files:
            file.begin(0, len(data))
        return await asyncio.gather(*map(reading, files))

    assert all(received == data for received in asyncio.run(all_reading()))
    eventually(lambda: not storage.held_bytes)


def test_an_object_that_was_hashed_is_sent_from_memory_once(
    storage: S3Storage, album: str, listing: Listing, proxy: FaultyStore
) -> None:
    with storage.files(ArchiveId(album), listing) as files:
        with files.open_to_hash(0) as file:
            assert crc32(read(file)) == crc32(DATA)  # type: ignore[arg-type]
        eventually(lambda: storage.held_bytes == len(DATA))
        with files.open(0) as file:
            file.begin(10, len(DATA) - 10)  # type: ignore[union-attr]
            assert read(file) == DATA[10:-10]  # type: ignore[arg-type]
        eventually(lambda: not storage.held_bytes)
        assert len(eventually(lambda: proxy.asked_for("/large"))) == 1
        with files.open(0) as file:
            assert read(file) == DATA  # type: ignore[arg-type]
    assert eventually(lambda: len(proxy.asked_for("/large")) == 2)


def test_what_was_hashed_in_part_is_not_kept(
    storage: S3Storage, album: str, listing: Listing
) -> None:
    with storage.files(ArchiveId(album), listing) as files, files.open_to_hash(0) as file:
        file.readinto(memoryview(bytearray(1000)))
    eventually(lambda: not storage.held_bytes)


def test_what_does_not_fit_is_read_twice(
    storage: S3Storage, bucket: Bucket, album: str, proxy: FaultyStore
) -> None:
    data = noise(5_000_000)
    bucket.put_album(album, {"1": data, "2": data})
    listing = storage.list(ArchiveId(album))
    with storage.files(ArchiveId(album), listing) as files:
        for source in (0, 1):
            with files.open_to_hash(source) as file:
                read(file)  # type: ignore[arg-type]
        for source in (0, 1):
            with files.open(source) as file:
                assert read(file) == data  # type: ignore[arg-type]
    assert [len(proxy.asked_for(f"/{name}")) for name in "12"] == [1, 2]
    eventually(lambda: not storage.held_bytes)


def test_a_large_object_is_not_kept(storage: S3Storage, bucket: Bucket, album: str) -> None:
    bucket.put(f"{album}/huge", noise(KEPT_OBJECT_BYTES + 1))
    listing = storage.list(ArchiveId(album))
    with storage.files(ArchiveId(album), listing) as files, files.open_to_hash(0) as file:
        read(file)  # type: ignore[arg-type]
    eventually(lambda: not storage.held_bytes)


# What the store knows


def test_the_checksum_of_a_whole_object_is_taken(
    storage: S3Storage, bucket: Bucket, album: str, proxy: FaultyStore
) -> None:
    bucket.put(f"{album}/1", DATA, ChecksumAlgorithm="CRC32")
    bucket.put(f"{album}/2", DATA, ChecksumAlgorithm="SHA256")
    listing = storage.list(ArchiveId(album))
    with storage.files(ArchiveId(album), listing) as files:
        assert files.known_crc32(0) == crc32(DATA)
        assert files.known_crc32(1) is None
    assert not proxy.asked_for("/1")


def test_a_checksum_made_of_those_of_parts_is_not(
    storage: S3Storage, bucket: Bucket, album: str
) -> None:
    key = f"{PREFIX}/{album}/parts"
    where = {"Bucket": BUCKET, "Key": key}
    upload = bucket.client.create_multipart_upload(**where, ChecksumAlgorithm="CRC32")
    where["UploadId"] = upload["UploadId"]
    parts = []
    for number, data in enumerate((noise(5 * 1024 * 1024), b"end"), 1):
        part = bucket.client.upload_part(
            **where, PartNumber=number, Body=data, ChecksumAlgorithm="CRC32"
        )
        parts.append({k: part[k] for k in ("ETag", "ChecksumCRC32")} | {"PartNumber": number})
    bucket.client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    listing = storage.list(ArchiveId(album))
    with storage.files(ArchiveId(album), listing) as files:
        assert files.known_crc32(0) is None
        with files.open(0) as file:
            assert read(file) == noise(5 * 1024 * 1024) + b"end"  # type: ignore[arg-type]


# Listing


@pytest.mark.parametrize("more", [0, 1])
def test_a_listing_goes_on_behind_the_keys_of_one_answer(
    storage: S3Storage, bucket: Bucket, album: str, proxy: FaultyStore, *, more: int
) -> None:
    count = 2 * PAGE_KEYS + more
    bucket.put_album(album, {f"{number:04}/{number}": b"" for number in range(count)})
    assert len(storage.list(ArchiveId(album))) == count
    eventually(lambda: len([a for a in proxy.asked if a.is_listing]) == 2 + more)


def test_an_object_that_no_client_can_ask_for_is_left_out_and_told_of_once(
    bucket: Bucket, proxy: FaultyStore, monkeypatch: pytest.MonkeyPatch, album: str
) -> None:
    row = (
        "<Contents><Key>photos/{0}/{1}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        "<ETag>&quot;e&quot;</ETag><Size>1</Size></Contents>"
    )
    rows = "".join(row.format(album, name) for name in ("%FF.jpg", "%FE.jpg", "1.jpg"))
    page = f"<ListBucketResult><EncodingType>url</EncodingType>{rows}</ListBucketResult>"
    proxy.befall(Fault(listings, times=2, content=page.encode()))
    happened: list[Event] = []
    with storage_at(proxy.endpoint, bucket, monkeypatch, observe=happened.append) as storage:
        for _ in range(2):
            assert storage.list(ArchiveId(album)).paths == [b"1.jpg"]
    assert happened == [ObjectSkipped(ArchiveId(album), "not UTF-8")]


def test_a_closed_storage_leaves_no_thread(
    bucket: Bucket, proxy: FaultyStore, monkeypatch: pytest.MonkeyPatch, album: str
) -> None:
    before = threading.active_count()
    with storage_at(proxy.endpoint, bucket, monkeypatch) as storage:
        bucket.put(f"{album}/large", DATA)
        listing = storage.list(ArchiveId(album))
        opened(storage, album, listing).begin(0, len(DATA))
    eventually(lambda: threading.active_count() <= before)


def test_a_storage_that_is_closed_lets_nobody_wait(
    bucket: Bucket, proxy: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = proxy.befall(Fault(listings, times=100, hold_after=0))
    with (
        ThreadPoolExecutor(1) as threads,
        storage_at(proxy.endpoint, bucket, monkeypatch) as storage,
    ):
        waiting = threads.submit(storage.list, ArchiveId("any"))
        assert fault.befallen.wait(10)
        storage.close()
        with pytest.raises(CancelledError):
            waiting.result(TIMEOUT_S)
        with pytest.raises(CancelledError):
            storage.check()
