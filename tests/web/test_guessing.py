"""Links to nothing, asked for again and again: slowed, then refused, and nobody else with them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album
from harness.http import Response, connected, get
from harness.server import Server

LIMIT = 5
REFUSED_AFTER = 3 * LIMIT
ANN, BOB = "X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 198.51.100.2"
FLAGS = ("--miss-limit", str(LIMIT), "--miss-block", "600")
TARGETS = [f"/archive/{HASH}/", f"/archive/{HASH}", f"/archive/{HASH}/manifest.json"]


@pytest.fixture(autouse=True)
def _album(photos_dir: Path) -> None:
    make_album(photos_dir, {"1.jpg": b"one"})


def guess(server: Server, *field_lines: str, count: int = REFUSED_AFTER) -> Sequence[int]:
    """Ask for links to nothing; return the statuses."""
    with connected(server.port) as connection:
        return [
            connection.exchange("GET", f"/archive/guess{number}/", *field_lines).status
            for number in range(count)
        ]


def told(answer: Response) -> tuple[int, list[str], bytes]:
    return answer.status, [name for name, _ in answer.field_lines], answer.content


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("proxies", "fields"), [("127.0.0.0/8", [ANN]), ("none", [])], ids=["proxy", "direct"]
)
def test_a_known_client_that_guesses_is_refused_everything_for_a_while(
    serve: Serve, proxies: str, fields: Sequence[str], workers: str
) -> None:
    server = serve(*FLAGS, "--trusted-proxies", proxies, "--workers", workers)
    assert set(guess(server, *fields)) == {404}
    for target in [*TARGETS, "/archive/missing/", "/archive/..%2f/"]:
        answer = get(server.port, target, *fields)
        assert answer.status == 429
        assert 500 <= int(answer["retry-after"]) <= 600
    assert get(server.port, "/", *fields).status == 200


def test_existing_and_missing_albums_are_refused_alike(serve: Serve) -> None:
    server = serve(*FLAGS, "--trusted-proxies", "none")
    guess(server)
    existing, missing = (
        get(server.port, f"/archive/{name}/", "Accept-Language: en") for name in (HASH, "missing")
    )
    assert told(existing) == told(missing)
    assert b"too many" in existing.content.lower() or b"429" in existing.content


def test_others_behind_the_same_trusted_proxy_are_not_concerned(serve: Serve) -> None:
    server = serve(*FLAGS, "--trusted-proxies", "127.0.0.1")
    guess(server, ANN)
    assert get(server.port, TARGETS[0], ANN).status == 429
    assert get(server.port, TARGETS[0], BOB).status == 200
    assert get(server.port, "/archive/missing/", BOB).status == 404


@pytest.mark.parametrize("fields", [[], [ANN]])
def test_where_an_unknown_proxy_may_stand_in_front_nobody_is_refused(
    serve: Serve, fields: Sequence[str]
) -> None:
    server = serve(*FLAGS)
    assert set(guess(server, *fields, count=REFUSED_AFTER + 3)) == {404}
    for target, status in zip(TARGETS, (200, 301, 200), strict=True):
        assert get(server.port, target, *fields).status == status


def test_answers_to_guesses_are_slowed_and_no_others(serve: Serve) -> None:
    server = serve(*FLAGS)
    guess(server, count=LIMIT + 10)
    began_s = time.monotonic()
    assert get(server.port, "/archive/missing/").status == 404
    slowed_s = time.monotonic() - began_s
    assert slowed_s >= 1.0  # of 0.1 s for each miss beyond the limit
    server.wait_for("answer.slowed")


def test_an_ill_formed_hash_is_a_guess_like_others(serve: Serve) -> None:
    server = serve(*FLAGS, "--trusted-proxies", "none")
    for _ in range(REFUSED_AFTER):
        assert get(server.port, "/archive/a..b%20c/").status == 404
    assert get(server.port, TARGETS[0]).status == 429


def test_a_missing_file_of_an_album_is_no_guess(serve: Serve) -> None:
    server = serve(*FLAGS, "--trusted-proxies", "none")
    for _ in range(REFUSED_AFTER + 1):
        assert get(server.port, f"{TARGETS[0]}?file=none").status == 404
    assert get(server.port, TARGETS[0]).status == 200


def test_the_log_tells_of_a_refusal_once_and_of_nobody(serve: Serve) -> None:
    server = serve(*FLAGS, "--trusted-proxies", "127.0.0.1")
    guess(server, ANN)
    for _ in range(5):
        get(server.port, TARGETS[0], ANN)
    server.wait_for("request.refused")
    server.stop()
    lines = [line for line in server.lines if "request.refused" in line]
    assert len(lines) == 1
    assert not any("198.51" in line for line in server.lines)


def test_zero_is_no_limit(serve: Serve) -> None:
    server = serve("--miss-limit", "0", "--trusted-proxies", "none")
    assert set(guess(server, count=100)) == {404}
    assert get(server.port, TARGETS[0]).status == 200
