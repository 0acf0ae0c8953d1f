"""The name under which a request is logged and answered."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album
from harness.http import get

LINK = f"/archive/{HASH}/"


@pytest.mark.parametrize("target", [LINK, f"{LINK}manifest.json", "/archive/none/", "/", "/none"])
def test_the_name_that_a_request_has_is_that_of_its_answer(
    serve: Serve, photos_dir: Path, target: str
) -> None:
    make_album(photos_dir, {"1.jpg": b"one"})
    assert get(serve().port, target, "X-Request-ID: front-42")["x-request-id"] == "front-42"


@pytest.mark.parametrize(
    "given", [[], ["X-Request-ID: "], ["X-Request-ID: a b"], ["X-Request-ID: " + "x" * 129]]
)
def test_a_request_without_a_good_name_has_one_in_the_log_alone(
    serve: Serve, given: list[str]
) -> None:
    server = serve("--log-format", "json")
    for _ in range(2):
        assert "x-request-id" not in get(server.port, "/archive/missing/", *given)
    server.stop()
    events = [json.loads(line) for line in server.lines]
    names = {event["request"] for event in events if event["event"] == "archive.missing"}
    assert len(names) == 2
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)


def test_every_line_of_a_download_has_the_name(serve: Serve, photos_dir: Path) -> None:
    make_album(photos_dir, {"1.jpg": b"one"})
    server = serve("--level", "debug", "--log-format", "json")
    get(server.port, LINK, "X-Request-ID: one")
    get(server.port, "/archive/missing/", "X-Request-ID: two")
    server.wait_for("archive.missing")
    server.stop()
    events = [json.loads(line) for line in server.lines]
    names = {event["event"]: event.get("request") for event in events}
    assert {name for event, name in names.items() if event.startswith("download.")} == {"one"}
    assert names["archive.described"] == "one"
    assert names["archive.missing"] == "two"
    assert names["server.stopped"] is None
