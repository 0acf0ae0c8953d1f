"""`archive-service check` about mounts, /tmp, nginx and SELinux."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from harness.albums import make_album
from harness.commands import run_command
from harness.gatedfs import gated
from harness.readers import need
from harness.server import REPOSITORY

from archive_service.cli.doctor.findings import Severity
from archive_service.cli.doctor.surroundings_inspection import front_findings, selinux_findings
from archive_service.config.settings import load_settings

AS_READ_ONLY = "mount --bind {0} {0} && mount -o remount,bind,ro {0} && "


def lines(cwd: Path, *flags: str, launcher: tuple[str, ...] = ()) -> list[list[str]]:
    arguments = ["check", "--port", "0", "--cache-dir", str(cwd / "cache"), *flags]
    done = run_command(arguments, cwd, launcher=launcher)
    return [line.split(maxsplit=2) for line in done.stdout.splitlines()]


def about(subject: str, found: list[list[str]]) -> list[tuple[str, str]]:
    return [(severity, text) for severity, of, text in found if of == subject]


@pytest.fixture
def nginx(tmp_path: Path) -> Path:
    """The configuration of an nginx that has the file of deploy/."""
    (tmp_path / "nginx" / "conf.d").mkdir(parents=True)
    shutil.copy(REPOSITORY / "deploy" / "nginx.conf", tmp_path / "nginx" / "conf.d" / "site.conf")
    return tmp_path / "nginx"


def test_a_mount_that_tells_of_no_changes_is_told(tmp_path: Path, photos_dir: Path) -> None:
    make_album(photos_dir, {"1.jpg": b"x"})
    with gated(photos_dir, tmp_path / "mounted"):
        found = lines(tmp_path, "--photos-dir", str(tmp_path / "mounted"))
    ((severity, text),) = about("mount", found)
    assert severity == "advice"
    assert "lies on fuse" in text
    assert "--dir-cache-time" in text
    ((severity, text),) = about("watching", found)
    assert (severity, text.endswith("so they are looked for every 10 seconds")) == ("good", True)
    assert not about("mount", lines(tmp_path, "--photos-dir", str(photos_dir)))


def test_a_tmp_for_metrics_is_told(tmp_path: Path, photos_dir: Path) -> None:
    found = lines(tmp_path, "--photos-dir", str(photos_dir), "--workers", "2")
    assert about("temporary", found)[0][0] == "good"
    assert not about("temporary", lines(tmp_path, "--photos-dir", str(photos_dir)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are of Linux")
def test_a_tmp_that_can_not_be_written_is_told(tmp_path: Path, photos_dir: Path) -> None:
    need("unshare")
    mounts = "".join(AS_READ_ONLY.format(place) for place in ("/tmp", "/var/tmp"))
    launcher = ("unshare", "--mount", "sh", "-c", f'{mounts} exec "$@"', "sh")
    flags = ("--photos-dir", str(photos_dir), "--workers", "2")
    ((severity, text),) = about("temporary", lines(tmp_path, *flags, launcher=launcher))
    assert severity in ("advice", "wrong")
    assert "name another one in TMPDIR" in text


@pytest.mark.parametrize(
    ("text", "downloads", "connections"),
    [
        ("events {}\n", 256, 512),
        ("worker_processes 2;\nevents { worker_connections 768; }\n", 768, 768),
        ("#worker_processes 9;\nevents {\n  worker_connections  1000 ; # 9000\n}\n", 500, 1000),
    ],
)
def test_few_connections_of_nginx_are_told(
    nginx: Path, text: str, downloads: int, connections: int
) -> None:
    (nginx / "nginx.conf").write_text(text)
    settings = load_settings({"max_downloads": f"{downloads + 1}"})
    (told,) = front_findings(settings, nginx)
    assert told.severity is Severity.ADVICE
    assert f"for {downloads:,} downloads" in told.text
    assert f"(now {connections:,})" in told.text
    (told,) = front_findings(load_settings({"max_downloads": f"{downloads}"}), nginx)
    assert told.severity is Severity.GOOD


def test_nginx_of_another_site_is_nobodys_business(nginx: Path) -> None:
    (nginx / "conf.d" / "site.conf").unlink()
    (nginx / "nginx.conf").write_text("events {}\n")
    assert not list(front_findings(load_settings({}), nginx))


@pytest.mark.parametrize(
    ("enforce", "may_call", "is_told"), [("1", "0 0", True), ("1", "1 1", False), ("0", "0", False)]
)
def test_selinux_that_keeps_nginx_from_calling_is_told(
    enforce: str, may_call: str, is_told: bool, tmp_path: Path
) -> None:
    (tmp_path / "booleans").mkdir()
    (tmp_path / "enforce").write_text(enforce)
    (tmp_path / "booleans" / "httpd_can_network_connect").write_text(may_call)
    told = [finding.text for finding in selinux_findings(load_settings({}), tmp_path)]
    assert bool(told) == is_told
    assert all("setsebool -P httpd_can_network_connect on" in text for text in told)
