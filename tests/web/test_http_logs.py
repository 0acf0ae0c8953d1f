"""What the log says of requests, and what it never says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from harness.albums import make_album, noise
from harness.http import begun, get, request
from harness.server import Server, serving

FILES = {"1.jpg": noise(300_000), "family-secret.jpg": noise(100)}
_NUMBERS = count()


@dataclass(frozen=True)
class Site:
    """A server, and an album that no other test asks for."""

    server: Server
    album: str
    photos_dir: Path

    @property
    def target(self) -> str:
        return f"/archive/{self.album}/"

    @property
    def shown(self) -> str:
        return f"{self.album[:6]}…"

    def events(self) -> Sequence[Mapping[str, str]]:
        """Return what was logged of the album, once all of it has been."""
        marker = f"end{next(_NUMBERS)}---marker"
        get(self.server.port, f"/archive/{marker}/")
        self.server.wait_for(f"archive={marker[:6]}")
        return [fields for fields in map(parsed, self.server.lines) if self.is_mine(fields)]

    def is_mine(self, fields: Mapping[str, str]) -> bool:
        return fields.get("archive") == self.shown


def parsed(line: str) -> Mapping[str, str]:
    """Take a line apart; raise ValueError where it is more than keys with values."""
    return dict(field.split("=", 1) for field in shlex.split(line))


@pytest.fixture(scope="module")
def photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("photos")


@pytest.fixture(scope="module", params=["debug", "info"])
def leveled(
    request: pytest.FixtureRequest, photos_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Server]]:
    level: str = request.param
    with serving(photos_dir, tmp_path_factory.mktemp("cache"), "--level", level) as server:
        yield level, server


@pytest.fixture
def site(leveled: tuple[str, Server], photos_dir: Path) -> Site:
    album = f"{next(_NUMBERS):06}-the-rest-of-the-hash"
    make_album(photos_dir, FILES, album)
    return Site(leveled[1], album, photos_dir)


@pytest.fixture
def stages(leveled: tuple[str, Server]) -> set[str]:
    """The events of the stages of a download, which only one level shows."""
    return {"archive.described", "download.piece"} if leveled[0] == "debug" else set()


def names(events: Sequence[Mapping[str, str]], stages: set[str]) -> Sequence[str]:
    return [event["event"] for event in events if event["event"] not in stages]


def test_start_and_end_of_a_download(site: Site, stages: set[str]) -> None:
    content = get(site.server.port, site.target).content
    events = site.events()
    assert names(events, stages) == ["download.started", "download.finished"]
    started, finished = (event for event in events if event["event"] not in stages)
    assert started["level"] == finished["level"] == "info"
    assert started["status"] == "200"
    assert started["first_pos"] == "0"
    assert started["content_length"] == started["complete_length"] == str(len(content))
    assert started["entries"] == "2"
    assert finished["sent_bytes"] == str(len(content))
    assert int(finished["duration_ms"]) >= 0


def test_stages_of_a_download(site: Site, stages: set[str]) -> None:
    content = get(site.server.port, site.target).content
    events = site.events()
    assert stages <= {event["event"] for event in events}
    if stages:
        pieces = [int(event["count"]) for event in events if event["event"] == "download.piece"]
        assert sum(pieces) == len(content)
        assert {event["level"] for event in events if event["event"] in stages} == {"debug"}


def test_resumed_download(site: Site, stages: set[str]) -> None:
    get(site.server.port, site.target, "Range: bytes=1000-")
    events = site.events()
    assert names(events, stages) == ["download.resumed", "download.finished"]
    resumed = next(event for event in events if event["event"] == "download.resumed")
    assert (resumed["status"], resumed["first_pos"]) == ("206", "1000")
    assert int(resumed["content_length"]) == int(resumed["complete_length"]) - 1000


def test_part_from_the_beginning_is_no_resumption(site: Site, stages: set[str]) -> None:
    get(site.server.port, site.target, "Range: bytes=0-9")
    assert names(site.events(), stages) == ["download.started", "download.finished"]


@pytest.mark.parametrize(
    ("method", "field_lines"),
    [
        ("HEAD", []),
        ("GET", ["If-None-Match: *"]),
        ("GET", ['If-Match: "none"']),
        ("GET", ["Range: bytes=-0"]),
    ],
)
def test_answer_without_the_archive_is_no_download(
    site: Site, stages: set[str], method: str, field_lines: Sequence[str]
) -> None:
    request(site.server.port, method, site.target, *field_lines)
    assert names(site.events(), stages) == []


def test_interrupted_download(site: Site, stages: set[str]) -> None:
    (site.photos_dir / site.album / "3.jpg").write_bytes(noise(24_000_000))
    with begun(site.server.port, site.target):
        pass
    site.server.wait_for(rf"download\.interrupted .*{site.shown}")
    events = site.events()
    assert names(events, stages) == ["download.started", "download.interrupted"]
    interrupted = events[-1]
    assert (interrupted["level"], interrupted["reason"]) == ("info", "client left")
    assert int(interrupted["sent_bytes"]) < int(interrupted["content_length"])


def test_what_a_client_took_of_a_piece_is_counted(site: Site) -> None:
    taken_bytes = 3_000_000
    (site.photos_dir / site.album / "3.jpg").write_bytes(noise(24_000_000))
    with begun(site.server.port, site.target) as (connection, _):
        connection.receive_content(taken_bytes)
    site.server.wait_for(rf"download\.interrupted .*{site.shown}")
    assert int(site.events()[-1]["sent_bytes"]) >= taken_bytes


def test_missing_archive(site: Site) -> None:
    lines = len(site.server.lines)
    get(site.server.port, "/archive/miss-ing-and-more/")
    event = parsed(site.server.wait_for(r".*archive=miss-i.*", after=lines)[0])
    assert (event["event"], event["level"]) == ("archive.missing", "info")
    assert event["archive"] == "miss-i…"


def test_what_can_be_no_hash_is_not_logged(site: Site) -> None:
    lines = len(site.server.lines)
    get(site.server.port, f"/archive/.{site.album}%0aevent=forged/")
    event = parsed(site.server.wait_for(r".*archive\.missing.*", after=lines)[0])
    assert event["archive"] == "malformed"
    assert not any("forged" in line for line in site.server.lines)


def test_short_hash_is_not_shown_whole(site: Site) -> None:
    lines = len(site.server.lines)
    get(site.server.port, "/archive/Zq9x/")
    site.server.wait_for("archive=Zq…", after=lines)
    assert not any("Zq9" in line for line in site.server.lines)


def test_log_shows_no_hash_name_or_path(site: Site) -> None:
    port, target = site.server.port, site.target
    for other in ("", "manifest.json", "?file=family-secret.jpg", "?name=family-secret", "?name="):
        get(port, target + other, f"Referer: http://localhost{target}", f"Cookie: {site.album}")
        get(port, target[:-1] + other)
        get(port, f"{target}x/{other}")
    request(port, "POST", target)
    request(port, "HEAD", target)
    get(port, target, "Range: bytes=0-9,1000-1009")
    get(port, target, "Range: bytes=-0")
    assert site.events()
    for line in site.server.lines:
        assert site.album not in line
        assert site.album[6:] not in line
        assert "family-secret" not in line
        assert str(site.photos_dir) not in line


def test_every_line_is_one_event_with_fields(site: Site) -> None:
    get(site.server.port, site.target)
    get(site.server.port, f"{site.target}?file=%0a%0d&name=%0a")
    site.events()
    for line in site.server.lines:
        assert re.match(r"timestamp=\S+Z level=(debug|info|warning|error) event=\S+", line)
        assert {"timestamp", "level", "event"} <= set(parsed(line))
