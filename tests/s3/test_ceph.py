"""The service over Ceph: what moto leaves out, and that a second store is served as well."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.albums import noise
from harness.ceph import ceph
from harness.faulty import Fault, faulty_store
from harness.http import Truncated, connected, get, request
from harness.oracle import contents_of
from harness.s3 import Bucket
from harness.server import Server, serving

pytestmark = pytest.mark.containers

MANY = 1005
FILES = {
    "1.jpg": noise(1_000_000, 1),
    "2.jpg": noise(20_000_000, 2),
    "day 1/3.jpg": noise(128 * 1024, 3),
    "day 1/small.txt": b"small",
    "day 1/empty": b"",
}
ODD = {
    "a//b": b"1",
    "a/b": b"2",
    "a": b"3",
    "../c": b"4",
    "d/../e": b"5",
    "./f": b"6",
    "/g": b"7",
    "new\nline + %41&?#": b"8",
    "marker/": b"",
    "e\N{COMBINING ACUTE ACCENT} \N{CYRILLIC SMALL LETTER YA}\U0001f600": b"9",
}
HIDDEN = {"../c", "d/../e", "./f"}
"""Their names begin with a dot."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    with ceph(tmp_path_factory.mktemp("ceph")) as bucket:
        yield bucket


@pytest.fixture(scope="module")
def server(store: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    cache_dir = tmp_path_factory.mktemp("cache")
    flags = ("--photos-dir", store.url)
    with serving(None, cache_dir, *flags, variables=store.variables()) as server:
        yield server


def downloaded(server: Server, album: str, *field_lines: str) -> bytes:
    answer = get(server.port, f"/archive/{album}/", *field_lines)
    assert answer.status in (200, 206)
    return answer.content


def test_a_download_is_what_was_uploaded_on_every_replica(
    store: Bucket, server: Server, album: str, tmp_path: Path
) -> None:
    store.put_album(album, FILES)
    first, second = downloaded(server, album), downloaded(server, album)
    assert contents_of(first) == FILES
    assert second == first
    flags, variables = ("--photos-dir", store.url), store.variables()
    with serving(None, tmp_path, *flags, variables=variables) as replica:
        assert downloaded(replica, album) == first
        etags = {request(s.port, "HEAD", f"/archive/{album}/")["etag"] for s in (server, replica)}
    assert len(etags) == 1


def test_ranges_are_those_of_the_whole(store: Bucket, server: Server, album: str) -> None:
    store.put_album(album, FILES)
    whole = downloaded(server, album)
    for start, stop in ((0, 100), (500_000, 3_000_000), (len(whole) - 400_000, len(whole))):
        ranged = downloaded(server, album, f"Range: bytes={start}-{stop - 1}")
        assert ranged == whole[start:stop]


def test_more_than_a_thousand_keys_are_listed(store: Bucket, server: Server, album: str) -> None:
    store.put_album(album, {f"{number:04}.txt": b"%d" % number for number in range(MANY)})
    assert contents_of(downloaded(server, album)) == {
        f"{number:04}.txt": b"%d" % number for number in range(MANY)
    }


def test_odd_keys_become_names_that_can_be_unpacked(
    store: Bucket, server: Server, album: str, tmp_path: Path
) -> None:
    store.put_album(album, ODD)
    seen = {data for path, data in ODD.items() if path not in HIDDEN}
    assert set(contents_of(downloaded(server, album)).values()) == seen
    (tmp_path / "cache").mkdir()
    flags = ("--photos-dir", store.url, "--exclude", ",")
    with serving(None, tmp_path / "cache", *flags, variables=store.variables()) as unsparing:
        archive = downloaded(unsparing, album)
    files = contents_of(archive)
    assert sorted(files.values()) == sorted(ODD.values())
    assert len({name.lower() for name in files}) == len(files)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        opened.extractall(tmp_path / "unpacked")
    written = [path for path in (tmp_path / "unpacked").rglob("*") if path.is_file()]
    assert sorted(path.read_bytes() for path in written) == sorted(filter(None, ODD.values()))


def test_a_replaced_object_is_noticed(store: Bucket, tmp_path: Path, album: str) -> None:
    data = noise(30_000_000, 1)
    store.put(f"{album}/1.jpg", data)
    with faulty_store(store.endpoint) as proxy:
        flags, variables = ("--photos-dir", store.url), store.variables(proxy.endpoint)
        with serving(None, tmp_path, *flags, variables=variables) as server:
            downloaded(server, album)
            fault = proxy.befall(Fault(lambda asked: not asked.is_listing, cut_after=1_000_000))
            with connected(server.port, small_window=True) as connection:
                connection.send("GET", f"/archive/{album}/")
                assert connection.receive_head()[0] == 200
                assert fault.befallen.wait(10)
                store.put(f"{album}/1.jpg", data[::-1])
                connection.open_window()
                with pytest.raises(Truncated):
                    connection.receive_content(len(data))
            server.wait_for("download.interrupted.*reason=replaced")
            assert contents_of(downloaded(server, album)) == {"1.jpg": data[::-1]}


def test_a_wrong_secret_opens_nothing(store: Bucket, tmp_path: Path, album: str) -> None:
    store.put(f"{album}/1.jpg", b"x")
    wrong = {**store.variables(), "AWS_SECRET_ACCESS_KEY": "another-secret"}
    with serving(None, tmp_path, "--photos-dir", store.url, variables=wrong) as server:
        answer = get(server.port, f"/archive/{album}/")
        assert (answer.status, answer["retry-after"]) == (503, "30")
        server.wait_for('answer.failed.*reason="wrong credentials"')
        assert get(server.port, "/readyz").status == 503
