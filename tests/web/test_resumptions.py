"""A bare range continues the archive that its client has begun, or is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.fair_use import ANN, BOB, PROXY
from harness.http import Connection, Response, Truncated, begun, connected, get, request
from harness.server import Server

from archive_service.web.limits.resumption_guard import BRIEF_BYTES

TARGET = f"/archive/{HASH}/"
SUBSET = f"{TARGET}?file=1.jpg"
WGET, CURL = "User-Agent: Wget/1.21.3", "User-Agent: curl/7.88.1"
BARE = "Range: bytes=1000-"
DIRECT = ("--trusted-proxies", "none")
ANYTHING = ()
EQUALLY_LONG, SHORTER = noise(5000, seed=1), noise(500)


@pytest.fixture
def album(photos_dir: Path) -> Path:
    return make_album(photos_dir, {"1.jpg": noise(5000), "2.jpg": noise(5000)})


def change(album: Path, data: bytes = EQUALLY_LONG) -> None:
    other = album / ".other"
    other.write_bytes(data)
    other.replace(album / "1.jpg")


def begin(server: Server, *field_lines: str, target: str = TARGET) -> Response:
    answer = get(server.port, target, *field_lines)
    assert answer.status in (200, 206)
    return answer


def go_on(server: Server, *field_lines: str, target: str = TARGET) -> int:
    return get(server.port, target, BARE, *field_lines).status


@pytest.mark.parametrize("first_range", [(), ("Range: bytes=0-",), ("Range: bytes=0-99,200-299",)])
@pytest.mark.parametrize("flags", [ANYTHING, DIRECT, PROXY, ("--workers", "2")])
def test_what_was_begun_is_not_continued_with_another(
    serve: Serve, album: Path, flags: tuple[str, ...], first_range: tuple[str, ...]
) -> None:
    server = serve(*flags)
    begin(server, WGET, *first_range)
    assert go_on(server, WGET) == 206
    change(album)
    # As often as it takes for the other process to have been asked, too; refusals are slowed.
    asked = 8 if "--workers" in flags else 1
    assert {go_on(server, WGET) for _ in range(asked)} == {412}


def test_another_begins_and_goes_on(serve: Serve, album: Path) -> None:
    server = serve(*PROXY)
    begin(server, WGET, ANN)
    change(album)
    assert go_on(server, WGET, BOB) == 206
    begin(server, WGET, BOB)
    assert go_on(server, WGET, BOB) == 206
    assert go_on(server, WGET, ANN) == 412


def test_beginning_anew_is_forgiven(serve: Serve, album: Path) -> None:
    server = serve()
    begin(server, WGET)
    change(album)
    assert go_on(server, WGET) == 412
    whole = begin(server, WGET)
    rest = get(server.port, TARGET, BARE, WGET)
    assert (rest.status, rest.content) == (206, whole.content[1000:])


def test_behind_an_unknown_proxy_a_visitor_of_the_current_archive_is_not_refused(
    serve: Serve, album: Path
) -> None:
    server = serve()
    begin(server, WGET)
    change(album)
    begin(server, WGET)  # another visitor
    assert go_on(server, WGET) == 206
    begin(server, CURL)
    assert go_on(server, CURL) == 206


@pytest.mark.parametrize(("flags", "status"), [(DIRECT, 412), (PROXY, 206), (ANYTHING, 206)])
def test_another_program_counts_where_the_address_is_a_visitors(
    serve: Serve, album: Path, flags: tuple[str, ...], status: int
) -> None:
    server = serve(*flags)
    begin(server, WGET)
    change(album)
    assert go_on(server, CURL) == status
    assert go_on(server) == status


def test_a_program_counts_before_its_neighbours(serve: Serve, album: Path) -> None:
    server = serve(*DIRECT)
    begin(server, WGET)
    change(album)
    begin(server, CURL)
    assert go_on(server, WGET) == 412
    assert go_on(server, CURL) == 206


def test_of_a_client_never_seen_everything_is_continued(serve: Serve, album: Path) -> None:
    server = serve(*DIRECT)
    change(album)
    assert go_on(server, WGET) == 206


def test_a_part_of_an_album_is_a_download_of_its_own(serve: Serve, album: Path) -> None:
    server = serve(*DIRECT)
    begin(server, WGET, target=SUBSET)
    change(album)
    assert go_on(server, WGET) == 206
    assert go_on(server, WGET, target=f"{SUBSET}&name=other") == 412


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_what_sends_nothing_of_the_archive_begins_nothing(
    serve: Serve, album: Path, method: str
) -> None:
    server = serve()
    begin(server, WGET)
    change(album)
    etag = request(server.port, "HEAD", TARGET)["etag"]
    condition = () if method == "HEAD" else (f"If-None-Match: {etag}",)
    assert request(server.port, method, TARGET, WGET, *condition).status in (200, 304)
    assert go_on(server, WGET) == 412


def test_what_sends_a_validator_is_not_touched(serve: Serve, album: Path) -> None:
    server = serve()
    old = begin(server, WGET)
    change(album)
    new = request(server.port, "HEAD", TARGET)
    for guard, status in (
        (f"If-Range: {old['etag']}", 200),
        (f"If-Match: {old['etag']}", 412),
        (f"If-Match: {new['etag']}", 206),
        (f"If-Range: {new['etag']}", 206),
    ):
        answer = get(server.port, TARGET, BARE, "User-Agent: x", guard)
        assert answer.status == status, guard


@pytest.mark.parametrize("value", ["bytes=-100", "bytes=-100,-5000"])
def test_a_reader_that_looks_at_the_end_begins_there(serve: Serve, album: Path, value: str) -> None:
    server = serve()
    begin(server, WGET)
    change(album)
    assert get(server.port, TARGET, f"Range: {value}", WGET).status == 206
    assert go_on(server, WGET) == 206


def test_a_reader_that_asks_for_the_end_record_begins_there(serve: Serve, album: Path) -> None:
    """Python's zipfile does so by fsspec; a program that resumes leaves the end open."""
    server = serve()
    length = len(begin(server, WGET).content)
    change(album)
    rest = f"Range: bytes={length - 22}-"
    assert get(server.port, TARGET, rest, WGET).status == 412
    assert get(server.port, TARGET, f"{rest}{length - 1}", WGET).status == 206
    assert go_on(server, WGET) == 206


def test_a_look_at_the_start_is_no_beginning_but_takes_none_back(serve: Serve, album: Path) -> None:
    server = serve()
    begin(server, WGET)
    change(album)
    begin(server, WGET, "Range: bytes=0-0")
    assert go_on(server, WGET) == 412
    begin(server, WGET)
    begin(server, WGET, "Range: bytes=0-0")
    assert go_on(server, WGET) == 206


@contextmanager
def begun_after_a_change(server: Server, album: Path) -> Iterator[Connection]:
    """Let an album become another, and begin a download of it that stays under way."""
    (album / "3.jpg").write_bytes(noise(8_000_000))
    with begun(server.port, TARGET, WGET) as (connection, _):
        yield connection


def test_who_took_a_mebibyte_has_begun(serve: Serve, album: Path) -> None:
    server = serve()
    begin(server, WGET)
    with begun_after_a_change(server, album) as connection:
        connection.receive_content(BRIEF_BYTES)
    server.wait_for(r"event=download\.interrupted")
    assert go_on(server, WGET) == 206


def test_a_look_takes_nothing_back_of_a_beginning_under_way(serve: Serve, album: Path) -> None:
    server = serve()
    begin(server, WGET)
    with begun_after_a_change(server, album):
        begin(server, WGET, "Range: bytes=0-0")
        assert go_on(server, WGET) == 206


def cut_by_a_change(server: Server, album: Path, start: int) -> int:
    """Return how far a range came whose files were replaced meanwhile."""
    for number in range(3, 7):
        (album / f"{number}.jpg").write_bytes(noise(2_000_000, seed=number))
    with connected(server.port, small_window=True) as connection:
        connection.send("GET", TARGET, WGET, f"Range: bytes={start}-")
        status, field_lines = connection.receive_head()
        assert status == 206
        taken = connection.receive_content(1_000_000)
        for number in range(3, 7):
            (album / f"{number}.jpg").unlink()
        change(album)
        with pytest.raises(Truncated) as cut:
            connection.receive_content(int(dict(field_lines)["content-length"]) - len(taken))
    return start + len(taken) + len(cut.value.received)


@pytest.mark.parametrize("start", [0, 20_000])
def test_what_a_change_has_cut_is_not_continued_though_another_was_begun(
    serve: Serve, album: Path, start: int
) -> None:
    server = serve()
    position = cut_by_a_change(server, album, start)
    (album / "3.jpg").write_bytes(noise(8_000_000))
    begin(server, WGET)
    for other in (start + 1, position - 1, position + 1):
        assert get(server.port, TARGET, f"Range: bytes={other}-", WGET).status == 206
    rest = f"Range: bytes={position}-"
    assert get(server.port, TARGET, rest, WGET).status == 412
    begin(server, CURL)
    assert get(server.port, TARGET, rest, CURL).status == 206


def test_who_is_remembered_by_its_resumption_alone_is_not_given_another(
    serve: Serve, album: Path
) -> None:
    server = serve()
    assert go_on(server, WGET) == 206
    change(album)
    assert go_on(server, WGET) == 412


def test_an_archive_that_was_cut_to_just_what_the_client_has_is_no_success(
    serve: Serve, album: Path
) -> None:
    server = serve()
    begin(server, WGET)
    change(album, SHORTER)
    length = int(request(server.port, "HEAD", TARGET)["content-length"])
    for start in (length - 1, length, length + 1):
        assert get(server.port, TARGET, f"Range: bytes={start}-", WGET).status == 412
    assert get(server.port, TARGET, f"Range: bytes={length}-", CURL).status == 416
    assert get(server.port, TARGET, f"Range: bytes={length + 1}-", CURL).status == 412


def test_a_whole_archive_is_complete(serve: Serve, album: Path) -> None:
    server = serve()
    length = len(begin(server, WGET).content)
    assert get(server.port, TARGET, f"Range: bytes={length}-", WGET).status == 416


@pytest.mark.parametrize(
    ("language", "text"),
    [("ru", "Удалите недокачанный файл"), ("en", "Delete the incomplete file")],
)
def test_the_page_says_how_to_begin_anew(
    serve: Serve, album: Path, language: str, text: str
) -> None:
    server = serve()
    begin(server, WGET)
    change(album)
    answer = get(server.port, TARGET, BARE, WGET, f"Accept-Language: {language}")
    assert answer.status == 412
    assert text in answer.content.decode()
    assert "etag" not in answer
    assert "content-range" not in answer
    as_json = get(server.port, TARGET, BARE, WGET, "Accept: application/json")
    assert json.loads(as_json.content)["error"] == "precondition_failed"


def test_the_connection_is_kept(serve: Serve, album: Path) -> None:
    server = serve()
    begin(server, WGET)
    change(album)
    with connected(server.port) as connection:
        assert connection.exchange("GET", TARGET, BARE, WGET).status == 412
        assert connection.exchange("GET", TARGET, WGET).status == 200


@pytest.mark.parametrize("flags", [ANYTHING, DIRECT])
def test_refusals_that_come_fast_are_slowed_and_nobody_is_blocked(
    serve: Serve, album: Path, flags: tuple[str, ...]
) -> None:
    server = serve("--miss-limit", "3", *flags)
    begin(server, WGET)
    change(album)
    while not any("event=answer.slowed" in line for line in server.lines):
        assert go_on(server, WGET) == 412
    assert get(server.port, "/archive/none/").status == 404
    assert begin(server, WGET).status == 200
