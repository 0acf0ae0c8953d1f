"""A download that the service cuts has failed for its visitor, through each front web server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from front.conftest import Site
from front.fronts import running
from front.http2 import End, http2_stream
from front.place import HOST
from front.programs import COMMANDS, WITHOUT_HTTP2
from harness.albums import make_sparse
from harness.chromium import started_chromium
from harness.firefox import started_firefox
from harness.server import serving

pytestmark = pytest.mark.front

FILE_BYTES = 30_000_000
BYTES_PER_S = 6_000_000
ALBUM = "c" * 32
TARGET = f"/archive/{ALBUM}/"
WITH_HTTP3 = ("caddy",)


@pytest.fixture(scope="module", params=COMMANDS)
def slow_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A front web server before a service that sends slowly enough to be disturbed."""
    photos_dir, cache_dir = map(tmp_path_factory.mktemp, ("photos", "cache"))
    flags = ("--trusted-proxies", "127.0.0.1", "--rate-limit-per-download", f"{BYTES_PER_S}")
    with (
        serving(photos_dir, cache_dir, *flags) as service,
        running(request.param, service_port=service.port) as front,
    ):
        yield Site(request.param, front, service, photos_dir)


class Album:
    """An album whose download is cut, so that nothing is left to begin anew with."""

    def __init__(self, site: Site) -> None:
        (site.photos_dir / ("d" * 32)).mkdir(exist_ok=True)  # without any album the disk is lost
        self._site = site
        self._path = make_sparse(site.photos_dir / ALBUM / "1.jpg", FILE_BYTES)
        self._after = len(site.service.lines)

    def shorten(self) -> None:
        """Remove the end of the file, and the album for whoever asks again."""
        self._site.service.wait_for(r"event=download\.started", after=self._after)
        with self._path.open("r+b") as file:
            file.truncate(FILE_BYTES - 1_000_000)
        shutil.rmtree(self._path.parent)

    def assert_was_cut(self) -> None:
        self._site.service.wait_for(
            r"event=download\.interrupted .*reason=(resized|vanished|rewritten)", after=self._after
        )


@pytest.fixture
def album(slow_site: Site) -> Album:
    return Album(slow_site)


def test_a_stream_of_http2_is_reset(slow_site: Site, album: Album) -> None:
    if slow_site.name in WITHOUT_HTTP2:
        pytest.skip(f"no HTTP/2: {WITHOUT_HTTP2[slow_site.name]}")
    with http2_stream(slow_site.front, TARGET) as stream:
        stream.first_window()
        album.shorten()
        assert stream.end() is End.RESET
        album.assert_was_cut()
        assert stream.received_bytes < FILE_BYTES


def test_a_stream_of_http3_is_reset(slow_site: Site, album: Album) -> None:
    if slow_site.name not in WITH_HTTP3:
        pytest.skip("no HTTP/3")
    pytest.importorskip("aioquic")
    from front.http3 import end_over_http3  # noqa: PLC0415 - of a library that may be missing

    assert end_over_http3(slow_site.front, TARGET, album.shorten) is End.RESET
    album.assert_was_cut()


def test_chromium_calls_it_failed(slow_site: Site, album: Album, tmp_path: Path) -> None:
    resolving = f"--host-resolver-rules=MAP {HOST} 127.0.0.1"
    with started_chromium(tmp_path, "--ignore-certificate-errors", resolving) as chromium:
        chromium.start_download(f"https://{HOST}:{slow_site.front.port}{TARGET}")
        chromium.wait_for(lambda: chromium.received_bytes)
        album.shorten()
        album.assert_was_cut()
        assert not chromium.is_complete(), chromium.description()


def test_firefox_calls_it_failed(slow_site: Site, album: Album, tmp_path: Path) -> None:
    with started_firefox(tmp_path) as firefox:
        firefox.start_download(f"https://{HOST}:{slow_site.front.port}{TARGET}")
        firefox.wait_for(lambda: (firefox.download() or {}).get("bytes"))
        album.shorten()
        album.assert_was_cut()
        firefox.wait_for(lambda: (firefox.download() or {}).get("stopped"))
        download = firefox.download()
        assert download is not None
        assert not download["succeeded"]
        assert download["error"]
