"""Faults in the middle of the server's own system calls, and a disk that fails for real.

The albums are seen through a FUSE file system that holds a request for as long as it takes to
change the album, or answers it with an error.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from campaign.faults import FAULTS, FILES, MEBIBYTE, VICTIM, Fault, Scene, ask
from campaign.site import Site, watched
from harness.gatedfs import GatedFs, gated
from harness.http import connected, get
from harness.levels import assert_memory_is_level
from harness.oracle import Ending

MEMORY_MAY_GROW_BYTES = 24 * MEBIBYTE
ERRORS = [errno.EIO, errno.ESTALE]
"""What a disk says that fails, and a server of files on the network of what it has lost."""
MIDDLE = len(FILES[VICTIM]) // 2
SMALL = "c.txt"


@dataclass(frozen=True)
class GatedSite:
    site: Site
    gates: GatedFs


@pytest.fixture(scope="module")
def gated_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatedSite]:
    directory = tmp_path_factory.mktemp("site")
    (directory / "photos").mkdir()
    with (
        gated(directory / "photos", directory / "mounted") as gates,
        watched(directory, "--level", "debug", seen_at=gates.root) as site,
    ):
        yield GatedSite(site, gates)


@pytest.fixture
def gates(gated_site: GatedSite) -> Iterator[GatedFs]:
    yield gated_site.gates
    gated_site.gates.clear()


@pytest.fixture
def scene(gated_site: GatedSite, gates: GatedFs, name: str) -> Iterator[Scene]:
    scene = Scene(gated_site.site, name)
    yield scene
    gates.clear()
    scene.clear()


RANGES = pytest.mark.parametrize(
    "field_lines", [(), ("Range: bytes=1000-",)], ids=["whole", "resumed"]
)
EVERY_FAULT = pytest.mark.parametrize(
    "fault",
    # Permissions are those of the process that mounted it.
    [pytest.param(fault, id=name) for name, fault in FAULTS.items() if name != "unreadable"],
)


def held_at(
    gates: GatedFs, scene: Scene, gate: tuple[str, str], *field_lines: str, fault: Fault
) -> Ending:
    """Download; let the fault befall the album while a request of the server is held."""
    operation, path = gate
    at = MIDDLE if operation == "read" and path == VICTIM else 0
    gates.hold(operation, f"{scene.album.name}/{path}".rstrip("/"), at=at)
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(ask, scene.server, scene.target, *field_lines)
        gates.wait_held()
        fault.befall(scene.victim)
        gates.clear()
        return asking.result()


@RANGES
@EVERY_FAULT
@pytest.mark.parametrize(
    "gate",
    [("list", ""), ("list", "b"), ("stat", VICTIM)],
    ids=["album", "directory", "file"],
)
def test_a_fault_while_the_album_is_listed(
    begun_scene: Scene,
    gates: GatedFs,
    fault: Fault,
    gate: tuple[str, str],
    field_lines: tuple[str, ...],
) -> None:
    ending = held_at(gates, begun_scene, gate, *field_lines, fault=fault)
    assert_is_a_state_or_a_refusal(begun_scene, fault, ending)
    begun_scene.assert_survived(fault)


def assert_is_a_state_or_a_refusal(scene: Scene, fault: Fault, ending: Ending) -> None:
    if ending.status in (404, 412, 503):
        return
    if scene.album.exists():
        scene.learn_after(fault)
    scene.oracle.judge(ending)


@RANGES
@EVERY_FAULT
@pytest.mark.parametrize("gate", [("open", VICTIM), ("read", VICTIM)], ids=["opened", "read"])
def test_a_fault_while_a_file_is_hashed(
    scene: Scene,
    gates: GatedFs,
    fault: Fault,
    gate: tuple[str, str],
    field_lines: tuple[str, ...],
) -> None:
    scene.begin()
    ending = held_at(gates, scene, gate, *field_lines, fault=fault)
    assert not ending.is_complete
    scene.assert_survived(fault)


@RANGES
@EVERY_FAULT
def test_a_fault_while_a_small_file_behind_it_is_read(
    begun_scene: Scene,
    gates: GatedFs,
    fault: Fault,
    field_lines: tuple[str, ...],
) -> None:
    ending = held_at(gates, begun_scene, ("read", SMALL), *field_lines, fault=fault)
    begun_scene.oracle.judge(ending)
    begun_scene.assert_survived(fault)


@RANGES
@EVERY_FAULT
def test_a_fault_while_a_known_file_is_sent(
    scene: Scene, gates: GatedFs, fault: Fault, field_lines: tuple[str, ...]
) -> None:
    scene.index()
    scene.begin()
    ending = held_at(gates, scene, ("read", VICTIM), *field_lines, fault=fault)
    assert not ending.is_complete
    scene.assert_survived(fault)


@RANGES
@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("gate", [("list", ""), ("list", "b"), ("stat", VICTIM)])
def test_an_album_that_can_not_be_listed_is_a_503(
    begun_scene: Scene,
    gates: GatedFs,
    gate: tuple[str, str],
    error: int,
    field_lines: tuple[str, ...],
) -> None:
    operation, path = gate
    gates.fail(operation, f"{begun_scene.album.name}/{path}".rstrip("/"), error)
    answer = get(begun_scene.server.port, begun_scene.target, *field_lines)
    assert answer.status == 503
    assert "retry-after" in answer
    assert_recovers(begun_scene, gates)


@dataclass(frozen=True)
class BadSpot:
    """What fails of an album, and the part of the archive that is asked for."""

    operation: str
    path: str
    at: int = 0


SPOTS = {
    "opening": BadSpot("open", VICTIM),
    "first byte": BadSpot("read", VICTIM),
    "middle": BadSpot("read", VICTIM, MIDDLE),
    "last byte": BadSpot("read", VICTIM, len(FILES[VICTIM]) - 1),
    "opening a small file": BadSpot("open", SMALL),
    "a small file": BadSpot("read", SMALL),
    "the last file": BadSpot("read", "e.txt"),
}


@RANGES
@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("spot", SPOTS.values(), ids=SPOTS.keys())
def test_a_file_that_can_not_be_read_breaks_the_download(
    begun_scene: Scene,
    gates: GatedFs,
    spot: BadSpot,
    error: int,
    field_lines: tuple[str, ...],
) -> None:
    gates.fail(spot.operation, f"{begun_scene.album.name}/{spot.path}", error, at=spot.at)
    ending = ask(begun_scene.server, begun_scene.target, *field_lines)
    assert ending.status in (200, 206)
    assert not ending.is_complete
    assert interruption(begun_scene) == errno.errorcode[error]
    assert_recovers(begun_scene, gates)


def test_a_range_that_ends_within_a_file_that_fails_is_broken_too(
    scene: Scene, gates: GatedFs
) -> None:
    scene.index()
    scene.begin()
    last_pos = scene.archive.index(FILES[VICTIM]) + len(FILES[VICTIM]) - 1000
    gates.fail("read", f"{scene.album.name}/{VICTIM}", errno.EIO, at=len(FILES[VICTIM]) - 1000)
    ending = ask(scene.server, scene.target, f"Range: bytes=0-{last_pos}")
    assert not ending.is_complete
    assert interruption(scene) == "EIO"
    assert_recovers(scene, gates)


def test_a_file_that_is_gone_for_the_system_while_it_is_open_breaks_the_download(
    scene: Scene, gates: GatedFs
) -> None:
    """As on a network file system, whose server knows nothing of who has a file open."""
    scene.index()
    scene.begin()
    ending = held_at(gates, scene, ("read", VICTIM), fault=FAULTS["removed"])
    assert not ending.is_complete
    assert interruption(scene) in ("vanished", "ENOENT")


def test_a_slow_disk_holds_up_nobody_else(scene: Scene, gates: GatedFs) -> None:
    scene.index()
    start = scene.archive.index(FILES[VICTIM]) + MIDDLE
    gates.hold("read", f"{scene.album.name}/{VICTIM}", at=MIDDLE)
    with connected(scene.server.port) as connection:
        connection.send("GET", scene.target, f"Range: bytes={start}-")
        connection.receive_head()
        gates.wait_held()
        assert get(scene.server.port, "/").status == 200
        gates.clear()
        rest = scene.archive[start:]
        assert connection.receive_content(len(rest)) == rest


def test_the_log_tells_of_no_surprise(gated_site: GatedSite) -> None:
    """Runs after the tests above."""
    signs = ("Traceback", "internal error", "never retrieved", "Unclosed")
    lines = gated_site.site.server.lines
    assert [line for line in lines if any(sign in line for sign in signs)] == []


def test_all_that_left_no_trace_in_the_servers_memory(gated_site: GatedSite) -> None:
    site = gated_site.site
    assert_memory_is_level(site.server, site.before, may_grow_bytes=MEMORY_MAY_GROW_BYTES)


def assert_recovers(scene: Scene, gates: GatedFs) -> None:
    scene.assert_gave_back()
    gates.clear()
    scene.index()


def interruption(scene: Scene) -> str:
    """Return the reason that the log gives for the end of a download."""
    line = scene.server.wait_for(
        rf"event=download\.interrupted archive={scene.album.name[:6]}… reason=(\"[^\"]*\"|\S+) "
    )
    return line[1].strip('"')
