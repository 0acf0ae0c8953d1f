"""Stores that ignore what they are asked: no archive is a mixture, and `check` says so."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from zlib import crc32

import pytest
from harness.albums import noise
from harness.conditions import eventually
from harness.faulty import Asked, Fault, FaultyStore
from harness.http import get
from harness.ports import free_port
from harness.readers import go_without
from harness.s3 import BUCKET, CREDENTIALS, PREFIX, Bucket
from harness.server import REPOSITORY, environment, serving
from harness.zipcheck import check

from archive_service.archive.errors import (
    AlbumArchived,
    DownloadFailed,
    SourceChanged,
    StorageUnavailable,
)
from archive_service.archive.id import ArchiveId
from archive_service.archive.listing import Listing
from archive_service.storage.excluded_names import Exclusion
from archive_service.storage.s3.bounded_answers import MOST_BYTES
from archive_service.storage.s3.location import S3Location
from archive_service.storage.s3.storage import S3Storage
from archive_service.storage.thread_progress import Progress, current
from archive_service.storage.time_limits import within

OLD, NEW = noise(3_000_000, 1), noise(3_000_000, 2)
TIMEOUT_S = 120.0
FEW, FOREVER = 20, 1_000_000


def is_whole_read(asked: Asked) -> bool:
    return asked.method == "GET" and not asked.is_listing and not asked.range


def of_listings(asked: Asked) -> bool:
    return asked.is_listing


def lists_one(asked: Asked) -> bool:
    return asked.is_listing and "one%2F" in asked.path


def of_objects(asked: Asked) -> bool:
    return not asked.is_listing


@contextmanager
def rclone(directory: Path) -> Iterator[Bucket]:
    """Have rclone serve a directory as a store; it ignores If-Match and lists tags unquoted."""
    program = shutil.which("rclone")
    if program is None:
        go_without("rclone is not installed")
    if subprocess.run(
        [program, "help", "serve", "s3"], capture_output=True, check=False
    ).returncode:
        go_without("this rclone serves no S3")
    (directory / BUCKET).mkdir()
    port = free_port()
    keys = f"{CREDENTIALS['AWS_ACCESS_KEY_ID']},{CREDENTIALS['AWS_SECRET_ACCESS_KEY']}"
    flags = ["--config", "", "--auth-key", keys, "--addr", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        [program, "serve", "s3", *flags, directory],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    bucket = Bucket(f"http://127.0.0.1:{port}")
    try:
        eventually(lambda: is_listed(bucket), within_s=TIMEOUT_S)
        yield bucket
        bucket.client.close()
    finally:
        process.kill()
        process.wait()


def is_listed(bucket: Bucket) -> bool:
    try:
        bucket.client.list_objects_v2(Bucket=BUCKET)
    except Exception:  # noqa: BLE001 - whatever a client raises of a server that is not there yet
        return False
    return True


@pytest.fixture
def careless(bucket: Bucket, proxy: FaultyStore) -> Bucket:
    """A store that never sees a condition."""
    proxy.befall(Fault(of_objects, FOREVER, without=("if-match",)))
    return bucket


@pytest.fixture
def storage(
    careless: Bucket, proxy: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[S3Storage]:
    for name, value in careless.variables(proxy.endpoint).items():
        monkeypatch.setenv(name, value)
    made = S3Storage(
        S3Location(BUCKET, f"{PREFIX}/"), Exclusion(()), timeout_s=30, memory_bytes=16_000_000
    )
    yield made
    made.close()


def read_small(storage: S3Storage, album: str, listing: Listing) -> None:
    with storage.files(ArchiveId(album), listing) as files:
        files.read_into(memoryview(bytearray(listing.sizes[0])), [0], [0])


def read_large(storage: S3Storage, album: str, listing: Listing) -> None:
    with storage.files(ArchiveId(album), listing) as files, files.open(0) as file:
        file.readinto(memoryview(bytearray(1000)))  # type: ignore[union-attr]  # of either kind


def read_range(storage: S3Storage, album: str, listing: Listing) -> None:
    with storage.files(ArchiveId(album), listing) as files, files.open(0) as file:
        file.begin(1000, 2000)  # type: ignore[union-attr]  # of an object
        file.readinto(memoryview(bytearray(1000)))  # type: ignore[union-attr]


def ask_checksum(storage: S3Storage, album: str, listing: Listing) -> None:
    with storage.files(ArchiveId(album), listing) as files:
        files.known_crc32(0)


@pytest.mark.parametrize("read", [read_small, read_large, read_range, ask_checksum])
def test_an_object_that_was_replaced_at_equal_size_is_not_read(
    careless: Bucket,
    storage: S3Storage,
    album: str,
    read: Callable[[S3Storage, str, Listing], None],
) -> None:
    careless.put(f"{album}/1.jpg", OLD)
    listing = storage.list(ArchiveId(album))
    read(storage, album, listing)
    careless.put(f"{album}/1.jpg", NEW)
    with pytest.raises(SourceChanged) as caught:
        read(storage, album, listing)
    assert caught.value.reason == "replaced"


def test_a_range_that_is_answered_with_the_whole_object_is_not_taken_for_it(
    careless: Bucket, storage: S3Storage, proxy: FaultyStore, album: str
) -> None:
    careless.put(f"{album}/1.jpg", OLD)
    listing = storage.list(ArchiveId(album))
    proxy.heal()
    proxy.befall(Fault(of_objects, FOREVER, without=("range",)))
    with pytest.raises(DownloadFailed) as caught:
        read_range(storage, album, listing)
    assert caught.value.reason == "no ranges"


def checked(directory: Path, bucket: Bucket, endpoint: str, album: str, *, status: int) -> str:
    """Return what `archive-service check` prints of the store."""
    done = subprocess.run(
        [sys.executable, "-m", "archive_service", "check", "--port", "0"],
        cwd=directory,
        env=environment(
            {
                "PYTHONPATH": str(REPOSITORY),
                "PHOTOS_DIR": f"{bucket.url}/{album}",
                "CACHE_DIR": str(directory),
                "LISTING_TIMEOUT": "3",
                **bucket.variables(endpoint),
            }
        ),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return "\n".join(line for line in done.stdout.splitlines() if " store " in line)


@pytest.mark.parametrize(
    ("without", "status", "words"),
    [
        ((), 0, "obeys conditions and ranges"),
        (("if-match",), 0, "ignores If-Match"),
        (("range",), 1, "ignores Range"),
    ],
)
def test_check_says_what_a_store_ignores(
    bucket: Bucket,
    proxy: FaultyStore,
    tmp_path: Path,
    album: str,
    without: tuple[str, ...],
    status: int,
    words: str,
) -> None:
    bucket.put(f"{album}/one/1.jpg", OLD)
    proxy.befall(Fault(of_objects, FOREVER, without=without))
    assert words in checked(tmp_path, bucket, proxy.endpoint, album, status=status)


def test_check_says_that_a_checksum_is_wrong(
    bucket: Bucket, proxy: FaultyStore, tmp_path: Path, album: str
) -> None:
    bucket.put(f"{album}/one/1.jpg", OLD, ChecksumAlgorithm="CRC32")
    assert "obeys" in checked(tmp_path, bucket, proxy.endpoint, album, status=0)
    key = f"{PREFIX}/{album}/one/1.jpg"
    etag = bucket.client.head_object(Bucket=BUCKET, Key=key)["ETag"]
    proxy.befall(Fault(is_whole_read, FOREVER, content=NEW, fields={"ETag": etag}))
    found = checked(tmp_path, bucket, proxy.endpoint, album, status=1)
    assert "returns a checksum that is not that of the content" in found


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_album_in_cold_storage_is_refused_before_the_first_byte(
    bucket: Bucket, tmp_path: Path, album: str, storage_class: str
) -> None:
    bucket.put(f"{album}/1.jpg", OLD)
    bucket.put(f"{album}/2.jpg", OLD, StorageClass=storage_class)
    variables = {**bucket.variables(), "PHOTOS_DIR": bucket.url}
    with serving(None, tmp_path, variables=variables) as server:
        answer = get(server.port, f"/archive/{album}/", "Accept: application/json")
        assert answer.status == 503
        assert b'"archived"' in answer.content
        server.wait_for("reason=archived")


def test_an_object_that_turns_out_to_be_archived_is_cut_once_and_refused_then(
    careless: Bucket, storage: S3Storage, proxy: FaultyStore, album: str
) -> None:
    """Of a class that archives by itself the listing says nothing."""
    careless.put(f"{album}/1.jpg", OLD)
    listing = storage.list(ArchiveId(album))
    proxy.heal()
    proxy.befall(Fault(of_objects, 1, status=403, code="InvalidObjectState"))
    with pytest.raises(DownloadFailed) as caught:
        read_small(storage, album, listing)
    assert caught.value.reason == "archived"
    with pytest.raises(AlbumArchived):
        storage.list(ArchiveId(album))
    careless.put(f"{album}/1.jpg", NEW)
    assert storage.list(ArchiveId(album)).sizes[0] == len(NEW)


@pytest.mark.parametrize(
    "content",
    [
        (
            b"<Contents><Key>%s/1.jpg</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            b"<ETag>&quot;0&quot;</ETag><Size>1</Size></Contents>"
        ),
        b"<NextContinuationToken>%s</NextContinuationToken>",
    ],
    ids=["it ends before its end", "it leads to itself"],
)
def test_a_listing_that_does_not_end_rightly_is_no_album(
    careless: Bucket, storage: S3Storage, proxy: FaultyStore, album: str, content: bytes
) -> None:
    careless.put(f"{album}/1.jpg", OLD)
    listed = (
        b"<ListBucketResult><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>%s"
        b"</ListBucketResult>"
    )
    proxy.heal()
    fault = Fault(of_listings, FEW, status=200, content=listed % (content % album.encode()))
    proxy.befall(fault)
    with pytest.raises(StorageUnavailable) as caught:
        storage.list(ArchiveId(album))
    assert caught.value.reason == "incomplete listing"


@pytest.mark.parametrize("has_objects", [True, False])
def test_a_listing_that_never_ends_is_no_album(
    careless: Bucket, storage: S3Storage, proxy: FaultyStore, album: str, *, has_objects: bool
) -> None:
    careless.put(f"{album}/1.jpg", OLD)
    tokens = count()
    listed = (
        "<ListBucketResult><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>"
        "<NextContinuationToken>{}</NextContinuationToken>{}</ListBucketResult>"
    )
    found = (
        f"<Contents><Key>{album}/1.jpg</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        "<ETag>&quot;0&quot;</ETag><Size>1</Size></Contents>"
    )

    def page(_asked: Asked) -> bytes:
        return listed.format(next(tokens), found if has_objects else "").encode()

    proxy.heal()
    proxy.befall(Fault(of_listings, FOREVER, status=200, made=page))
    with pytest.raises(StorageUnavailable) as caught:
        within(TIMEOUT_S, lambda: storage.list(ArchiveId(album)))
    assert caught.value.reason == "endless listing"


def test_a_store_that_invents_keys_for_longer_than_a_visitor_waits_is_no_slow_disk(
    bucket: Bucket, proxy: FaultyStore, tmp_path: Path, album: str
) -> None:
    bucket.put(f"{album}/one/1.jpg", OLD)
    numbers = count()

    def page(_asked: Asked) -> bytes:
        time.sleep(0.05)
        number = next(numbers)
        return (
            "<ListBucketResult><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>"
            f"<NextContinuationToken>{number}</NextContinuationToken>"
            f"<Contents><Key>{PREFIX}/{album}/one/{number:09}.jpg</Key><Size>1</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            "<ETag>&quot;0&quot;</ETag></Contents></ListBucketResult>"
        ).encode()

    variables = {
        **bucket.variables(proxy.endpoint),
        "PHOTOS_DIR": f"{bucket.url}/{album}",
        "LISTING_TIMEOUT": "3",
        "INDEX_AHEAD": "off",
    }
    with serving(None, tmp_path, variables=variables) as server:
        proxy.befall(Fault(of_listings, FOREVER, status=200, made=page))
        answer = get(server.port, "/archive/one/", "Accept: application/json")
        assert answer.status == 503
        assert b'"unavailable"' in answer.content
        server.wait_for('reason="long listing"')
    proxy.heal()
    proxy.befall(Fault(lists_one, FOREVER, status=200, made=page))
    found = checked(tmp_path, bucket, proxy.endpoint, album, status=1)
    assert "longer than LISTING_TIMEOUT" in found


@pytest.mark.parametrize("status", [200, 403])
def test_an_answer_that_is_larger_than_any_of_s3_is_a_fault_of_the_store(
    careless: Bucket, storage: S3Storage, proxy: FaultyStore, album: str, status: int
) -> None:
    careless.put(f"{album}/1.jpg", OLD)
    listing = storage.list(ArchiveId(album))
    content = b"<ListBucketResult>%s</ListBucketResult>" % (b" " * MOST_BYTES)
    proxy.heal()
    proxy.befall(Fault(lambda _: True, FEW, status=status, content=content))
    with pytest.raises(StorageUnavailable) as caught:
        storage.list(ArchiveId(album))
    assert caught.value.reason == "store error"
    if status == 403:  # of an object, whatever is no error is its content
        with pytest.raises(DownloadFailed) as failed:
            read_small(storage, album, listing)
        assert failed.value.reason == "store error"


@pytest.mark.parametrize("row", [b"<Foo/>", b"<Key>1.jpg</Key><Size>large</Size>"])
def test_a_listing_that_is_none_is_a_fault_of_the_store(
    careless: Bucket, storage: S3Storage, proxy: FaultyStore, album: str, row: bytes
) -> None:
    listed = b"<ListBucketResult><Contents>%s</Contents></ListBucketResult>" % row
    proxy.heal()
    proxy.befall(Fault(of_listings, 1, status=200, content=listed))
    with pytest.raises(StorageUnavailable) as caught:
        storage.list(ArchiveId(album))
    assert caught.value.reason == "store error"


def test_each_page_of_a_listing_is_progress_of_the_thread_that_waits_for_it(
    careless: Bucket, storage: S3Storage, album: str
) -> None:
    careless.put(f"{album}/1.jpg", OLD)
    waiting = Progress(album, began_s=0.0, noted_s=0.0)
    token = current.set(waiting)
    try:
        listing = storage.list(ArchiveId(album))
        assert waiting.noted_s > 0.0
        waiting.noted_s = 0.0
        read_small(storage, album, listing)
        assert waiting.noted_s > 0.0
    finally:
        current.reset(token)


# The real thing


def test_rclone_is_served_whole_and_never_mixed(tmp_path: Path, album: str) -> None:
    (tmp_path / "store").mkdir()
    with rclone(tmp_path / "store") as bucket:
        bucket.put_album(album, {"1.jpg": OLD, "2.txt": b"two"})
        variables = {**bucket.variables(), "PHOTOS_DIR": bucket.url}
        with serving(None, tmp_path, variables=variables) as server:
            target = f"/archive/{album}/"
            whole = get(server.port, target)
            assert [entry.crc32 for entry in check(whole.content)] == [crc32(OLD), crc32(b"two")]
            part = get(server.port, target, "Range: bytes=1000-2000000")
            assert (part.status, part.content) == (206, whole.content[1000:2000001])
            bucket.put(f"{album}/1.jpg", NEW)
            replaced = get(server.port, target)
            assert [entry.crc32 for entry in check(replaced.content)] == [crc32(NEW), crc32(b"two")]
            assert replaced["etag"] != whole["etag"]
        assert "ignores If-Match" in checked(tmp_path, bucket, bucket.endpoint, "", status=0)
