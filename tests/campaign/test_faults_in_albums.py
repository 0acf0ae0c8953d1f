"""Every fault at every stage that a client's position makes, on the file system of the machine.

The client stops reading at an offset of the archive, with a window so small that the server can't
be far ahead; then the fault befalls a file; then the client takes the rest.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from campaign.faults import FAULTS, FILES, MEBIBYTE, VICTIM, Fault, Scene
from campaign.site import Site, watched
from harness.http import Connection, connected
from harness.levels import assert_memory_is_level
from harness.oracle import Ending, WrongBytes, contents_of, received
from harness.privileges import without_override

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="looks at open files by /proc"
)
MEMORY_MAY_GROW_BYTES = 24 * MEBIBYTE
SKIPPED_BYTES = 1000
"""What a range leaves out at its beginning, and at its end within the victim."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with watched(tmp_path_factory.mktemp("site"), launcher=without_override()) as site:
        yield site


@dataclass(frozen=True)
class Asked:
    """A range of an archive, half-open; `field_lines` ask for it."""

    start: int
    stop: int
    field_lines: tuple[str, ...] = ()


def whole(archive: bytes) -> Asked:
    return Asked(0, len(archive))


def resumed(archive: bytes) -> Asked:
    return Asked(SKIPPED_BYTES, len(archive), (f"Range: bytes={SKIPPED_BYTES}-",))


def ending_in_the_victim(archive: bytes) -> Asked:
    stop = victim_start(archive) + len(FILES[VICTIM]) - SKIPPED_BYTES
    return Asked(SKIPPED_BYTES, stop, (f"Range: bytes={SKIPPED_BYTES}-{stop - 1}",))


def victim_start(archive: bytes) -> int:
    return archive.index(FILES[VICTIM])


def first_byte(archive: bytes, asked: Asked) -> int:
    return asked.start + 1


def middle(archive: bytes, asked: Asked) -> int:
    return victim_start(archive) + len(FILES[VICTIM]) // 2


def last_byte(archive: bytes, asked: Asked) -> int:
    return min(victim_start(archive) + len(FILES[VICTIM]), asked.stop) - 1


def central_directory(archive: bytes, asked: Asked) -> int:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return opened.start_dir


RANGES = {"whole": whole, "resumed": resumed, "ending in the victim": ending_in_the_victim}
STAGES = {
    "first byte": first_byte,
    "middle": middle,
    "last byte": last_byte,
    "central directory": central_directory,
}
UNSENT = (first_byte, middle)
"""Stages at which the server can't have sent all of the victim."""
CASES = [
    pytest.param(RANGES[asks], STAGES[stage], id=f"{asks}, {stage}")
    for asks in RANGES
    for stage in STAGES
    if (asks, stage) != ("ending in the victim", "central directory")
]


@pytest.mark.parametrize(("ask_for", "stage"), CASES)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_while_a_client_takes_its_download(
    begun_scene: Scene,
    fault: Fault,
    ask_for: Callable[[bytes], Asked],
    stage: Callable[[bytes, Asked], int],
) -> None:
    asked = ask_for(begun_scene.archive)
    with connected(begun_scene.server.port, small_window=True) as connection:
        ending = taken(connection, begun_scene, asked, stage(begun_scene.archive, asked), fault)
    assert_right_or_known_to_be_wrong(begun_scene, asked, ending, fault)
    if stage in UNSENT:
        assert not ending.is_complete
    if stage is central_directory:
        assert ending.is_complete
    begun_scene.assert_survived(fault)


def taken(
    connection: Connection, scene: Scene, asked: Asked, position: int, fault: Fault
) -> Ending:
    """Take an answer up to an offset of the archive, and the rest after the fault."""
    connection.send("GET", scene.target, *asked.field_lines)
    status, lines = connection.receive_head()
    begun = connection.receive_content(position - asked.start)
    fault.befall(scene.victim)
    connection.open_window()
    rest, is_complete = received(connection, asked.stop - position)
    return Ending(status, dict(lines), begun + rest, is_complete)


def assert_right_or_known_to_be_wrong(
    scene: Scene, asked: Asked, ending: Ending, fault: Fault
) -> None:
    """A complete answer has the right bytes; bytes that changed on the way fail their CRC-32."""
    try:
        scene.oracle.judge(ending)
    except WrongBytes:
        if not fault.writes_in_place:
            raise
        archive = scene.archive[: asked.start] + ending.content + scene.archive[asked.stop :]
        with pytest.raises(zipfile.BadZipFile):
            contents_of(archive)


def test_all_that_left_no_trace_in_the_servers_memory(site: Site) -> None:
    """Runs after the tests above."""
    assert_memory_is_level(site.server, site.before, may_grow_bytes=MEMORY_MAY_GROW_BYTES)
