"""One album's disk does not answer: all other requests are served, with true answers.

The album is a mount of its own, whose requests are held one by one.  The servers have a compiled
part or none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, noise
from harness.conditions import eventually
from harness.gatedfs import GatedFs, gated
from harness.http import Connection, Response, connected, get
from harness.server import UNCOMPILED, Server, serving

DEAD = "dead-0123456789abcdef"
LARGE = noise(3_000_000)
MIDDLE = len(LARGE) // 2
SMALL = b"small"
VISITORS = 40
"""More than all threads that an album, or all of them, used to have."""
HELD_WITHIN_S = 60.0
SCRAPES = 40
"""More than the threads that the event loop has for its own work."""


@dataclass
class Scene:
    """A server with one album on a mount with gates, and others on the disk."""

    server: Server
    photos_dir: Path
    gates: GatedFs
    visitors: list[Connection] = field(default_factory=list)
    others: int = 0

    def visit(self, *, small_window: bool = False) -> Connection:
        """Begin a download of the album with gates."""
        visitor = Connection(self.server.port, small_window=small_window)
        self.visitors.append(visitor)
        visitor.send("GET", f"/archive/{DEAD}/")
        assert get(self.server.port, "/healthz").status == 200  # the download has begun meanwhile
        return visitor

    def assert_others_are_served(self) -> None:
        """Download an album for the first time, so that its files are hashed."""
        self.others += 1
        name = f"other-{self.others}"
        make_album(self.photos_dir, {"1.jpg": SMALL, "large.bin": LARGE}, name)
        answer = get(self.server.port, f"/archive/{name}/")
        assert answer.status == 200
        assert LARGE in answer.content
        assert get(self.server.port, f"/archive/{HASH}/").status == 200
        assert get(self.server.port, "/archive/missing/").status == 404
        assert get(self.server.port, "/healthz").status == 200
        assert get(self.server.port, "/readyz").status == 200


@contextmanager
def scene_of(
    tmp_path: Path, *flags: str, variables: dict[str, str] | None = None
) -> Iterator[Scene]:
    photos_dir, real = tmp_path / "photos", tmp_path / "real"
    for directory in (photos_dir, real, tmp_path / "cache"):
        directory.mkdir()
    make_album(real, {"a.jpg": SMALL, "large.bin": LARGE, "z.jpg": SMALL}, DEAD)
    make_album(photos_dir, {"1.jpg": SMALL})
    with (
        gated(real / DEAD, photos_dir / DEAD) as gates,
        serving(photos_dir, tmp_path / "cache", *flags, variables=variables) as server,
    ):
        scene = Scene(server, photos_dir, gates)
        try:
            yield scene
        finally:
            gates.clear()
            for visitor in scene.visitors:
                visitor.close()


@pytest.fixture(params=[{}, UNCOMPILED], ids=["compiled", "uncompiled"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with scene_of(tmp_path, variables=request.param) as scene:
        yield scene


@pytest.mark.parametrize(
    ("operation", "path", "at"),
    [
        ("stat", "", 0),
        ("list", "", 0),
        ("stat", "large.bin", 0),
        ("open", "a.jpg", 0),
        ("open", "large.bin", 0),
        ("read", "large.bin", 0),
        ("read", "a.jpg", 0),
        ("close", "a.jpg", 0),
        ("close", "large.bin", 0),
        ("statfs", "large.bin", 0),
    ],
)
def test_a_first_download_that_hangs_holds_up_nobody_else(
    scene: Scene, operation: str, path: str, at: int
) -> None:
    scene.gates.hold(operation, path, at=at)
    for _ in range(VISITORS):
        scene.visit()
    scene.gates.wait_held()
    for _ in range(3):
        scene.assert_others_are_served()


@pytest.mark.parametrize(
    ("operation", "path", "at"),
    [
        ("stat", "large.bin", 0),
        ("open", "large.bin", 0),
        ("read", "large.bin", MIDDLE),
        ("read", "large.bin", len(LARGE) - 1),
        ("read", "z.jpg", 0),
        ("close", "large.bin", 0),
    ],
)
def test_an_indexed_download_that_hangs_holds_up_nobody_else(
    scene: Scene, operation: str, path: str, at: int
) -> None:
    whole = get(scene.server.port, f"/archive/{DEAD}/")
    assert whole.status == 200
    visitor = scene.visit(small_window=True)
    status, field_lines = visitor.receive_head()
    assert status == 200
    scene.gates.hold(operation, path, at=at)
    visitor.open_window()
    with ThreadPoolExecutor() as pool:
        length = int(dict(field_lines)["content-length"])
        content = pool.submit(visitor.receive_content, length)
        for _ in range(3):
            scene.assert_others_are_served()
        scene.gates.clear()
        assert content.result() == whole.content


def test_a_file_is_verified_without_holding_up_anybody(scene: Scene) -> None:
    get(scene.server.port, f"/archive/{DEAD}/")
    visitor = scene.visit(small_window=True)
    _, field_lines = visitor.receive_head()
    length = int(dict(field_lines)["content-length"])
    scene.gates.hold("stat", "large.bin")
    visitor.open_window()
    with ThreadPoolExecutor() as pool:
        content = pool.submit(visitor.receive_content, length)
        scene.gates.wait_held()
        scene.assert_others_are_served()
        scene.gates.clear()
        assert len(content.result()) == length


def test_a_download_that_is_left_while_its_disk_hangs_frees_what_it_has(scene: Scene) -> None:
    scene.gates.hold("read", "large.bin", at=MIDDLE)
    visitor = scene.visit()
    scene.gates.wait_held()
    visitor.reset()
    scene.assert_others_are_served()
    scene.gates.clear()
    assert eventually(lambda: not scene.server.open_below(scene.gates.root))
    assert get(scene.server.port, f"/archive/{DEAD}/").status == 200


@pytest.mark.parametrize("path", ["a.jpg", "large.bin"])
def test_a_file_that_is_lost_after_its_visitor_left_is_no_error(scene: Scene, path: str) -> None:
    assert get(scene.server.port, f"/archive/{DEAD}/").status == 200
    scene.gates.hold("open", path)
    visitor = scene.visit()
    scene.gates.wait_held()
    visitor.reset()
    scene.server.wait_for(r"event=download\.interrupted .*reason=\"client left\"")
    (scene.photos_dir.parent / "real" / DEAD / path).unlink()
    scene.gates.clear()
    get(scene.server.port, f"/archive/{DEAD}/manifest.json")
    scene.server.stop()
    assert not [line for line in scene.server.lines if "level=error" in line]


def test_reloads_share_one_listing_and_one_that_follows(scene: Scene) -> None:
    scene.gates.hold("list", "")
    visitors = [scene.visit() for _ in range(6)]
    scene.gates.wait_held()
    scene.assert_others_are_served()
    assert not scene.gates.is_another_held()
    scene.gates.clear()
    assert [visitor.receive_head()[0] for visitor in visitors] == [200] * 6


def slow(answer: Response) -> bool:
    return answer.status == 503 and json.loads(answer.content)["error"] == "slow_disk"


def test_a_listing_has_a_time_after_which_visitors_are_told(tmp_path: Path) -> None:
    with scene_of(tmp_path, "--listing-timeout", "0.5") as scene:
        scene.gates.hold("list", "")
        answer = get(scene.server.port, f"/archive/{DEAD}/", "Accept: application/json")
        assert slow(answer)
        assert int(answer["retry-after"]) > 0
        part = get(scene.server.port, f"/archive/{DEAD}/?file=a.jpg", "Accept: application/json")
        assert slow(part)
        scene.gates.clear()
        assert eventually(lambda: get(scene.server.port, f"/archive/{DEAD}/").status == 200)


def test_threads_that_hang_are_counted_and_logged_once(tmp_path: Path) -> None:

    def hanging() -> float:
        text = get(scene.server.port, "/metrics").content.decode()
        found = re.search(r"^archive_hanging_threads (\S+)$", text, re.MULTILINE)
        assert found, text
        return float(found[1])

    with scene_of(tmp_path) as scene:
        assert hanging() == 0
        scene.gates.hold("list", "")
        scene.visit()
        line = scene.server.wait_for("disk.hanging", timeout_s=HELD_WITHIN_S).string
        assert f"mount={scene.photos_dir}/{DEAD[:4]}" in line
        assert DEAD not in line
        assert hanging() == 1
        scene.gates.clear()
        scene.server.wait_for("disk.answering", timeout_s=HELD_WITHIN_S)
        assert hanging() == 0
        assert sum("disk.hanging" in line for line in scene.server.lines) == 1


def test_a_mount_that_is_left_while_it_hangs_keeps_its_name(tmp_path: Path) -> None:
    """The disk that was mounted on is never blamed."""
    with scene_of(tmp_path) as scene:
        assert get(scene.server.port, f"/archive/{DEAD}/").status == 200
        scene.gates.hold("list", "")
        scene.visit()
        scene.server.wait_for("disk.hanging", timeout_s=HELD_WITHIN_S)
        scene.gates.unmount()
        scene.gates.clear()
        line = scene.server.wait_for("disk.answering", timeout_s=HELD_WITHIN_S).string
        assert f"mount={scene.photos_dir}/{DEAD[:4]}" in line
        assert sum("disk.hanging" in line for line in scene.server.lines) == 1


def test_a_mount_that_is_left_before_it_counts_as_hanging_is_named(tmp_path: Path) -> None:
    with scene_of(tmp_path) as scene:
        assert get(scene.server.port, f"/archive/{DEAD}/").status == 200
        scene.gates.hold("list", "")
        scene.visit()
        scene.gates.wait_held()
        scene.gates.unmount()
        line = scene.server.wait_for("disk.hanging", timeout_s=HELD_WITHIN_S).string
        assert f"mount={scene.photos_dir}/{DEAD[:4]}" in line


def test_many_parts_of_an_album_cost_few_listings(tmp_path: Path) -> None:
    with scene_of(tmp_path) as scene, ExitStack() as stack:
        scene.gates.hold("list", "")
        for number in range(60):
            visitor = stack.enter_context(connected(scene.server.port))
            visitor.send("GET", f"/archive/{DEAD}/?file=x{number}")
        scene.gates.wait_held()
        stack.close()
        scene.gates.clear()
        assert get(scene.server.port, f"/archive/{DEAD}/").status == 200
    assert not [line for line in scene.server.lines if "level=error" in line or "never" in line]


def test_metrics_and_choices_do_not_wait_for_the_disk_of_the_index(tmp_path: Path) -> None:
    photos_dir, real, cache = (tmp_path / name for name in ("photos", "real", "cache"))
    photos_dir.mkdir()
    real.mkdir()
    make_album(photos_dir, {"1.jpg": SMALL, "2.jpg": SMALL})
    with serving(photos_dir, real) as server:
        assert get(server.port, f"/archive/{HASH}/").status == 200
    [index] = real.glob("crc-*.sqlite3")
    with gated(real, cache) as gates, serving(photos_dir, cache) as server:
        assert get(server.port, f"/archive/{HASH}/").status == 200
        gates.hold("stat", index.name)
        for _ in range(SCRAPES):
            answer = get(server.port, "/metrics")
            assert answer.status == 200
            assert b"archive_index_bytes" not in answer.content
        assert get(server.port, f"/archive/{HASH}/?file=1.jpg").status == 200
        gates.clear()
        assert eventually(lambda: b"archive_index_bytes" in get(server.port, "/metrics").content)
