"""A question for many albums at once, by the site and by others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.http import Response, get, request
from harness.server import Server

from archive_service.web.summaries import MAX_ALBUMS

MISS_LIMIT = 3
GUARDED = ("--miss-limit", f"{MISS_LIMIT}", "--trusted-proxies", "127.0.0.1")
SITE = (*GUARDED, "--site-addresses", "auto")
ANN = "X-Forwarded-For: 198.51.100.1"
JSON = "Accept: application/json"
GONE = [f"removed-{number}" for number in range(60)]


@pytest.fixture(autouse=True)
def albums(photos_dir: Path) -> None:
    make_album(photos_dir, {"1.jpg": noise(2000), "2.jpg": b"2", "d/3.jpg": b"3"})
    make_album(photos_dir, {"1.jpg": b"one"}, "second")
    make_album(photos_dir, {}, "empty")


def ask(server: Server, *names: str, fields: tuple[str, ...] = ()) -> Response:
    query = "&".join(f"archive={name}" for name in names)
    return get(server.port, f"/archive/?{query}", JSON, *fields)


def test_many_albums_are_summed_up_at_once(serve: Serve) -> None:
    server = serve()
    answer = ask(server, HASH, "second", "empty", "gone", ".hidden", "a%2Fb", HASH)
    assert answer["content-type"].startswith("application/json")
    archives = json.loads(answer.content)["archives"]
    for name in (HASH, "second", "empty"):
        one = get(server.port, f"/archive/{name}/manifest.json?summary")
        assert archives.pop(name) == json.loads(one.content)
    assert archives == {"gone": None, ".hidden": None, "a/b": None}
    head = request(server.port, "HEAD", f"/archive/?archive={HASH}")
    assert head.status == 200


@pytest.mark.parametrize(
    "query", ["", "archives=a", "&".join(f"archive={n}" for n in range(MAX_ALBUMS + 1))]
)
def test_question_is_bounded(serve: Serve, query: str) -> None:
    answer = get(serve().port, f"/archive/?{query}", JSON)
    assert (answer.status, json.loads(answer.content)["error"]) == (400, "bad_archive")


def test_album_in_motion_holds_up_no_other(serve: Serve, photos_dir: Path) -> None:
    server = serve("--settle-time", "5", "--settle-wait", "60")
    assert get(server.port, f"/archive/{HASH}/").status == 200  # once it has come to rest
    (photos_dir / "second" / "new.jpg").write_bytes(b"just now")
    archives = json.loads(ask(server, HASH, "second").content)["archives"]
    assert archives[HASH]["count"] == 3
    assert archives["second"] is None


def test_site_is_never_slowed_nor_refused(serve: Serve) -> None:
    server = serve(*SITE)
    for _ in range(3):
        assert ask(server, *GONE).status == 200
    for name in GONE[:20]:
        assert get(server.port, f"/archive/{name}/manifest.json").status == 404
    assert ask(server, HASH).status == 200
    assert not [line for line in server.lines if "answer.slowed" in line]


def test_visitor_is_counted_for_each_miss(serve: Serve) -> None:
    server = serve(*SITE)
    assert ask(server, *GONE, fields=(ANN,)).status == 200
    assert ask(server, HASH, fields=(ANN,)).status == 429
    assert ask(server, HASH).status == 200  # the site


def test_with_signed_links_the_site_alone_may_ask(serve: Serve) -> None:
    variables = {"SIGNING_KEYS": "key-of-0123456789"}
    server = serve(*SITE, variables=variables)
    assert json.loads(ask(server, HASH).content)["archives"][HASH]["count"] == 3
    for fields in ((ANN,), ("Via: 1.1 front",)):
        answers = [ask(server, name, fields=fields) for name in (HASH, "gone")]
        assert {answer.status for answer in answers} == {403}
    assert get(server.port, f"/archive/{HASH}/").status == 403  # as ever
    assert ask(serve(*GUARDED, variables=variables), HASH).status == 403
