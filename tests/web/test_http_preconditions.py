"""Conditional requests on the wire: the oracle is RFC 9110 section 13."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from functools import partial
from pathlib import Path
from time import gmtime, strftime

import pytest
from harness.albums import HASH, make_album, noise
from harness.byteranges import body_parts, content_range
from harness.clock import clock_stopped
from harness.conditions import eventually
from harness.http import Connection, Response, connected, request
from harness.remembered import remember_for_long
from harness.server import Server, serving

ALBUM = {"1.jpg": noise(1000), "2.jpg": noise(200_000), "empty": b"", "sub/": b""}
TARGETS = {
    "archive": f"/archive/{HASH}/",
    "subset": f"/archive/{HASH}/?file=1.jpg&file=empty",
    "manifest": f"/archive/{HASH}/manifest.json",
}
OTHER = '"other"'


@dataclass(frozen=True)
class Known:
    """What a client knows of a target from an earlier answer."""

    target: str
    content: bytes
    etag: str
    last_modified: str

    def filled(self, field_line: str) -> str:
        """Fill in the validators, and dates around Last-Modified in all forms."""
        date_s = int(parsedate_to_datetime(self.last_modified).timestamp())
        return field_line.format(
            etag=self.etag,
            weak=f"W/{self.etag}",
            bare=self.etag.strip('"'),
            date=self.last_modified,
            before=formatdate(date_s - 1, usegmt=True),
            after=formatdate(date_s + 1, usegmt=True),
            date_850=strftime("%A, %d-%b-%y %H:%M:%S GMT", gmtime(date_s)),
            before_850=strftime("%A, %d-%b-%y %H:%M:%S GMT", gmtime(date_s - 1)),
            date_c=strftime("%a %b %e %H:%M:%S %Y", gmtime(date_s)),
            before_c=strftime("%a %b %e %H:%M:%S %Y", gmtime(date_s - 1)),
            length=len(self.content),
        )


@pytest.fixture(scope="module")
def photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Albums to read, and one for each change."""
    path = tmp_path_factory.mktemp("photos")
    for name in (HASH, *CHANGES):
        make_album(path, ALBUM, name)
    return path


@pytest.fixture(scope="module")
def server(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    cache_dir = tmp_path_factory.mktemp("cache")
    remember_for_long(photos_dir, cache_dir)
    with serving(photos_dir, cache_dir) as server:
        for album in photos_dir.iterdir():
            eventually(partial(has_strong_date, server.port, f"/archive/{album.name}/"))
        yield server


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    """One connection for all tables: whatever an answer has too much of spoils the next one."""
    with connected(server.port) as connection:
        yield connection


@pytest.fixture(scope="module", params=TARGETS)
def known(request: pytest.FixtureRequest, connection: Connection) -> Known:
    target = TARGETS[request.param]
    whole = connection.exchange("GET", target)
    assert whole.status == 200
    return Known(target, whole.content, whole["etag"], whole["last-modified"])


def has_strong_date(port: int, target: str) -> bool:
    """Return whether the second that Last-Modified names is over (section 8.8.2.2)."""
    answer = request(port, "HEAD", target)
    return parsedate_to_datetime(answer["date"]) > parsedate_to_datetime(answer["last-modified"])


def ask(connection: Connection, known: Known, method: str, *field_lines: str) -> Response:
    return connection.exchange(method, known.target, *map(known.filled, field_lines))


def assert_is(answer: Response, status: int, known: Known, method: str) -> None:
    assert answer.status == status
    if status == 200:
        assert (answer["etag"], answer["last-modified"]) == (known.etag, known.last_modified)
        assert int(answer["content-length"]) == len(known.content)
        assert answer.content == (known.content if method == "GET" else b"")
    elif status == 206:
        assert answer["etag"] == known.etag
    elif status == 304:  # section 15.4.5
        assert (answer["etag"], answer["last-modified"]) == (known.etag, known.last_modified)
        assert "content-type" not in answer
        assert "content-disposition" not in answer
    else:  # a page, which the validators of the archive aren't about
        assert "etag" not in answer
        assert "last-modified" not in answer
        assert answer["content-type"].startswith("text/html")
        assert bool(answer.content) == (method == "GET")


# Some of each kind: tests/unit/http has all forms and every combination.
SINGLE = [
    # section 13.1.1
    (200, "If-Match: *"),
    (200, 'If-Match: ,, "a",,{etag} ,'),
    (412, "If-Match: {weak}"),
    (412, 'If-Match: "{bare}, x"'),
    (412, "If-Match:"),
    # section 13.1.2
    (304, "If-None-Match: *"),
    (304, 'If-None-Match: "a", {weak}, "b"'),
    (200, f"If-None-Match: {OTHER}"),
    (200, "If-None-Match:"),
    # section 13.1.3
    (304, "If-Modified-Since: {date}"),
    (304, "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT"),
    (304, "If-Modified-Since: {date_850}"),
    (200, "If-Modified-Since: {before_c}"),
    (200, "If-Modified-Since: today"),
    # section 13.1.4
    (200, "If-Unmodified-Since: {date}"),
    (200, "If-Unmodified-Since: {date_c}"),
    (412, "If-Unmodified-Since: {before_850}"),
    (200, "If-Unmodified-Since: {before}, {before}"),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("status", "field_line"), SINGLE)
def test_one_condition(
    connection: Connection, known: Known, method: str, status: int, field_line: str
) -> None:
    assert_is(ask(connection, known, method, field_line), status, known, method)


COMBINED = [
    # section 13.2.2
    (412, [f"If-Match: {OTHER}", "If-None-Match: {etag}"]),
    (200, ["If-Match: {etag}", "If-Unmodified-Since: {before}"]),
    (304, ["If-Unmodified-Since: {date}", "If-Modified-Since: {date}"]),
    (200, [f"If-None-Match: {OTHER}", "If-Modified-Since: {date}"]),
    (304, ["If-Modified-Since: {before}", "If-None-Match: *", "If-Unmodified-Since: {before}",
           "If-Match: *"]),
    # section 5.3: the lines of a list are one list
    (200, [f"If-Match: {OTHER}", "If-Match: {etag}"]),
    (304, [f"If-None-Match: {OTHER}", "If-None-Match: {weak}"]),
    # sections 13.1.3 and 13.1.4: two dates are no date
    (200, ["If-Modified-Since: {date}", "If-Modified-Since: {date}"]),
    (200, ["If-Unmodified-Since: {before}", "If-Unmodified-Since: {before}"]),
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("status", "field_lines"), COMBINED)
def test_conditions_are_taken_in_order(
    connection: Connection, known: Known, method: str, status: int, field_lines: list[str]
) -> None:
    assert_is(ask(connection, known, method, *field_lines), status, known, method)


WITH_RANGE = [
    # section 13.2.2: Range is looked at where the preconditions lead to a 200 (section 14.2)
    (206, ["If-Match: {etag}"]),
    (206, ["If-Modified-Since: {before}"]),
    (206, ["If-Unmodified-Since: {date}"]),
    (412, [f"If-Match: {OTHER}"]),
    (304, ["If-None-Match: {etag}"]),
    # step 5 comes last
    (412, [f"If-Match: {OTHER}", "If-Range: {etag}"]),
    (304, ["If-None-Match: {etag}", f"If-Range: {OTHER}"]),
    (200, ["If-Match: {etag}", f"If-Range: {OTHER}"]),
    # section 13.1.5
    (206, ["If-Range: \t{etag} "]),
    (200, ["If-Range: {weak}"]),
    (200, ["If-Range:"]),
    (200, ["If-Range: {etag}", "If-Range: {etag}"]),
    (206, ["If-Range: {date}"]),
    (200, ["If-Range: {after}"]),
    (200, ["If-Range: {date}", "If-Range: {date}"]),
]


def of_target(known: Known, status: int, field_lines: list[str]) -> int:
    """Return the status for a target: a bare range never continues a manifest."""
    guards = ("If-Match", "If-Range", "If-Unmodified-Since")
    is_bare = not any(line.startswith(guards) for line in field_lines)
    is_manifest = known.target == TARGETS["manifest"]
    return 412 if is_manifest and is_bare and status in (206, 416) else status


@pytest.mark.parametrize(("status", "field_lines"), WITH_RANGE)
def test_range_comes_after_the_conditions(
    connection: Connection, known: Known, status: int, field_lines: list[str]
) -> None:
    status = of_target(known, status, field_lines)
    answer = ask(connection, known, "GET", "Range: bytes=10-19", *field_lines)
    assert_is(answer, status, known, "GET")
    if status == 206:
        assert content_range(answer["content-range"]) == (10, 19, len(known.content))
        assert answer.content == known.content[10:20]


@pytest.mark.parametrize(("status", "field_lines"), WITH_RANGE)
def test_range_is_nothing_to_head(
    connection: Connection, known: Known, status: int, field_lines: list[str]
) -> None:
    answer = ask(connection, known, "HEAD", "Range: bytes=10-19", *field_lines)
    assert_is(answer, 200 if status == 206 else status, known, "HEAD")
    assert "content-range" not in answer


@pytest.mark.parametrize(
    ("status", "field_lines"),
    [  # section 15.5.17 only where the range may be obeyed
        (416, []),
        (416, ["If-Range: {etag}"]),
        (416, ["If-Range: {date}"]),
        (416, ["If-Match: {etag}"]),
        (416, [f"If-None-Match: {OTHER}"]),
        (200, [f"If-Range: {OTHER}"]),
        (200, ["If-Range: {before}"]),
        (412, [f"If-Match: {OTHER}"]),
        (304, ["If-None-Match: {etag}"]),
    ],
)
def test_unsatisfiable_range_comes_after_the_conditions(
    connection: Connection, known: Known, status: int, field_lines: list[str]
) -> None:
    status = of_target(known, status, field_lines)
    answer = ask(connection, known, "GET", "Range: bytes={length}-", *field_lines)
    assert_is(answer, status, known, "GET")


@pytest.mark.parametrize(
    ("if_range", "is_honoured"), [("{etag}", True), ("{date}", True), (OTHER, False)]
)
def test_if_range_guards_several_ranges(
    connection: Connection, if_range: str, *, is_honoured: bool
) -> None:
    target = TARGETS["archive"]
    whole = connection.exchange("GET", target)
    known = Known(target, whole.content, whole["etag"], whole["last-modified"])
    answer = ask(connection, known, "GET", "Range: bytes=0-9,200-209", f"If-Range: {if_range}")
    if not is_honoured:
        assert_is(answer, 200, known, "GET")
        return
    assert answer.status == 206
    assert [part.data for part in body_parts(answer)] == [
        whole.content[:10],
        whole.content[200:210],
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("if_range", ["{etag}", OTHER, "{weak}", "{date}", "{before}"])
def test_if_range_without_range_is_ignored(
    connection: Connection, known: Known, method: str, if_range: str
) -> None:
    # section 13.1.5: "A recipient of an If-Range header field MUST ignore the Range header field
    # if the If-Range condition evaluates as false"; without Range the field itself is ignored.
    assert_is(ask(connection, known, method, f"If-Range: {if_range}"), 200, known, method)


def test_validators_of_whole_subset_and_manifest_differ(connection: Connection) -> None:
    etags = {connection.exchange("HEAD", target)["etag"] for target in TARGETS.values()}
    assert len(etags) == len(TARGETS)


def changed_within(album: Path, from_s: float, until_s: float) -> int | None:
    """Change an album; return the second, where it was in that part of one."""
    os.utime(album / "1.jpg", (0, 0))
    changed_ns = (album / "1.jpg").stat().st_ctime_ns
    second, fraction_ns = divmod(changed_ns, 10**9)
    return second if from_s <= fraction_ns / 1e9 < until_s else None


@pytest.fixture(
    scope="module",
    params=[(0, 0.94, 0), (0.96, 1, 0), (0.96, 1, 1)],
    ids=["in that second", "near its end", "stamped late"],
)
def still(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, int]]:
    """A server, and the second at which its clock stands."""
    from_s, until_s, later_s = request.param
    photos_dir, cache_dir = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("cache")
    remember_for_long(photos_dir, cache_dir)
    album = make_album(photos_dir, ALBUM)
    changed_s = eventually(lambda: changed_within(album, from_s, until_s))
    now_s = changed_s + later_s
    with serving(photos_dir, cache_dir, variables=clock_stopped(now_s)) as server:
        yield server, now_s


class TestModifiedJustNow:
    """Section 8.8.2.2: a date within the second of the last change may stand for two states.

    The clock of the server stands still, so that it is that second however long the test takes.
    """

    def test_last_modified_is_not_later_than_the_answer(self, still: tuple[Server, int]) -> None:
        # section 8.8.2.1
        server, now_s = still
        answer = request(server.port, "HEAD", TARGETS["archive"])
        assert parsedate_to_datetime(answer["date"]).timestamp() == now_s
        assert parsedate_to_datetime(answer["last-modified"]).timestamp() == now_s

    @pytest.mark.parametrize("field", ["If-Range", "If-Unmodified-Since"])
    def test_date_guards_no_range(self, still: tuple[Server, int], field: str) -> None:
        server, _ = still
        date = request(server.port, "HEAD", TARGETS["archive"])["last-modified"]
        assert asked_for_a_range(server, f"{field}: {date}").status == 200

    def test_entity_tag_guards_a_range(self, still: tuple[Server, int]) -> None:
        server, _ = still
        etag = request(server.port, "HEAD", TARGETS["archive"])["etag"]
        assert asked_for_a_range(server, f"If-Range: {etag}").status == 206


def asked_for_a_range(server: Server, field_line: str) -> Response:
    return request(server.port, "GET", TARGETS["archive"], "Range: bytes=10-19", field_line)


def replace(path: Path) -> None:
    """Put another file of the same size and mtime in a file's place."""
    status = path.stat()
    other = path.with_name(".other")
    other.write_bytes(bytes(status.st_size))
    other.chmod(status.st_mode)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


CHANGES: Mapping[str, Callable[[Path], object]] = {
    "removed": lambda album: (album / "empty").unlink(),
    "added": lambda album: (album / "3.jpg").write_bytes(b"new"),
    "replaced": lambda album: replace(album / "1.jpg"),
    "made-executable": lambda album: (album / "1.jpg").chmod(0o755),
}


@pytest.mark.parametrize("change", CHANGES)
def test_resuming_a_changed_archive_starts_afresh(
    connection: Connection, photos_dir: Path, change: str
) -> None:
    target = f"/archive/{change}/"
    before = connection.exchange("GET", target)
    CHANGES[change](photos_dir / change)
    for validator in ("etag", "last-modified"):
        answer = connection.exchange(
            "GET", target, "Range: bytes=100-", f"If-Range: {before[validator]}"
        )
        assert answer.status == 200
        assert answer["etag"] != before["etag"]
        assert len(answer.content) == int(answer["content-length"])


@pytest.mark.parametrize("validator", ["etag", "last-modified"])
def test_resuming_an_unchanged_archive_gets_the_rest(
    connection: Connection, known: Known, validator: str
) -> None:
    value = {"etag": known.etag, "last-modified": known.last_modified}[validator]
    answer = ask(connection, known, "GET", "Range: bytes=100-", f"If-Range: {value}")
    assert answer.status == 206
    assert answer.content == known.content[100:]
