"""Guessing: answers to links that don't exist are slowed, and then a known client is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, make_sparse, noise
from harness.conditions import eventually
from harness.ending import HOLDING_BYTES
from harness.fair_use import ANN, BOB, PROXY, duration_s
from harness.http import Response, begun, connected, get, request
from harness.server import Server

from archive_service.web.limits.failed_lookups import REFUSED_FROM
from archive_service.web.limits.fair_use import MOST_HELD

TARGET = f"/archive/{HASH}/"
LIMIT = 3
REFUSED = REFUSED_FROM * LIMIT
GUARDED = ("--miss-limit", f"{LIMIT}")
DIRECT = (*GUARDED, "--trusted-proxies", "none")
BEHIND_PROXY = (*GUARDED, *PROXY)


@pytest.fixture(autouse=True)
def _album(photos_dir: Path) -> None:
    make_album(photos_dir, {"1.jpg": noise(2000)})
    make_sparse(photos_dir / "held" / "a.bin", HOLDING_BYTES)


def misses(server: Server, count: int, *field_lines: str, method: str = "GET") -> list[Response]:
    """Ask for links to nothing, many at once, for each answer may have to wait."""

    def miss(number: int) -> Response:
        return request(server.port, method, f"/archive/guess-{number}/", *field_lines)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(miss, range(count)))


def statuses(answers: list[Response]) -> set[int]:
    return {answer.status for answer in answers}


def test_where_nothing_is_known_of_proxies_misses_are_slowed_and_nobody_is_refused(
    serve: Serve,
) -> None:
    server = serve(*GUARDED)
    assert statuses(misses(server, LIMIT)) == {404}
    assert not any("answer.slowed" in line for line in server.lines)
    assert statuses(misses(server, 4 * REFUSED)) == {404}
    assert duration_s(lambda: get(server.port, "/archive/guess/")) > 1
    # The others behind the same proxy.  As many misses would take forty seconds.
    assert duration_s(lambda: [get(server.port, TARGET) for _ in range(20)]) < 20
    assert get(server.port, TARGET).status == 200
    assert sum("event=answer.slowed" in line for line in server.lines) == 1


def test_who_is_known_is_refused_everything_below_archive(serve: Serve) -> None:
    server = serve(*DIRECT)
    assert statuses(misses(server, REFUSED)) == {404}
    for target in ("/archive/guess/", TARGET, TARGET[:-1], f"{TARGET}manifest.json", "/archive/x"):
        for method in ("GET", "HEAD"):
            answer = request(server.port, method, target, "Accept-Language: ru")
            assert answer.status == 429, target
            assert 200 <= int(answer["retry-after"]) <= 301
            assert "etag" not in answer
    page = get(server.port, TARGET, "Accept-Language: ru").content.decode()
    assert "Слишком много неверных ссылок" in page
    assert get(server.port, "/").status == 200
    refusals = [line for line in server.lines if "event=request.refused" in line]
    assert len(refusals) == 1
    assert "reason=guessing" in refusals[0]
    later = [line for line in server.lines if "event=server.started" not in line]
    assert "127.0.0.1" not in "".join(later)


def test_a_refusal_tells_existing_and_missing_apart_by_nothing(serve: Serve) -> None:
    server = serve(*DIRECT)
    misses(server, REFUSED)
    existing, missing = (get(server.port, each) for each in (TARGET, "/archive/guess/"))
    assert existing.status == missing.status == 429
    assert existing.content == missing.content
    differing = {"date", "retry-after"}
    assert [line for line in existing.field_lines if line[0] not in differing] == [
        line for line in missing.field_lines if line[0] not in differing
    ]


def test_a_redirect_does_not_tell_and_is_no_miss(serve: Serve) -> None:
    server = serve(*DIRECT)
    for _ in range(REFUSED):
        assert get(server.port, "/archive/guess").status == 301
    assert get(server.port, TARGET).status == 200


def test_a_refusal_ends(serve: Serve) -> None:
    server = serve(*DIRECT, "--miss-block", "1")

    def is_refused() -> bool:
        misses(server, REFUSED)
        return get(server.port, TARGET).status == 429

    eventually(is_refused)  # a busy machine may ask when the refusal is over
    eventually(lambda: get(server.port, TARGET).status == 200)


def test_a_running_download_is_not_cut(serve: Serve) -> None:
    server = serve(*DIRECT)
    with begun(server.port, "/archive/held/") as (connection, length):
        misses(server, REFUSED)
        assert get(server.port, "/archive/held/").status == 429
        connection.open_window()
        connection.receive_content(length)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "target", ["/archive/guess/", "/archive/.hidden/", "/archive/.hidden", "/archive/a%20b/"]
)
def test_ill_formed_links_count_too(serve: Serve, method: str, target: str) -> None:
    server = serve(*GUARDED)
    for _ in range(LIMIT):
        assert request(server.port, method, target).status == 404
    assert not any("answer.slowed" in line for line in server.lines)
    assert request(server.port, method, f"{target}?name=a").status == 404
    server.wait_for("event=answer.slowed")


@pytest.mark.parametrize(
    ("target", "field_lines", "status"),
    [
        (TARGET, (), 200),
        (TARGET, ("Range: bytes=0-0",), 206),
        (TARGET, ("Range: bytes=-0",), 416),
        (TARGET, ("Range: bytes=999999-",), 412),
        (TARGET, ("If-None-Match: *",), 304),
        (TARGET, ('If-Match: "none"',), 412),
        (f"{TARGET}?file=none", (), 404),
        (f"{TARGET}?name=", (), 400),
        ("/archive/guess/?name=", (), 400),
        ("/nothing", (), 404),
    ],
)
def test_other_answers_are_no_misses(
    serve: Serve, target: str, field_lines: tuple[str, ...], status: int
) -> None:
    server = serve(*DIRECT)
    for _ in range(REFUSED + 1):
        assert get(server.port, target, *field_lines).status == status


def test_clients_behind_a_trusted_proxy_are_told_apart(serve: Serve) -> None:
    server = serve(*BEHIND_PROXY)
    misses(server, REFUSED, ANN)
    assert get(server.port, TARGET, ANN).status == 429
    assert get(server.port, TARGET, "Forwarded: for=198.51.100.1").status == 429
    assert get(server.port, TARGET, BOB).status == 200
    assert get(server.port, TARGET).status == 200


@pytest.mark.parametrize(
    "field_lines",
    [(), ("X-Forwarded-For: unknown",), ('Forwarded: for="',), (ANN, "Forwarded: for=1.2.3.4")],
)
def test_a_proxy_that_does_not_tell_is_never_refused(
    serve: Serve, field_lines: tuple[str, ...]
) -> None:
    server = serve(*BEHIND_PROXY)
    assert statuses(misses(server, 4 * REFUSED, *field_lines)) == {404}
    assert get(server.port, TARGET, *field_lines).status == 200


def test_an_address_that_is_made_up_locks_nobody_out(serve: Serve) -> None:
    server = serve(*BEHIND_PROXY)
    # What a proxy makes of it: its client's own address stands behind.
    misses(server, REFUSED, f"{BOB}, 198.51.100.1")
    assert get(server.port, TARGET, BOB).status == 200
    assert get(server.port, TARGET, ANN).status == 429


def test_the_limit_can_be_switched_off(serve: Serve) -> None:
    server = serve("--miss-limit", "0", "--trusted-proxies", "none")
    assert statuses(misses(server, 100)) == {404}
    assert get(server.port, TARGET).status == 200
    assert not any("answer.slowed" in line for line in server.lines)


def test_a_slowed_answer_is_the_same(serve: Serve) -> None:
    server = serve(*GUARDED)
    first = get(server.port, "/archive/guess/")
    misses(server, LIMIT)
    slowed = get(server.port, "/archive/guess/")
    server.wait_for("event=answer.slowed")
    assert (slowed.status, slowed.content) == (first.status, first.content)
    assert {name for name, _ in slowed.field_lines} == {name for name, _ in first.field_lines}


def test_no_more_than_so_many_answers_are_held_and_none_for_who_has_left(serve: Serve) -> None:
    server = serve(*GUARDED)
    misses(server, 8 * LIMIT)

    def is_answered_at_once_beyond_the_bound() -> bool:
        with ExitStack() as stack:
            for _ in range(MOST_HELD):
                connection = stack.enter_context(connected(server.port))
                connection.send("GET", "/archive/guess/")
            return duration_s(lambda: get(server.port, "/archive/guess/")) < 1

    eventually(is_answered_at_once_beyond_the_bound)
    eventually(lambda: duration_s(lambda: get(server.port, "/archive/guess/")) > 1)
