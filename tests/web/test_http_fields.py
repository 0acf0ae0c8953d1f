"""The fields that every kind of answer carries, and HEAD beside GET."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, noise, settle
from harness.conditions import eventually
from harness.http import Connection, Response, connected
from harness.server import Server, serving

ARCHIVE = f"/archive/{HASH}/"
MANIFEST = f"{ARCHIVE}manifest.json"
LARGE_BYTES = 2_000_000
TOO_DEEP = "too-deep"
ALWAYS = {
    "cache-control": "private, no-cache",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
    "referrer-policy": "no-referrer",
    "server": "archive-service",
}


@dataclass(frozen=True)
class Case:
    """A request, and what kind of answer it gets."""

    status: int
    target: str
    field_lines: tuple[str, ...] = ()
    method: str = "GET"
    content_type: str | None = "text/html; charset=utf-8"
    accept_ranges: str = "bytes"


ZIP, JSON, PAGE_JSON = "application/zip", "application/json", "application/json; charset=utf-8"
CASES = {
    "archive": Case(200, ARCHIVE, content_type=ZIP),
    "subset": Case(200, f"{ARCHIVE}?file=1.jpg", content_type=ZIP),
    "one range": Case(206, ARCHIVE, ("Range: bytes=0-9",), content_type=ZIP),
    "several ranges": Case(206, ARCHIVE, ("Range: bytes=0-9,500-509",), content_type="multipart/"),
    "redirect": Case(301, ARCHIVE[:-1], content_type=None),
    "not modified": Case(304, ARCHIVE, ("If-None-Match: *",), content_type=None),
    "bad name": Case(400, f"{ARCHIVE}?name="),
    "bad file": Case(400, f"{ARCHIVE}?file="),
    "no album": Case(404, "/archive/none/"),
    "malformed": Case(404, "/archive/.none/"),
    "no file": Case(404, f"{ARCHIVE}?file=none"),
    "failed": Case(412, ARCHIVE, ('If-Match: "none"',)),
    "unsatisfiable": Case(416, ARCHIVE, ("Range: bytes=-0",)),
    "too deep": Case(503, f"/archive/{TOO_DEEP}/"),
    "failed, JSON": Case(
        412, ARCHIVE, ('If-Match: "none"', f"Accept: {JSON}"), content_type=PAGE_JSON
    ),
    "manifest": Case(200, MANIFEST, content_type=JSON),
    "range of manifest": Case(206, MANIFEST, ("Range: bytes=0-9",), content_type=JSON),
    "manifest, not modified": Case(304, MANIFEST, ("If-None-Match: *",), content_type=None),
    "manifest of none": Case(404, "/archive/none/manifest.json"),
    "method": Case(405, ARCHIVE, method="DELETE"),
    "method of manifest": Case(405, MANIFEST, method="PUT"),
    "form of another type": Case(415, ARCHIVE, method="POST"),
    "index": Case(200, "/", accept_ranges="none"),
    "no page": Case(404, "/favicon.ico", accept_ranges="none"),
    "method of index": Case(405, "/", method="POST", accept_ranges="none"),
}


@pytest.fixture(scope="module")
def photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos")
    settle(make_album(path, {"1.jpg": noise(1000), "2.jpg": noise(LARGE_BYTES)}))
    make_album(path, {"d/" * 70: b""}, TOO_DEEP)
    return path


@pytest.fixture(scope="module")
def server(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(photos_dir, tmp_path_factory.mktemp("cache")) as server:
        with connected(server.port) as connection:
            eventually(lambda: has_settled(connection.exchange("HEAD", ARCHIVE)))
        yield server


def has_settled(answer: Response) -> bool:
    """Return whether Last-Modified stays as it is."""
    return parsedate_to_datetime(answer["date"]) > parsedate_to_datetime(answer["last-modified"])


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def answer(connection: Connection, case: Case) -> Response:
    answer = connection.exchange(case.method, case.target, *case.field_lines)
    assert answer.status == case.status
    return answer


class TestEveryAnswer:
    def test_carries_what_is_promised(self, answer: Response) -> None:
        assert {name: answer.fields.get(name) for name in ALWAYS} == ALWAYS

    def test_says_no_field_twice(self, answer: Response) -> None:
        names = [name for name, _ in answer.field_lines]
        assert sorted(names) == sorted(set(names))

    def test_has_a_date(self, answer: Response) -> None:
        # section 6.6.1: "An origin server with a clock MUST generate a Date header field"
        parsedate_to_datetime(answer["date"])

    def test_is_never_chunked_or_encoded(self, answer: Response) -> None:
        assert "transfer-encoding" not in answer
        assert "content-encoding" not in answer

    def test_tells_its_exact_length(self, answer: Response) -> None:
        # section 8.6; a 304 could only repeat the length of the 200
        if answer.status == 304:
            assert "content-length" not in answer
        else:
            assert int(answer["content-length"]) == len(answer.content)

    def test_tells_its_type(self, answer: Response, case: Case) -> None:
        # section 8.3: "A sender that generates a message containing content SHOULD"
        if case.content_type is None:
            assert "content-type" not in answer
        else:
            assert answer["content-type"].startswith(case.content_type)

    def test_tells_of_ranges(self, answer: Response, case: Case) -> None:
        # section 14.3
        assert answer["accept-ranges"] == case.accept_ranges

    def test_tells_the_versions_of_nothing(self, answer: Response) -> None:
        fields = " ".join(value for _, value in answer.field_lines)
        assert not re.search(r"aiohttp|python", fields, re.IGNORECASE)
        assert "x-powered-by" not in answer

    def test_page_loads_and_runs_nothing_foreign(self, answer: Response) -> None:
        if answer.fields.get("content-type", "").startswith("text/html"):
            assert "default-src 'none'" in answer["content-security-policy"]

    def test_negotiated_answer_varies(self, answer: Response) -> None:
        # section 12.5.5
        if "content-language" in answer:
            assert answer["vary"] == "Accept, Accept-Language"

    def test_validators_are_those_of_the_archive(self, answer: Response) -> None:
        # section 8.8.3: an entity tag is "for the selected representation", and a page is another
        has_validators = answer.status in (200, 206, 304) and "content-language" not in answer
        assert ("etag" in answer) is has_validators
        assert ("last-modified" in answer) is has_validators

    def test_only_bytes_of_the_archive_are_saved_as_a_file(
        self, answer: Response, case: Case
    ) -> None:
        is_download = answer.status in (200, 206) and case.target.startswith(ARCHIVE)
        is_archive = is_download and "manifest" not in case.target
        assert ("content-disposition" in answer) is is_archive
        if is_archive:
            assert answer["content-disposition"] == 'attachment; filename="archive.zip"'


HEAD_CASES = {name: case for name, case in CASES.items() if case.method == "GET"}


class TestHead:
    """Section 9.3.2: "the same header fields in response to a HEAD request as if [...] GET"."""

    @pytest.fixture(params=HEAD_CASES.values(), ids=HEAD_CASES.keys())
    def case(self, request: pytest.FixtureRequest) -> Case:
        found: Case = request.param
        return found

    def test_equals_get_field_by_field(self, connection: Connection, case: Case) -> None:
        # section 14.2: Range is defined for GET alone
        field_lines = [line for line in case.field_lines if not line.startswith("Range")]
        of_get = connection.exchange("GET", case.target, *field_lines)
        of_head = connection.exchange("HEAD", case.target, *case.field_lines)
        assert of_head.status == of_get.status
        assert comparable(of_head) == comparable(of_get)

    def test_sends_no_content(self, connection: Connection, case: Case) -> None:
        connection.exchange("HEAD", case.target, *case.field_lines)
        # Content would stand where this answer begins.
        assert connection.exchange("GET", MANIFEST).status == 200


def comparable(answer: Response) -> list[tuple[str, str]]:
    """Return the fields without the clock and without chance."""
    return [
        (name, re.sub(r"'nonce-[^']+'", "'nonce'", value))
        for name, value in answer.field_lines
        if name != "date"
    ]


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="counts what is read by /proc")
def test_head_reads_no_file(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache_dir = tmp_path_factory.mktemp("cache")
    with serving(photos_dir, cache_dir) as server, connected(server.port) as connection:
        connection.exchange("HEAD", "/archive/none/")
        before = read_bytes(server)
        for target in (ARCHIVE, MANIFEST, f"{ARCHIVE}?file=2.jpg"):
            assert connection.exchange("HEAD", target).status == 200
        assert connection.exchange("GET", MANIFEST).status == 200
        assert read_bytes(server) - before < LARGE_BYTES
        assert known_checksums(cache_dir) == 0
        connection.exchange("GET", ARCHIVE)
        assert read_bytes(server) - before >= LARGE_BYTES
        eventually(lambda: known_checksums(cache_dir) == 2)


def read_bytes(server: Server) -> int:
    """Return what the process has read so far, from files and sockets alike (Linux)."""
    counters = Path(f"/proc/{server.pid}/io").read_text()
    return int(counters.partition("rchar: ")[2].split()[0])


def known_checksums(cache_dir: Path) -> int:
    """Return how many CRC-32 values of files the index holds, in blocks without a date."""
    for path in cache_dir.glob("crc-*.sqlite3"):
        with closing(sqlite3.connect(path)) as index:
            # The server may be about to make the table.
            if not index.execute("SELECT 1 FROM sqlite_master WHERE name = 'crc'").fetchone():
                continue
            (found,) = index.execute(
                "SELECT sum(length(crc32s)) FROM crc WHERE length(paths) > 0"
            ).fetchone()
            return int(found or 0) // 4
    return 0
