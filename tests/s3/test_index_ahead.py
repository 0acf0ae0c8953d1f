"""Albums of a store indexed before anybody asks: only where that was asked for."""

from __future__ import annotations

from pathlib import Path

from harness.albums import noise
from harness.conditions import eventually
from harness.faulty import FaultyStore
from harness.http import get
from harness.s3 import Bucket
from harness.server import serving

HASH = "0123456789abcdef"
LARGE, KNOWN = noise(2_000_000), noise(1_000_000)


def test_a_scan_learns_what_the_store_does_not_know(
    bucket: Bucket, proxy: FaultyStore, tmp_path: Path, album: str
) -> None:
    bucket.put_album(f"{album}/{HASH}", {"1.jpg": LARGE, "2.txt": b"small"})
    bucket.put(f"{album}/{HASH}/3.jpg", KNOWN, ChecksumAlgorithm="CRC32")
    flags = ("--photos-dir", f"{bucket.url}/{album}", "--index-ahead", "scan", "--level", "debug")
    variables = bucket.variables(proxy.endpoint)
    with serving(None, tmp_path, *flags, variables=variables) as server:
        server.wait_for("index_ahead.indexed.*files=3")
        eventually(lambda: len(proxy.asked_for("1.jpg")) == 1)
        assert not proxy.asked_for("3.jpg")
        assert get(server.port, f"/archive/{HASH}/").status == 200
    assert [len(proxy.asked_for(name)) for name in ("1.jpg", "3.jpg")] == [2, 1]
    assert len(proxy.asked_for("1.jpg", "HEAD")) == 1


def test_a_store_is_not_read_by_default(
    bucket: Bucket, proxy: FaultyStore, tmp_path: Path, album: str
) -> None:
    bucket.put(f"{album}/{HASH}/1.jpg", LARGE)
    flags = ("--photos-dir", f"{bucket.url}/{album}", "--index-ahead", "watch", "--level", "debug")
    variables = bucket.variables(proxy.endpoint)
    with serving(None, tmp_path, *flags, variables=variables) as server:
        assert get(server.port, f"/archive/{HASH}/manifest.json").status == 200
        assert all(asked.is_listing for asked in proxy.asked)
        assert not any("index_ahead" in line for line in server.lines)
