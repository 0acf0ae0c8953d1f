"""A store that takes the name of the bucket in the host alone, as some providers' do."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import pytest
from harness.commands import run_command
from harness.s3 import BUCKET, Bucket

ENDPOINT = "http://store.example"
TIMEOUT_S = 60.0
PASSED_ON = ("Authorization", "Range", "If-Match")
PASSED_BACK = ("ETag", "Last-Modified", "Content-Type", "Content-Range", "Accept-Ranges")
REFUSAL = b"<Error><Code>SecondLevelDomainForbidden</Code></Error>"


@pytest.fixture(scope="module")
def network(bucket: Bucket) -> Iterator[str]:
    """A proxy that knows `store.example` and what lies below it: the store of the tests."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.netloc != f"{BUCKET}.{urlsplit(ENDPOINT).netloc}":
                self.answer(403, REFUSAL)
                return
            store = HTTPConnection(urlsplit(bucket.endpoint).netloc, timeout=TIMEOUT_S)
            try:
                given = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
                store.request("GET", f"/{BUCKET}{asked.path}?{asked.query}", headers=given)
                found = store.getresponse()
                fields = {
                    name: found.headers[name] for name in PASSED_BACK if name in found.headers
                }
                self.answer(found.status, found.read(), fields)
            finally:
                store.close()

        def answer(
            self, status: int, content: bytes, fields: Mapping[str, str] = MappingProxyType({})
        ) -> None:
            self.send_response(status)
            for name, value in {**fields, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def checked(
    network: str, bucket: Bucket, album: str, directory: Path, **more: str
) -> tuple[int, str]:
    variables = {
        **bucket.variables(ENDPOINT),
        "HTTP_PROXY": network,
        "PHOTOS_DIR": f"{bucket.url}/{album}",
        **more,
    }
    arguments = ["check", "--port", "0", "--cache-dir", str(directory)]
    done = run_command(arguments, directory, variables=variables)
    return done.returncode, done.stdout


def test_albums_are_read_where_the_bucket_is_in_the_host(
    network: str, bucket: Bucket, album: str, tmp_path: Path
) -> None:
    bucket.put(f"{album}/one/1.jpg", b"one")
    status, text = checked(network, bucket, album, tmp_path, S3_ADDRESSING="virtual")
    assert status == 0, text
    assert f"1 in {bucket.url}/{album}" in text


@pytest.mark.parametrize("addressing", ["path", "auto"])
def test_check_finds_the_addressing_that_the_store_takes(
    addressing: str, network: str, bucket: Bucket, album: str, tmp_path: Path
) -> None:
    bucket.put(f"{album}/one/1.jpg", b"one")
    status, text = checked(network, bucket, album, tmp_path, S3_ADDRESSING=addressing)
    assert status == 1
    assert "can't be read (other addressing): set S3_ADDRESSING=virtual, with which" in text


def test_check_finds_that_a_store_knows_its_bucket_in_the_path_alone(
    bucket: Bucket, album: str, tmp_path: Path, network: str
) -> None:
    """Whoever has no name for each bucket, as most stores of one's own."""
    bucket.put(f"{album}/one/1.jpg", b"one")
    here = bucket.endpoint.replace("127.0.0.1", "localhost")
    variables = {"AWS_ENDPOINT_URL": here, "HTTP_PROXY": "", "S3_TIMEOUT": "2"}
    status, text = checked(network, bucket, album, tmp_path, S3_ADDRESSING="virtual", **variables)
    assert status == 1
    assert "set S3_ADDRESSING=path, with which the store answers" in text
