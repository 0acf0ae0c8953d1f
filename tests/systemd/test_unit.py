"""The unit of deploy/ under a real systemd, installed by the commands of docs/operations.md."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from harness.conditions import eventually
from harness.documents import blocks, section
from harness.http import connected, get, is_ready
from harness.ports import free_port
from systemd.machine import Machine, NoMachine, booted

pytestmark = pytest.mark.containers

OPERATIONS = "docs/operations.md"
INSTALLING = section(OPERATIONS, "Installing it under systemd")
INSTALL, CHECK, DROP_IN = blocks(INSTALLING, "sh")
(UPGRADE,) = blocks(section(OPERATIONS, "Upgrading without cutting downloads"), "sh")
TARGET = "/archive/album/"
ALBUM_BYTES = 64 << 20
PORTS = {"8080": free_port(), "8081": free_port()}
"""What stands in the document, and what is free here."""
OLD, NEW = (f"archive-service@{port}" for port in PORTS.values())


def here(script: str) -> str:
    for port, free in PORTS.items():
        script = script.replace(port, f"{free}")
    return script


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which an operator has installed the service."""
    with ExitStack() as stack:
        try:
            machine = stack.enter_context(booted(tmp_path_factory.mktemp("machine")))
        except NoMachine as reason:
            pytest.skip(str(reason))
        machine.run(
            "mkdir -p /srv/photos/album; "
            f"head -c {ALBUM_BYTES} /dev/urandom > /srv/photos/album/1.jpg"
        )
        machine.run(here(INSTALL))
        eventually(lambda: is_ready(PORTS["8080"]))
        yield machine


def test_what_the_document_installs_serves_albums(machine: Machine) -> None:
    answer = get(PORTS["8080"], TARGET)
    assert answer.status == 200
    assert len(answer.content) > ALBUM_BYTES
    assert machine.run(f"ps -o user= -p $(systemctl show --value -p MainPID {OLD})") != "root\n"
    assert machine.run("ls /var/cache/archive-service/*.sqlite3")


def test_the_documented_check_finds_nothing_wrong(machine: Machine) -> None:
    text = machine.run(here(CHECK))
    assert "wrong" not in text
    assert "a lease shows files" in text


def test_the_exposure_is_what_the_document_says(machine: Machine) -> None:
    text = machine.run(f"systemd-analyze security --no-pager {OLD} | tail -1")
    found = re.search(r"exposure level for .*: (\S+) OK", text)
    assert found, text
    assert f"its exposure {found[1]} " in INSTALLING


def test_nothing_but_the_index_can_be_written(machine: Machine) -> None:
    pid = machine.state(OLD, "MainPID")
    where = "/etc /srv/photos /opt/archive-service /var/lib /var/cache/archive-service"
    text = machine.run(
        f"for d in {where}; do nsenter --target={pid} --mount findmnt -no OPTIONS -T $d; done"
    )
    first = [options.split(",")[0] for options in text.splitlines()]
    assert first == ["ro"] * 4 + ["rw"]
    status = machine.run(f"cat /proc/{pid}/status")
    assert re.search(r"^CapBnd:\s0+10000000$", status, re.MULTILINE)  # CAP_LEASE alone
    assert re.search(r"^NoNewPrivs:\s1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\s2$", status, re.MULTILINE)


def test_a_file_that_another_user_has_open_for_writing_is_not_sent(machine: Machine) -> None:
    """Its writer writes nothing, so a lease alone shows it."""
    machine.run("mkdir /srv/photos/open; echo x > /srv/photos/open/1.jpg")
    writing = "exec 7<>/srv/photos/open/1.jpg; exec sleep 600"
    machine.run(f"systemd-run --unit=writer sh -c '{writing}'")
    assert get(PORTS["8080"], "/archive/open/").status == 503
    counted = 'archive_uploads_awaited_total{reason="open for writing"} '
    metrics = get(PORTS["8080"], "/metrics").content.decode()
    assert float(metrics.partition(f"\n{counted}")[2].split()[0]) > 0
    machine.run("systemctl stop writer")
    eventually(lambda: get(PORTS["8080"], "/archive/open/").status == 200)


def test_a_killed_service_is_started_again(machine: Machine) -> None:
    machine.run(f"systemctl kill --signal={signal.SIGKILL.name} {OLD}")
    eventually(lambda: machine.state(OLD, "NRestarts") == "1")
    eventually(lambda: is_ready(PORTS["8080"]))


def test_a_wrong_setting_is_not_tried_again(machine: Machine) -> None:
    machine.run("! systemctl start --wait archive-service@wrong")
    eventually(lambda: machine.state("archive-service@wrong") == "failed")
    assert machine.state("archive-service@wrong", "ExecMainStatus") == "2"
    assert machine.state("archive-service@wrong", "NRestarts") == "0"
    assert "PORT" in machine.run("journalctl --no-pager --quiet -u archive-service@wrong")


def test_the_drop_in_for_lxc_needs_no_namespace(machine: Machine) -> None:
    """What systemd may not make in an unprivileged container is not made at all."""
    directory = "/etc/systemd/system/archive-service@.service.d"
    machine.run(f"cd /opt/archive-service/source\n{here(DROP_IN)}")
    try:
        eventually(lambda: is_ready(PORTS["8080"]))
        pid = machine.run(f"systemctl show --value -p MainPID {OLD}").strip()
        kinds = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
        for kind in kinds:
            own, first = machine.run(f"readlink /proc/{pid}/ns/{kind} /proc/1/ns/{kind}").split()
            assert own == first, kind
        assert "NoNewPrivs:\t1" in machine.run(f"cat /proc/{pid}/status")
    finally:
        machine.run(f"rm -r {directory}; systemctl daemon-reload; systemctl restart {OLD}")
        eventually(lambda: is_ready(PORTS["8080"]))


def test_an_upgrade_as_documented_lets_downloads_finish(machine: Machine) -> None:
    with connected(PORTS["8080"], small_window=True) as visitor:
        visitor.send("GET", TARGET)
        status, fields = visitor.receive_head()
        assert status == 200
        machine.run(here(UPGRADE))
        eventually(lambda: is_ready(PORTS["8081"]))
        assert machine.state(OLD) == "deactivating"
        length = int(dict(fields)["content-length"])
        assert len(visitor.reader.read(length)) == length
    eventually(lambda: machine.state(OLD) == "inactive")
    assert machine.run(f"systemctl is-enabled {OLD} {NEW} || true").split() == [
        "disabled",
        "enabled",
    ]
