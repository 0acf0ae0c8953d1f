"""The service under compose, as README has it started."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from containers.engine import Engine
from containers.site import IMAGE, V1, Site, site_in
from harness.albums import HASH, make_album, noise
from harness.conditions import eventually
from harness.http import connected, get, is_ready
from harness.oracle import contents_of
from harness.zipcheck import check

pytestmark = pytest.mark.containers

TARGET = f"/archive/{HASH}/"
FILES = {"1.jpg": noise(3_000_000), "Лето/2.jpg": noise(300_000), "3.txt": b"three"}
LARGE = {"large.jpg": noise(64 << 20)}
"""More than all the buffers between the service and a client hold."""
BUFFERED = {"buffered.jpg": noise(5_000_000)}
"""Less than docker-proxy and the sockets around it hold: sent before the client has read it."""
SLOW_CLIENT_S = 5.0
"""How long a client pauses.  Docker would end its proxy in a second."""
FTP_USER = 4242
BUILD_TIMEOUT_S = 300.0


def assert_is_album(archive: bytes, files: dict[str, bytes]) -> None:
    check(archive)
    assert contents_of(archive) == files


@pytest.mark.usefixtures("image_in_the_making")  # by the other builder, beside this one
def test_docker_compose_up_build_serves_what_env_names(engine: Engine, tmp_path: Path) -> None:
    """README's command, in the foreground, with the first docker-compose and builder."""
    if engine.is_podman:
        pytest.skip("the first docker-compose knows Docker alone")
    if shutil.which(V1[0]) is None:
        pytest.skip("no docker-compose on this machine")
    with site_in(tmp_path, engine) as site:
        site.configure(IMAGE=f"{IMAGE}-by-the-first")
        make_album(site.photos_dir, FILES)
        process = subprocess.Popen(
            [*V1, "up", "--build"],
            cwd=site.directory,
            env={**os.environ, **engine.variables, "DOCKER_BUILDKIT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            eventually(
                lambda: process.poll() is not None or is_ready(site.port), within_s=BUILD_TIMEOUT_S
            )
            answer = get(site.port, TARGET)
            assert answer.status == 200
            assert_is_album(answer.content, FILES)
            process.send_signal(signal.SIGINT)
            process.wait(60)
        finally:
            process.kill()
            process.wait()
        assert "event=server.stopped" in site.logs()
        assert site.state()["State"]["ExitCode"] == 0


@pytest.mark.usefixtures("by_systemd")
def test_docker_compose_up_build_wait_returns_when_it_is_healthy(
    engine: Engine, tmp_path: Path
) -> None:
    with site_in(tmp_path, engine) as site:
        make_album(site.photos_dir, FILES)
        site.compose("up", "--build", "--wait")
        assert site.state()["State"]["Health"]["Status"] == "healthy"
        answer = get(site.port, TARGET)
        assert answer.status == 200
        assert_is_album(answer.content, FILES)


def test_process_has_no_rights_to_lose(site: Site) -> None:
    site.up()
    lines = Path(f"/proc/{site.state()['State']['Pid']}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert set(status["Uid"].split()) == {"10001"}
    assert set(status["Gid"].split()) == {"10001"}
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0
    assert status["NoNewPrivs"] == "1"


def test_nothing_can_be_written_but_the_index(site: Site) -> None:
    make_album(site.photos_dir, {"1.jpg": b"one"}).chmod(0o777)
    site.up()
    for path in (
        "/x",
        "/app/x",
        "/opt/archive-service/x",
        f"/app/test_photos/{HASH}/x",
        "/usr/bin/x",
    ):
        with pytest.raises(subprocess.CalledProcessError) as failed:
            # root meets the same file system, and no permission that hides it
            site.engine.docker("exec", "--user=0", site.container(), "touch", path)
        assert "Read-only file system" in failed.value.stderr
    site.execute("touch", "/var/cache/archive-service/x", "/tmp/x")


def test_several_workers_share_their_metrics(site: Site) -> None:
    site.configure(WORKERS="2")
    make_album(site.photos_dir, FILES)
    site.up()
    assert get(site.port, TARGET).status == 200
    assert b"archive_downloads_finished_total 1.0" in get(site.port, "/metrics").content


def test_album_of_an_ftp_user_is_read_as_that_user(site: Site) -> None:
    album = make_album(site.photos_dir, FILES)
    for path in (site.photos_dir, album, *album.rglob("*")):
        os.chown(path, FTP_USER, FTP_USER)
        path.chmod(0o700 if path.is_dir() else 0o600)
    site.configure(RUN_AS=f"{FTP_USER}:{FTP_USER}")
    site.up()
    assert site.execute("id", "-u") == str(FTP_USER)
    assert_is_album(get(site.port, TARGET).content, FILES)
    assert "index.impaired" not in site.logs()


def test_directory_of_another_user_stops_the_start(site: Site) -> None:
    os.chown(site.photos_dir, FTP_USER, FTP_USER)
    site.photos_dir.chmod(0o700)
    site.compose("up", "--detach")
    eventually(lambda: "PHOTOS_DIR" in site.logs())
    assert "Traceback" not in site.logs()


def rows_of_index(site: Site) -> int:
    volume = f"{site.directory.name}_index"
    directory = site.engine.docker("volume", "inspect", "--format", "{{.Mountpoint}}", volume)
    databases = [path for path in Path(directory).iterdir() if path.suffix == ".sqlite3"]
    [database] = databases
    with sqlite3.connect(database) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        counts = [connection.execute(f"SELECT count(*) FROM {name}") for (name,) in tables]
        return max(count.fetchone()[0] for count in counts)


def test_index_outlives_the_container(site: Site) -> None:
    make_album(site.photos_dir, {**FILES, **LARGE})
    site.up()
    whole = get(site.port, TARGET).content
    first = site.container()
    site.compose("down")
    known = rows_of_index(site)
    assert known > 0
    site.up()
    assert site.container() != first
    assert get(site.port, TARGET).content == whole
    site.compose("down")
    assert rows_of_index(site) == known


@pytest.mark.parametrize(
    ("files", "field_line"),
    [(LARGE, "Connection: keep-alive"), (BUFFERED, "Connection: close")],
    ids=["large", "buffered"],
)
def test_stop_lets_a_download_finish(site: Site, files: dict[str, bytes], field_line: str) -> None:
    """As Docker stops docker-proxy, what that still holds is lost, and it holds megabytes."""
    make_album(site.photos_dir, files)
    site.up()
    whole = get(site.port, TARGET).content
    with connected(site.port, small_window=True) as connection:
        connection.send("GET", TARGET, field_line)
        status, fields = connection.receive_head()
        assert status == 200
        with site.stopping():
            time.sleep(SLOW_CLIENT_S)
            connection.open_window()
            assert connection.receive_content(int(dict(fields)["content-length"])) == whole
            connection.close()
    state = site.state()["State"]
    assert not state["Running"]
    assert state["ExitCode"] == 0


@pytest.mark.parametrize("end", ["restart", "kill", "down"])
def test_download_is_resumed_after(end: str, site: Site) -> None:
    make_album(site.photos_dir, LARGE)
    site.configure(SHUTDOWN_TIMEOUT="0.1")
    site.up()
    whole = get(site.port, TARGET).content
    with connected(site.port) as connection:
        connection.send("GET", TARGET)
        _, field_lines = connection.receive_head()
        entity_tag = dict(field_lines)["etag"]
        received = connection.receive_content(len(whole) // 3)
        site.compose(end)
    site.up()
    rest = get(site.port, TARGET, f"Range: bytes={len(received)}-", f"If-Range: {entity_tag}")
    assert rest.status == 206
    assert received + rest.content == whole


def test_health_is_that_of_the_service(site: Site) -> None:
    site.up()
    site.execute("python", "healthcheck.py")
    process = site.state()["State"]["Pid"]
    os.kill(process, signal.SIGSTOP)
    try:
        with pytest.raises(subprocess.CalledProcessError):
            site.execute("python", "healthcheck.py")
    finally:
        os.kill(process, signal.SIGCONT)
    site.execute("python", "healthcheck.py")


@pytest.mark.usefixtures("by_systemd")
def test_health_is_asked_on_the_port_for_it(site: Site) -> None:
    site.configure(MONITOR_PORT="9090")
    site.compose("up", "--detach", "--wait")
    assert site.state()["State"]["Health"]["Status"] == "healthy"
    assert get(site.port, "/healthz").status == 404
