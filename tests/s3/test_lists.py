"""Lists in a store and on a disk, of albums in a store and on a disk: all four are one archive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from harness.albums import make_album, noise
from harness.faulty import FaultyStore
from harness.http import get
from harness.lists import write_list
from harness.oracle import contents_of
from harness.s3 import BUCKET, Bucket
from harness.server import Server, serving

ONE, OTHER = "3bea29ccabbbf64bdebcc055319c5745", "af1ad8c76fda2e48ea9aed2937e972ea"
ALBUMS = {
    ONE: {
        "1.jpg": noise(200_000, 1),
        "1.jpg.copy": noise(5, 9),
        "half.jpg": b"half",
        "half.jpg.aria2": b"",
        ".hidden": b"never",
        **{f"many/{number}.jpg": noise(100, number) for number in range(30)},
    },
    OTHER: {"1.jpg": noise(20, 3), "deep/er/4.jpg": noise(150_000, 4), "deep/x": b"x"},
}
DOCUMENT = {
    "name": "Order",
    "missing": "skip",
    "files": [
        {"path": f"{ONE}/1.jpg", "as": "a/1.jpg"},
        {"path": f"{OTHER}/deep/", "as": "b"},
        {"path": f"{OTHER}/1.jpg"},
        *({"path": f"{ONE}/many/{number}.jpg"} for number in range(25)),
        {"path": f"{ONE}/half.jpg"},
        {"path": f"{ONE}/.hidden"},
        {"path": f"{ONE}/none.jpg"},
        {"text": "Hello", "as": "README.txt"},
    ],
}
HELD = {
    "1.jpg": ALBUMS[OTHER]["1.jpg"],
    "README.txt": b"Hello",
    "a/1.jpg": ALBUMS[ONE]["1.jpg"],
    "b/er/4.jpg": ALBUMS[OTHER]["deep/er/4.jpg"],
    "b/x": b"x",
    **{f"many/{number}.jpg": ALBUMS[ONE][f"many/{number}.jpg"] for number in range(25)},
}
LIST = "order-1234"
TARGET = f"/archive/{LIST}/"
LISTS = f"s3://{BUCKET}/lists"


def put_list(bucket: Bucket, document: object, name: str) -> None:
    data = json.dumps(document).encode()
    bucket.client.put_object(Bucket=BUCKET, Key=f"lists/{name}.json", Body=data)


@pytest.fixture(scope="module")
def site(bucket: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    for name, files in ALBUMS.items():
        make_album(root / "photos", files, name)
        bucket.put_album(name, files)
    write_list(root / "lists", DOCUMENT, LIST)
    put_list(bucket, DOCUMENT, LIST)
    return root


@pytest.fixture(params=["disk/store", "store/disk", "store/store"])
def server(
    request: pytest.FixtureRequest, site: Path, bucket: Bucket, tmp_path: Path
) -> Iterator[Server]:
    photos, lists = request.param.split("/")
    flags = ["--lists-dir", str(site / "lists") if lists == "disk" else LISTS]
    photos_dir = site / "photos" if photos == "disk" else None
    if photos == "store":
        flags += ["--photos-dir", bucket.url]
    with serving(photos_dir, tmp_path, *flags, variables=bucket.variables()) as server:
        yield server


def test_a_list_is_an_archive_wherever_it_and_its_albums_lie(server: Server) -> None:
    for _ in range(2):
        answer = get(server.port, TARGET)
        assert answer.status == 200
        assert contents_of(answer.content) == HELD
    resumed = get(server.port, TARGET, "Range: bytes=1000-", f"If-Range: {answer['etag']}")
    assert resumed.content == answer.content[1000:]
    manifest = json.loads(get(server.port, f"{TARGET}manifest.json").content)
    assert set(manifest["missing"]) == {"half.jpg", ".hidden", "none.jpg"}
    assert get(server.port, "/archive/no-list/").status == 404


def test_a_list_that_is_put_anew_is_another_archive(
    site: Path, bucket: Bucket, tmp_path: Path
) -> None:
    flags = ("--lists-dir", LISTS, "--photos-dir", bucket.url)
    with serving(None, tmp_path, *flags, variables=bucket.variables()) as server:
        for path in ("1.jpg", "1.jpg.copy"):
            document = {"files": [{"path": f"{ONE}/{path}"}]}
            put_list(bucket, document, "anew")
            answer = get(server.port, "/archive/anew/")
            assert ZipFile(BytesIO(answer.content)).namelist() == [path]


def test_a_few_files_are_asked_for_alone(
    site: Path, bucket: Bucket, proxy: FaultyStore, tmp_path: Path
) -> None:
    """The 32 objects of the directory would be two pages."""
    flags = ("--lists-dir", str(site / "lists"), "--photos-dir", bucket.url)
    write_list(site / "lists", {"files": [{"path": f"{ONE}/many/29.jpg"}]}, "few")
    with serving(None, tmp_path, *flags, variables=bucket.variables(proxy.endpoint)) as server:
        proxy.heal()
        assert get(server.port, "/archive/few/manifest.json").status == 200
        listings = [asked for asked in proxy.asked if asked.is_listing and ONE in asked.path]
        assert len(listings) == 1
