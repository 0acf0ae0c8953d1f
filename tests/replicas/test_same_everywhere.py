"""Replicas that share nothing but the albums give the same answers, whatever is theirs alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from harness.albums import HASH, LONG_AGO_S, let_date_begin, make_album, noise
from harness.clock import clock_ahead
from harness.http import Response, get
from harness.readers import succeed
from harness.server import Server, serving
from harness.zones import write_zone

pytestmark = pytest.mark.xdist_group("replicas")

TARGET = f"/archive/{HASH}/"
FILES = {
    "1.jpg": noise(700_000),
    "Лето/2.jpg": noise(40_000, 1),
    "Лето/a:b.txt": b"a name that is made portable",
    "empty/": b"",
}
ASKED: Mapping[str, Sequence[str]] = {
    "whole": (),
    "range": ("Range: bytes=1000-700499",),
    "ranges": ("Range: bytes=0-9,500000-500099,-50",),
}
SAME = ("content-length", "content-type", "content-range", "etag", "last-modified")
_DAY_S = 86_400
REPLICAS: Mapping[str, tuple[Sequence[str], Mapping[str, str], int]] = {
    # Flags, environment, and how many seconds its clock is ahead.
    "with workers": (("--workers", "2"), {"PYTHONHASHSEED": "12345"}, 0),
    "in the east, its clock ahead": ((), {"TZ": "Asia/Vladivostok"}, 3 * _DAY_S),
    "in the west, its clock behind": (
        (),
        {"TZ": "America/Los_Angeles", "LC_ALL": "de_DE.UTF-8"},
        -400 * _DAY_S,
    ),
}


@pytest.fixture(scope="module")
def photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos")
    let_date_begin(make_album(path, FILES))
    return path


@pytest.fixture(scope="module")
def plain(photos_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(photos_dir, tmp_path_factory.mktemp("cache")) as server:
        yield server


@pytest.fixture(scope="module", params=REPLICAS)
def replica(
    request: pytest.FixtureRequest, photos_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A replica of a cold index, one after another: no two have been started at one time."""
    flags, variables, ahead_s = REPLICAS[request.param]
    cache_dir = tmp_path_factory.mktemp("cache")
    shown = {**variables, **clock_ahead(ahead_s)}
    with serving(photos_dir, cache_dir, *flags, variables=shown) as server:
        answered_s = parsedate_to_datetime(get(server.port, "/healthz")["date"]).timestamp()
        assert answered_s == pytest.approx(time.time() + ahead_s, abs=60)
        yield server


def told(answer: Response, names: Sequence[str] = SAME) -> tuple[object, ...]:
    return answer.status, answer.content, [answer.fields.get(name) for name in names]


@pytest.mark.parametrize("index", ["cold", "warm"])
def test_fields_and_bytes_are_the_same(plain: Server, replica: Server, index: str) -> None:
    # No date may be later than the answer it stands in.
    names = SAME[:-1] if is_behind(replica) else SAME
    for what, lines in ASKED.items():
        expected, found = (told(get(each.port, TARGET, *lines), names) for each in (plain, replica))
        assert found == expected, (index, what)


def test_manifests_are_the_same(plain: Server, replica: Server) -> None:
    expected, found = (get(each.port, f"{TARGET}manifest.json") for each in (plain, replica))
    assert found.content == expected.content
    assert found["etag"] == expected["etag"]


def test_parts_are_the_same(plain: Server, replica: Server) -> None:
    expected, found = (
        get(each.port, f"{TARGET}manifest.json?parts=3") for each in (plain, replica)
    )
    assert found.content == expected.content
    begun = get(replica.port, f"{TARGET}?part=2/3", "Range: bytes=0-99")
    rest = get(plain.port, f"{TARGET}?part=2/3", "Range: bytes=100-", f"If-Range: {begun['etag']}")
    whole = get(plain.port, f"{TARGET}?part=2/3")
    assert (rest.status, begun.content + rest.content) == (206, whole.content)


def test_any_replica_gives_the_rest_of_what_another_has_begun(
    plain: Server, replica: Server
) -> None:
    whole = get(plain.port, TARGET)
    begun = get(replica.port, TARGET, "Range: bytes=0-299999")
    rest = get(plain.port, TARGET, "Range: bytes=300000-", f"If-Range: {begun['etag']}")
    assert rest.status == 206
    assert begun.content + rest.content == whole.content
    back = get(replica.port, TARGET, "Range: bytes=300000-", f"If-Range: {whole['etag']}")
    assert (back.status, back.content) == (206, rest.content)


def test_a_date_never_leads_to_a_part_of_another_archive(plain: Server, replica: Server) -> None:
    """None of them has had its settings for long: each gives the whole archive."""
    date = get(plain.port, TARGET)["last-modified"]
    answer = get(replica.port, TARGET, "Range: bytes=300000-", f"If-Range: {date}")
    assert (answer.status, answer.content) == (200, get(plain.port, TARGET).content)


def is_behind(server: Server) -> bool:
    return parsedate_to_datetime(get(server.port, "/healthz")["date"]).timestamp() < time.time() - 1


def test_copies_of_the_albums_give_the_same_without_change_tokens(tmp_path: Path) -> None:
    """As replicas have them whose albums are copied with their dates, by rsync, say."""
    album = make_album(tmp_path / "one", FILES)
    for directory in (album / "Лето", album / "empty", album):
        os.utime(directory, (LONG_AGO_S, LONG_AGO_S))
    succeed(["cp", "-a", f"{tmp_path}/one", f"{tmp_path}/copied"])
    with ExitStack() as running:
        answers = []
        for name in ("one", "copied"):
            cache_dir = tmp_path / f"cache-{name}"
            cache_dir.mkdir()
            server = running.enter_context(serving(tmp_path / name, cache_dir, "--no-change-token"))
            answers.append(get(server.port, TARGET))
    assert told(answers[0]) == told(answers[1])
    assert parsedate_to_datetime(answers[0]["last-modified"]).timestamp() == LONG_AGO_S + 1


@pytest.mark.parametrize(
    ("mtime_s", "is_same"),
    [
        (LONG_AGO_S, False),
        (-1, True),  # clamped by both
    ],
)
def test_the_tag_moves_with_zone_data_where_the_bytes_do(
    tmp_path: Path, mtime_s: int, is_same: bool
) -> None:
    album = make_album(tmp_path / "photos", FILES)
    for path in (*album.rglob("*"), album):
        os.utime(path, (mtime_s, mtime_s))
    answers = []
    for data_of in ("Etc/GMT-5", "Etc/GMT-6"):
        cache_dir = tmp_path / data_of.replace("/", "-")
        zones = write_zone(cache_dir / "zones", "Asia/Almaty", data_of)
        variables = {"TIMEZONE": "Asia/Almaty", "PYTHONTZPATH": str(zones)}
        with serving(album.parent, cache_dir, variables=variables, afresh=True) as server:
            answers.append(get(server.port, TARGET))
    one, other = answers
    assert one.status == other.status == 200
    assert (one.content == other.content) is is_same
    assert (one["etag"] == other["etag"]) is is_same
