"""The service over a store, as visitors see it: the real server, and a store that may fail."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from harness.albums import noise
from harness.conditions import eventually
from harness.faulty import Asked, Fault, FaultyStore
from harness.http import Truncated, connected, get, request
from harness.oracle import contents_of
from harness.s3 import Bucket
from harness.server import Server, serving

from archive_service.archive.segments import LARGE_FILE_BYTES

STORE_TIMEOUT_S = 1.0
FILES = {
    "0 empty.jpg": b"",
    "1.jpg": noise(1_000_000, 1),
    "2.jpg": noise(LARGE_FILE_BYTES, 2),
    "day 1/3.jpg": noise(2_500_000, 3),
    "day 1/small.txt": b"small",
    "day 1/.hidden": b"never",
    "день 2/4: фото?.jpg": noise(1000, 4),
    "день 2/nothing/": b"",
}
NAMES = {
    "0 empty.jpg": "0 empty.jpg",
    "1.jpg": "1.jpg",
    "2.jpg": "2.jpg",
    "day 1/3.jpg": "day 1/3.jpg",
    "day 1/small.txt": "day 1/small.txt",
    "день 2/4: фото?.jpg": "день 2/4_ фото_.jpg",
    "день 2/nothing/": "день 2/nothing/",
}


@dataclass(frozen=True)
class Site:
    server: Server
    bucket: Bucket
    proxy: FaultyStore

    def get(self, album: str, *field_lines: str, more: str = "") -> bytes:
        answer = get(self.server.port, f"/archive/{album}/{more}", *field_lines)
        assert answer.status in (200, 206), answer
        return answer.content


@pytest.fixture(scope="module")
def shared_server(
    bucket: Bucket, shared_proxy: FaultyStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    flags = ("--photos-dir", bucket.url, "--s3-timeout", str(STORE_TIMEOUT_S), "--level", "debug")
    variables = bucket.variables(shared_proxy.endpoint)
    with serving(None, tmp_path_factory.mktemp("cache"), *flags, variables=variables) as server:
        yield server


@pytest.fixture
def site(shared_server: Server, bucket: Bucket, proxy: FaultyStore) -> Site:
    return Site(shared_server, bucket, proxy)


@pytest.fixture
def filled(site: Site, album: str) -> str:
    """The name of an album of FILES."""
    site.bucket.put_album(album, FILES)
    return album


def of_objects(asked: Asked) -> bool:
    return asked.method == "GET" and not asked.is_listing


def is_for(name: str, asked: Asked) -> bool:
    return of_objects(asked) and asked.key.endswith(name)


# What visitors get


# First, for a store that never knows a checksum is asked seldom in the end.
def test_a_checksum_that_the_store_holds_is_taken(site: Site, album: str) -> None:
    data = noise(20_000_000)
    site.bucket.put(f"{album}/1.jpg", data, ChecksumAlgorithm="CRC32")
    assert contents_of(site.get(album)) == {"1.jpg": data}
    assert [asked.sent_bytes for asked in site.proxy.asked_for("/1.jpg")] == [len(data)]


def test_large_objects_are_asked_for_while_small_ones_are_read(site: Site, album: str) -> None:
    site.bucket.put_album(album, {"1 large.jpg": noise(1_000_000), "2 small.txt": b"small"})
    site.get(album)  # learns the checksums
    site.proxy.befall(Fault(partial(is_for, "small.txt"), times=1000, hold_after=0))
    large = site.proxy.befall(Fault(partial(is_for, "large.jpg"), hold_after=0))
    with ThreadPoolExecutor(1) as threads:
        again = threads.submit(site.get, album)
        eventually(lambda: large.befallen.is_set() or again.done())
        site.proxy.heal()
        again.exception()  # the small object may have been held for too long
    assert large.befallen.is_set()


def test_an_archive_holds_what_the_store_holds(site: Site, filled: str) -> None:
    wanted = {NAMES[path]: data for path, data in FILES.items() if path in NAMES}
    first, second = site.get(filled), site.get(filled)
    assert contents_of(first) == {**wanted, "день 2/": b""}  # which leads to an empty directory
    assert first == second


def test_a_first_download_reads_each_object_once(site: Site, filled: str) -> None:
    site.get(filled)
    for path in NAMES:
        reads = site.proxy.asked_for(f"{filled}/{path}")
        assert sum(asked.sent_bytes for asked in reads) == len(FILES[path])
        assert len(reads) == bool(FILES[path])


def test_any_range_is_that_of_the_whole(site: Site, filled: str) -> None:
    whole = site.get(filled)
    size = len(whole)
    for start, stop in ((0, 10), (500_000, 500_001), (900_000, 2_000_000), (size - 5000, size)):
        assert site.get(filled, f"Range: bytes={start}-{stop - 1}") == whole[start:stop]
    several = site.get(filled, "Range: bytes=0-9, 700000-800000, 1500000-1500000")
    assert whole[700_000:800_001] in several


def test_a_resumed_download_fetches_no_more_than_the_rest(site: Site, filled: str) -> None:
    whole = site.get(filled)
    site.proxy.heal()
    start = whole.index(FILES["day 1/3.jpg"]) + 1_000_000
    assert site.get(filled, f"Range: bytes={start}-") == whole[start:]
    [asked] = site.proxy.asked_for("day 1/3.jpg")
    assert (asked.range, asked.sent_bytes) == ("bytes=1000000-2499999", 1_500_000)
    assert not site.proxy.asked_for("/1.jpg")


def test_a_manifest_tells_what_the_archive_holds(site: Site, filled: str) -> None:
    answer = get(site.server.port, f"/archive/{filled}/manifest.json")
    told = json.loads(answer.content)
    assert told["size"] == len(site.get(filled))
    assert told["count"] == len(NAMES) - 1
    assert {file["name"] for file in told["files"]} >= {"день 2/4_ фото_.jpg", "1.jpg"}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?file=1.jpg", {"1.jpg"}),
        ("?file=day+1/", {"day 1/3.jpg", "day 1/small.txt"}),
        (
            "?file=%D0%B4%D0%B5%D0%BD%D1%8C+2/4:+%D1%84%D0%BE%D1%82%D0%BE?.jpg",
            {"день 2/4_ фото_.jpg"},
        ),
    ],
)
def test_a_subset_is_an_archive_of_its_own(
    site: Site, filled: str, query: str, names: set[str]
) -> None:
    assert set(contents_of(site.get(filled, more=query))) == names


def test_an_album_of_nothing_but_its_marker_has_no_files(site: Site, album: str) -> None:
    site.bucket.put(f"{album}/", b"")
    manifest = get(site.server.port, f"/archive/{album}/manifest.json")
    assert (manifest.status, json.loads(manifest.content)["count"]) == (200, 0)


def test_a_missing_album_is_not_found(site: Site, album: str) -> None:
    assert get(site.server.port, f"/archive/{album}/").status == 404


def test_the_validators_are_those_of_the_objects(site: Site, filled: str) -> None:
    before = request(site.server.port, "HEAD", f"/archive/{filled}/")
    assert "last-modified" not in before
    unmodified = get(site.server.port, f"/archive/{filled}/", f"If-None-Match: {before['etag']}")
    assert unmodified.status == 304
    site.bucket.put(f"{filled}/2.jpg", noise(LARGE_FILE_BYTES, 5))
    after = request(site.server.port, "HEAD", f"/archive/{filled}/")
    assert (after["content-length"], after["etag"]) != (before["content-length"], before["etag"])
    whole = get(
        site.server.port, f"/archive/{filled}/", "Range: bytes=5-", f"If-Range: {before['etag']}"
    )
    assert whole.status == 200


def test_head_reads_no_object(site: Site, filled: str) -> None:
    assert request(site.server.port, "HEAD", f"/archive/{filled}/").status == 200
    assert not [asked for asked in site.proxy.asked if not asked.is_listing]


# What fails before the header fields, and after


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (503, "SlowDown", "slow down"),
        (403, "ExpiredToken", "credentials expired"),
        (404, "NoSuchBucket", "no bucket"),
    ],
)
def test_a_store_that_refuses_a_listing_is_a_503(
    site: Site, filled: str, *, status: int, code: str, reason: str
) -> None:
    after = len(site.server.lines)
    site.proxy.befall(Fault(lambda _: True, times=100, status=status, code=code))
    answer = get(site.server.port, f"/archive/{filled}/")
    assert (answer.status, answer["retry-after"]) == (503, "30")
    assert code.encode() not in answer.content
    site.server.wait_for(f'answer.failed.*reason="?{reason}', after=after)
    assert get(site.server.port, "/readyz").status == 503
    site.proxy.heal()
    assert get(site.server.port, "/readyz").status == 200
    assert site.get(filled)


def test_a_silent_store_is_a_503(site: Site, filled: str, silence: object) -> None:
    after = len(site.server.lines)
    answer = get(site.server.port, f"/archive/{filled}/")
    assert (answer.status, answer["retry-after"]) == (503, "30")
    site.server.wait_for("answer.failed.*reason=timeout", after=after)


def test_an_unreachable_store_is_a_503(bucket: Bucket, tmp_path: Path, free_endpoint: str) -> None:
    variables = bucket.variables(free_endpoint)
    with serving(None, tmp_path, "--photos-dir", bucket.url, variables=variables) as server:
        answer = get(server.port, "/archive/0123456789abcdef/")
        assert (answer.status, answer["retry-after"]) == (503, "30")
        server.wait_for("answer.failed.*reason=unreachable")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(of_objects, times=100, status=503, code="SlowDown"), "slow down"),
        (Fault(of_objects, times=100, status=403, code="ExpiredToken"), "credentials expired"),
        (Fault(of_objects, times=100, hold_after=0), "timeout"),
        (Fault(of_objects, times=100, status=412, code="PreconditionFailed"), "replaced"),
        (Fault(of_objects, times=100, status=404, code="NoSuchKey"), "vanished"),
    ],
    ids=["slow down", "expired", "silence", "replaced", "vanished"],
)
def test_what_fails_behind_the_header_fields_cuts_the_download(
    site: Site, filled: str, fault: Fault, reason: str
) -> None:
    after = len(site.server.lines)
    site.proxy.befall(fault)
    with pytest.raises(Truncated):
        site.get(filled)
    site.server.wait_for(f'download.interrupted.*reason="?{reason}', after=after)


def test_an_object_replaced_on_the_way_cuts_the_download(site: Site, album: str) -> None:
    data = noise(30_000_000)
    site.bucket.put(f"{album}/1.jpg", data)
    site.get(album)  # learns the checksum, so that the next read is the one that is sent
    after = len(site.server.lines)
    fault = site.proxy.befall(Fault(of_objects, hold_after=5_000_000))
    with connected(site.server.port) as connection:
        connection.send("GET", f"/archive/{album}/")
        assert connection.receive_head()[0] == 200
        connection.receive_content(1_000_000)
        assert fault.befallen.wait(10)
        site.bucket.put(f"{album}/1.jpg", b"other")
        fault.released.set()
        with pytest.raises(Truncated):
            connection.receive_content(len(data))
    site.server.wait_for("download.interrupted.*reason=replaced", after=after)
    site.proxy.heal()
    assert contents_of(site.get(album)) == {"1.jpg": b"other"}


def test_a_visitor_does_not_notice_a_broken_read(site: Site, filled: str) -> None:
    whole = site.get(filled)
    site.proxy.heal()
    cuts = {"small.txt": 1, "2.jpg": 100_000, "3.jpg": 500_000}
    faults = [
        site.proxy.befall(Fault(partial(is_for, name), cut_after=cut_after))
        for name, cut_after in cuts.items()
    ]
    assert site.get(filled) == whole
    assert all(fault.befallen.is_set() for fault in faults)
    assert all(len(site.proxy.asked_for(name)) > 1 for name in cuts)


def test_a_visitor_who_leaves_frees_what_was_fetched(site: Site, album: str) -> None:
    site.bucket.put(f"{album}/1.jpg", noise(30_000_000))
    site.get(album)
    with connected(site.server.port, small_window=True) as connection:
        connection.send("GET", f"/archive/{album}/")
        connection.receive_head()
        connection.receive_content(100_000)
        to_store = f"{site.proxy.server.server_port:04X}"
        eventually(lambda: connections_to(site.server.pid, to_store))
        connection.reset()
    eventually(lambda: not connections_to(site.server.pid, to_store), within_s=5)


def connections_to(pid: int, port: str) -> int:
    """Count connections that have bytes on their way from a port."""
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return sum(row[2].endswith(f":{port}") and int(row[4].split(":")[1], 16) > 0 for row in rows)


def test_no_secret_and_no_key_is_logged(site: Site, filled: str) -> None:
    site.get(filled)
    log = "\n".join(site.server.lines)
    assert filled not in log
    assert "small.txt" not in log
    assert "a-secret-of-the-tests" not in log


def test_a_service_over_a_store_stops_at_once(bucket: Bucket, tmp_path: Path, album: str) -> None:
    bucket.put(f"{album}/1.jpg", b"x")
    flags = ("--photos-dir", bucket.url, "--workers", "2")
    with serving(None, tmp_path, *flags, variables=bucket.variables()) as server:
        assert contents_of(get(server.port, f"/archive/{album}/").content) == {"1.jpg": b"x"}
        assert server.stop(signal.SIGTERM) == 0
