"""Clients that leave, stall or stop half-way at every stage, and servers that end beneath them."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from campaign.faults import FILES, VICTIM, Scene
from campaign.site import Site, watched
from harness.http import Connection, Truncated, connected, get
from harness.oracle import received
from harness.server import Server, serving

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="looks at open files by /proc"
)
STALL_TIMEOUT_S = 1.0
DESCRIPTORS = 64
CONNECTIONS = 200


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with watched(tmp_path_factory.mktemp("site"), "--stall-timeout", f"{STALL_TIMEOUT_S}") as site:
        yield site


def nothing(_archive: bytes) -> int:
    return 0


def first_byte(_archive: bytes) -> int:
    return 1


def middle(archive: bytes) -> int:
    return archive.index(FILES[VICTIM]) + len(FILES[VICTIM]) // 2


def last_byte(archive: bytes) -> int:
    return len(archive) - 1


STAGES = pytest.mark.parametrize("stage", [nothing, first_byte, middle, last_byte])


def begun(connection: Connection, scene: Scene, stage: Callable[[bytes], int]) -> bytes:
    connection.send("GET", scene.target)
    status, _ = connection.receive_head()
    assert status == 200
    return connection.receive_content(stage(scene.archive))


@STAGES
@pytest.mark.parametrize("leave", [Connection.close, Connection.reset])
def test_a_client_that_leaves(
    begun_scene: Scene,
    leave: Callable[[Connection], None],
    stage: Callable[[bytes], int],
) -> None:
    connection = Connection(begun_scene.server.port, small_window=True)
    begun(connection, begun_scene, stage)
    leave(connection)
    begun_scene.assert_gave_back()
    begun_scene.index()


@pytest.mark.parametrize("stage", [nothing, first_byte, middle])
def test_a_client_that_stalls(begun_scene: Scene, stage: Callable[[bytes], int]) -> None:
    with connected(begun_scene.server.port, small_window=True) as connection:
        received_bytes = begun(connection, begun_scene, stage)
        pattern = rf"interrupted archive={begun_scene.album.name[:6]}… reason=stalled "
        begun_scene.server.wait_for(pattern)
        begun_scene.assert_gave_back()  # though it is still there
        connection.open_window()
        with pytest.raises(Truncated):
            connection.receive_content(len(begun_scene.archive) - len(received_bytes))
    begun_scene.index()


@STAGES
def test_a_client_that_has_nothing_more_to_say_gets_the_whole(
    begun_scene: Scene, stage: Callable[[bytes], int]
) -> None:
    with connected(begun_scene.server.port, small_window=True) as connection:
        content = begun(connection, begun_scene, stage)
        connection.socket.shutdown(socket.SHUT_WR)
        connection.open_window()
        content += connection.receive_content(len(begun_scene.archive) - len(content))
    assert content == begun_scene.archive
    begun_scene.assert_gave_back()


def test_a_client_that_says_all_at_once_and_that_it_is_all_gets_the_whole(scene: Scene) -> None:
    with connected(scene.server.port) as connection:
        connection.send("GET", scene.target)
        connection.socket.shutdown(socket.SHUT_WR)
        answer = connection.receive()
    assert answer.content == scene.archive


def test_a_download_begun_before_the_end_of_the_server_is_finished(
    tmp_path: Path, name: str
) -> None:
    with watched(tmp_path) as site:
        scene = Scene(site, name)
        with connected(site.server.port, small_window=True) as connection:
            content = begun(connection, scene, middle)
            site.server.process.send_signal(signal.SIGTERM)
            site.server.wait_for("event=server.stopping")
            connection.open_window()
            content += connection.receive_content(len(scene.archive) - len(content))
        assert content == scene.archive
        assert site.server.stop() == 0


@pytest.mark.parametrize("is_indexed", [False, True], ids=["first", "indexed"])
@pytest.mark.parametrize("stage", [first_byte, middle, last_byte])
def test_a_killed_server_is_resumed_from_the_next_one(
    tmp_path: Path, name: str, stage: Callable[[bytes], int], is_indexed: bool
) -> None:
    with watched(tmp_path) as site:
        scene = Scene(site, name)
        if is_indexed:
            scene.index()
        with connected(site.server.port, small_window=True) as connection:
            content = begun(connection, scene, stage)
            site.server.process.send_signal(signal.SIGKILL)
            site.server.process.wait()
            connection.open_window()
            rest, is_complete = received(connection, len(scene.archive) - len(content))
        content += rest
        if is_complete:  # all of it was on its way
            assert content == scene.archive
            content = content[:-1]
        with serving(site.photos_dir, tmp_path / "cache") as server:
            answer = get(
                server.port,
                scene.target,
                f"Range: bytes={len(content)}-",
                f"If-Range: {scene.etag}",
            )
    assert answer.status == 206
    assert content + answer.content == scene.archive


@pytest.fixture
def short_of_descriptors(tmp_path: Path) -> Iterator[Site]:
    with watched(tmp_path, launcher=["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"]) as site:
        yield site


def test_more_connections_than_descriptors(short_of_descriptors: Site, name: str) -> None:
    site = short_of_descriptors
    scene = Scene(site, name)
    scene.begin()
    with ExitStack() as stack:
        idle = [stack.enter_context(connected(site.server.port)) for _ in range(CONNECTIONS)]
        for connection in idle[::2]:
            connection.send("GET", scene.target)
    recovers(site.server, scene)


def test_a_download_short_of_descriptors_is_right_or_broken(
    short_of_descriptors: Site, name: str
) -> None:
    site = short_of_descriptors
    scene = Scene(site, name)
    scene.begin()
    with ExitStack() as stack:
        downloads = [
            stack.enter_context(connected(site.server.port, small_window=True)) for _ in range(8)
        ]
        contents = [begun(connection, scene, first_byte) for connection in downloads]
        for _ in range(CONNECTIONS):
            stack.enter_context(connected(site.server.port))
        for connection, content in zip(downloads, contents, strict=True):
            connection.open_window()
            rest, is_complete = received(connection, len(scene.archive) - len(content))
            assert not is_complete or content + rest == scene.archive
    recovers(site.server, scene)


def recovers(server: Server, scene: Scene) -> None:
    # Connections are accepted in their order: who left before this one waits no longer either.
    assert get(server.port, "/healthz").status == 200
    scene.assert_gave_back()
    scene.index()
    assert server.process.poll() is None
    assert not any("Traceback" in line for line in server.lines)
