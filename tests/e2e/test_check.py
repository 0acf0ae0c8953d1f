"""`archive-service check` as an operator runs it, and the console command around it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album
from harness.commands import run_command
from harness.http import get
from harness.privileges import without_override
from harness.readers import need
from harness.server import REPOSITORY, environment

COMMAND = (sys.executable, "-m", "archive_service")
KEY = "key-of-0123456789"


def run(
    cwd: Path, *arguments: str, command: Sequence[str] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    return run_command(arguments, cwd, variables=variables, launcher=command)


@pytest.fixture
def flags(photos_dir: Path, tmp_path: Path) -> list[str]:
    """Flags with which nothing is wrong."""
    make_album(photos_dir, {"1.jpg": b"x", "sub/": b""})
    return [
        *("--photos-dir", str(photos_dir), "--cache-dir", str(tmp_path / "cache")),
        *("--host", "127.0.0.1", "--port", "0", "--monitor-port", "0"),
    ]


def found(
    cwd: Path, *flags: str, status: int = 0, command: Sequence[str] = (), **variables: str
) -> dict[str, list[tuple[str, str]]]:
    """Return verdicts and texts by subject."""
    done = run(cwd, "check", *flags, command=command, **variables)
    assert (done.returncode, done.stderr) == (status, "")
    subjects: dict[str, list[tuple[str, str]]] = {}
    for line in done.stdout.splitlines():
        verdict, subject, text = line.split(maxsplit=2)
        subjects.setdefault(subject, []).append((verdict, text))
    return subjects


def test_where_all_is_well_nothing_is_wrong(tmp_path: Path, flags: list[str]) -> None:
    subjects = found(tmp_path, *flags)
    verdicts = {verdict for findings in subjects.values() for verdict, _ in findings}
    assert verdicts <= {"good", "advice"}
    assert {"program", "settings", "albums", "index", "limits", "port"} <= subjects.keys()
    assert not (tmp_path / "cache").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is of Linux")
def test_it_tells_how_many_directories_may_be_watched(tmp_path: Path, flags: list[str]) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_user_watches").read_text())
    (told,) = found(tmp_path, *flags)["watching"]
    assert told == ("good", f"up to {limit:,} directories")
    assert "watching" not in found(tmp_path, *flags, "--index-ahead", "off")


def test_it_tells_which_settings_are_not_the_default(tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / ".env").write_text("SETTLE_TIME=0\n")
    ((_, text),) = found(tmp_path, *flags, SIGNING_KEYS=KEY)["settings"]
    assert "with a .env" in text
    assert {"SETTLE_TIME", "SIGNING_KEYS", "PHOTOS_DIR"} <= set(re.findall("[A-Z_]+", text))
    assert KEY not in text


@pytest.mark.parametrize(
    ("keys", "state"),
    [(KEY, "links are signed"), ("off", "links are not signed: anyone who knows the hash")],
)
def test_it_says_whether_links_are_signed(
    tmp_path: Path, flags: list[str], keys: str, state: str
) -> None:
    ((verdict, text),) = found(tmp_path, *flags, SIGNING_KEYS=keys)["signing"]
    assert verdict == "good"
    assert text.startswith(state)


def test_an_installed_program_finds_the_albums_of_the_working_directory(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "archive_service", tmp_path / "installed" / "archive_service")
    clone = tmp_path / "clone"
    shutil.copytree(REPOSITORY / "test_photos", clone / "test_photos")
    flags = ("check", "--cache-dir", str(tmp_path / "cache"), "--port", "0")
    installed = {"PYTHONPATH": str(tmp_path / "installed")}
    assert run(clone, *flags, **installed).returncode == 0
    elsewhere = run(tmp_path, *flags, **installed)
    assert elsewhere.returncode == 2
    assert "PHOTOS_DIR (--photos-dir): got 'test_photos'" in elsewhere.stderr


def test_a_wrong_setting_is_one_line_and_status_2(tmp_path: Path) -> None:
    done = run(tmp_path, "check", "--port", "http")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("archive-service check: PORT (--port): got 'http'")


@pytest.mark.parametrize("forbidden", [HASH, f"{HASH}/1.jpg", f"{HASH}/sub"])
def test_albums_that_this_user_may_not_read_are_wrong(
    tmp_path: Path, photos_dir: Path, flags: list[str], forbidden: str
) -> None:
    make_album(photos_dir, {"1.jpg": b"x"}, "other")
    (photos_dir / forbidden).chmod(0)
    try:
        findings = found(tmp_path, *flags, status=1, command=without_override())["albums"]
    finally:
        (photos_dir / forbidden).chmod(0o755)
    ((verdict, text),) = findings[1:]
    assert verdict == "wrong"
    assert text.startswith("1 of the 2 ")
    assert HASH[:6] in text
    assert HASH not in text


def test_directories_that_no_link_can_name_are_told(
    tmp_path: Path, photos_dir: Path, flags: list[str]
) -> None:
    for name in ("Лето", "a b", ".hidden", "good"):
        (photos_dir / name).mkdir()
    _, (verdict, text) = found(tmp_path, *flags)["albums"]
    assert verdict == "advice"
    assert text.startswith("2 have names")


def test_an_index_is_told_sound_or_corrupt(tmp_path: Path, flags: list[str], serve: Serve) -> None:
    server = serve()
    assert get(server.port, f"/archive/{HASH}/").status == 200
    server.stop()
    (path,) = (tmp_path / "cache").glob("*.sqlite3")
    ((verdict, text),) = found(tmp_path, *flags)["index"]
    assert (verdict, str(path) in text) == ("good", True)
    path.write_bytes(b"no database" * 1000)
    ((verdict, text),) = found(tmp_path, *flags)["index"]
    assert verdict == "advice"
    assert "corrupt" in text


def test_a_cache_that_can_not_be_written_is_wrong(tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    ((verdict, text),) = found(tmp_path, *flags, status=1, command=without_override())["index"]
    assert verdict == "wrong"
    assert "CACHE_DIR" in text


def test_a_port_of_the_service_is_good_and_one_of_another_wrong(
    tmp_path: Path, flags: list[str], serve: Serve
) -> None:
    server = serve("--workers", "2")
    ((verdict, text),) = found(tmp_path, *flags, "--port", f"{server.port}")["port"]
    assert verdict == "good"
    assert "answers" in text
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        other.close()
        with socket.create_server(("127.0.0.1", port)):
            arguments = (*flags, "--monitor-port", f"{port}")
            _, (verdict, text) = found(tmp_path, *arguments, status=1)["port"]
    assert verdict == "wrong"
    assert "--monitor-port" in text


def test_a_host_of_another_machine_is_wrong(tmp_path: Path, flags: list[str]) -> None:
    ((verdict, text),) = found(tmp_path, *flags, "--host", "192.0.2.1", status=1)["port"]
    assert (verdict, "--host" in text) == ("wrong", True)


def test_few_open_files_are_told_before_they_run_out(tmp_path: Path, flags: list[str]) -> None:
    limited = ("prlimit", "--nofile=1000:1000")
    ((verdict, text),) = found(tmp_path, *flags, command=limited)["limits"]
    assert verdict == "advice"
    assert "some 250 downloads" in text
    fitting = found(tmp_path, *flags, "--max-downloads", "250", command=limited)
    assert fitting["limits"][0][0] == "good"


def test_the_command_names_its_subcommands(tmp_path: Path) -> None:
    done = run(tmp_path, "-h")
    assert done.returncode == 0
    assert {"serve", "pack", "link", "check"} <= set(done.stdout.split())


@pytest.mark.parametrize("arguments", [[], ["sing"], ["--sing"]])
def test_what_is_no_subcommand_is_told_in_one_line(tmp_path: Path, arguments: list[str]) -> None:
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("archive-service: ")
    assert "-h" in line


def test_the_command_is_installed_and_tells_its_version() -> None:
    command = Path(sys.executable).with_name("archive-service")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    project = (REPOSITORY / "pyproject.toml").read_text()
    assert f'version = "{done.stdout.strip()}"' in project


def test_pack_is_main_py_under_another_name(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("one")
    packed = subprocess.run(
        [sys.executable, REPOSITORY / "main.py", "1.txt"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=True,
    ).stdout
    done = run(tmp_path, "pack", "1.txt", "--save", "a.zip")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "a.zip").read_bytes() == packed


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("index", "fill"),
        ("link", HASH),
        ("check", "-h"),
        ("pack", "-h"),
        ("serve", "-h"),
        ("--version",),
    ],
)
def test_commands_end_quietly_once_their_reader_is_gone(
    tmp_path: Path, flags: list[str], arguments: tuple[str, ...]
) -> None:
    takes_flags = arguments in {("check",), ("index", "fill")}
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, *arguments, *(flags if takes_flags else ())],
        cwd=tmp_path,
        env=environment({"PYTHONPATH": str(REPOSITORY), "SIGNING_KEYS": KEY}),
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    os.close(writer)
    assert done.stderr == b""
    # argparse takes a long help for printed.
    assert done.returncode == 128 + signal.SIGPIPE or (done.returncode == 0 and "-h" in arguments)


def test_a_directory_that_is_not_mounted_yet_is_told(tmp_path: Path, flags: list[str]) -> None:
    later = str(tmp_path / "later")
    ((verdict, text),) = found(tmp_path, *flags, "--photos-dir", later, status=1)["albums"]
    assert verdict == "wrong"
    assert text.startswith(f"{later} can't be read (ENOENT): mount it")


def test_it_says_how_open_files_are_noticed(
    photos_dir: Path, tmp_path: Path, flags: list[str]
) -> None:
    (told,) = found(tmp_path, *flags)["uploads"]
    assert told == ("good", "a lease shows files that are open for writing")
    (told,) = found(tmp_path, *flags, "--open-files", "off")["uploads"]
    assert told[0] == "advice"
    assert "OPEN_FILES=both" in told[1]
    (told,) = found(tmp_path, *flags, "--open-files", "watch")["uploads"]
    assert told[0] == "good"
    (told,) = found(tmp_path, *flags, "--open-files", "watch", "--index-ahead", "off")["uploads"]
    assert told[0] == "advice"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("ahead", ["watch", "off"])
def test_it_says_what_leases_on_files_of_others_take(
    photos_dir: Path, tmp_path: Path, flags: list[str], ahead: str
) -> None:
    need("setpriv")
    os.chown(photos_dir / HASH / "1.jpg", 12345, 12345)
    command = ["setpriv", "--bounding-set", "-lease"]
    (told,) = found(tmp_path, *flags, "--index-ahead", ahead, command=command)["uploads"]
    assert told[0] == "advice"
    assert "CAP_LEASE" in told[1]
    assert "12345" in told[1]
    assert ("inotify" in told[1]) == (ahead == "watch")


def test_an_album_nested_too_deep_is_not_taken_for_one_without_permission(
    photos_dir: Path, tmp_path: Path, flags: list[str]
) -> None:
    make_album(photos_dir, {"d/" * 70: b""}, "nested-too-deep")
    (told,) = [
        text for verdict, text in found(tmp_path, *flags, status=1)["albums"] if verdict == "wrong"
    ]
    assert told == (
        "1 of the 2 looked at, such as nested…, has directories nested deeper than 64: "
        "move the innermost up"
    )


def test_it_says_what_visitors_share_behind_a_web_server_that_is_not_named(
    tmp_path: Path, flags: list[str]
) -> None:
    (told,) = found(tmp_path, *flags)["proxies"]
    assert told[0] == "advice"
    assert "MISS_LIMIT, which slows the site's own requests" in told[1]
    for named in (("--trusted-proxies", "127.0.0.1"), ("--miss-limit", "0")):
        assert "proxies" not in found(tmp_path, *flags, *named)
