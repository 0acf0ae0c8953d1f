"""What a browser asks for ahead of a click: the field lines are those that browsers send."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from harness.albums import HASH, make_album, noise
from harness.http import get, request
from harness.server import Server, serving

TARGET = f"/archive/{HASH}/"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    photos_dir, cache_dir = map(tmp_path_factory.mktemp, ("photos", "cache"))
    make_album(photos_dir, {"1.jpg": noise(100_000)})
    with serving(photos_dir, cache_dir, "--level", "debug") as server:
        yield server


@pytest.mark.parametrize(
    "line",
    [
        "Sec-Purpose: prefetch",
        "Sec-Purpose: prefetch;prerender",
        "sec-purpose: prefetch;anonymous-client-ip",
        "Purpose: prefetch",
        "Purpose: preview",
        "X-Purpose: preview",
        "X-Moz: prefetch",
    ],
)
@pytest.mark.parametrize("target", [TARGET, "/archive/none/"])
def test_prefetch_costs_nothing(server: Server, line: str, target: str) -> None:
    before = len(server.lines)
    answer = get(server.port, target, line, "Accept: application/json")
    assert (answer.status, json.loads(answer.content)["error"]) == (503, "speculative")
    assert int(answer["retry-after"]) > 0
    assert get(server.port, "/archive/marker/").status == 404  # its line is there by now
    server.wait_for(r"event=archive\.missing .*archive=mar")
    assert not [each for each in server.lines[before:] if f"archive={HASH[:6]}" in each]


@pytest.mark.parametrize("line", ["Sec-Purpose: other", "Purpose: ", "X-Moz: no", "Sec-Purpose:"])
def test_other_purposes_are_answered(server: Server, line: str) -> None:
    assert get(server.port, TARGET, line).status == 200


def test_what_costs_little_is_answered(server: Server) -> None:
    line = "Sec-Purpose: prefetch"
    assert request(server.port, "HEAD", TARGET, line).status == 200
    assert get(server.port, f"{TARGET}manifest.json", line).status == 200
    assert get(server.port, "/", line).status == 200
