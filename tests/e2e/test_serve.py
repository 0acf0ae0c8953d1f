"""The command `server.py`: its settings, what stops its start, and how it stops."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from harness.albums import HASH, make_album, make_sparse, noise
from harness.conditions import eventually
from harness.ending import HOLDING_BYTES, assert_quiet, held, refuses, stopping
from harness.http import Truncated, connected, get
from harness.privileges import without_override
from harness.server import SERVER, Server, environment, serving

from archive_service.config.setting_docs import docs_of, flag, variable
from archive_service.config.settings import Settings

Serve = Callable[..., Server]

FAILED_START_TIMEOUT_S = 120.0
STOPPED_WITHIN_S = ABORTED_WITHIN_S = BRIEF_S = 25.0
"""Far less than what a stop waits for downloads, and a lot for a busy machine."""
"""Far less than the shutdown time-outs that should not be waited for."""
PIECE_BYTES = 256 * 1024


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    path = tmp_path / "cache"
    path.mkdir()
    return path


def start_badly(
    cwd: Path,
    *flags: str,
    variables: dict[str, str] | None = None,
    command: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a server that is not to start."""
    return subprocess.run(
        [*command, sys.executable, str(SERVER), *flags],
        cwd=cwd,
        env=environment(variables),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=FAILED_START_TIMEOUT_S,
        check=False,
    )


def name_of_download(server: Server) -> str:
    return get(server.port, f"/archive/{HASH}/")["content-disposition"]


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(
    photos_dir: Path, cache_dir: Path
) -> None:
    make_album(photos_dir, {"1.jpg": b"1"})
    flags: list[str] = []
    variables: dict[str, str] = {}

    def served_name() -> str:
        with serving(photos_dir, cache_dir, *flags, variables=variables, afresh=True) as server:
            return name_of_download(server)

    assert "archive.zip" in served_name()
    (cache_dir / ".env").write_text("DOWNLOAD_NAME=file.zip\n")
    assert "file.zip" in served_name()
    variables["DOWNLOAD_NAME"] = "environment.zip"
    assert "environment.zip" in served_name()
    flags += ["--download-name", "flag.zip"]
    assert "flag.zip" in served_name()


def test_the_directory_of_albums_is_read_from_the_environment(
    photos_dir: Path, cache_dir: Path
) -> None:
    make_album(photos_dir, {"1.jpg": b"x"})
    with serving(None, cache_dir, variables={"PHOTOS_DIR": str(photos_dir)}, afresh=True) as server:
        assert get(server.port, f"/archive/{HASH}/").status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "70000"),
        ("photos_dir", "does/not/exist"),
    ],
)
def test_a_wrong_value_is_one_line_and_status_2(tmp_path: Path, name: str, value: str) -> None:
    ended = start_badly(tmp_path, flag(name), value)
    assert ended.returncode == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert variable(name) in line
    assert flag(name) in line
    assert value in line
    assert "takes" in line


@pytest.mark.parametrize(
    ("name", "variables", "file"), [("PORT", {"PORT": "http"}, ""), ("DEBUG", {}, "DEBUG=perhaps")]
)
def test_a_wrong_value_from_elsewhere_is_told_too(
    tmp_path: Path, name: str, variables: dict[str, str], file: str
) -> None:
    (tmp_path / ".env").write_text(file)
    ended = start_badly(tmp_path, variables=variables)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert name in line


@pytest.mark.parametrize("text", ["PORT=8080\nPHOTOS DIR=/srv/photos\n", "PORT\t8080 = x'\n"])
def test_a_line_in_the_file_that_is_no_setting_is_told_too(tmp_path: Path, text: str) -> None:
    (tmp_path / ".env").write_text(text)
    ended = start_badly(tmp_path)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line == f"server.py: .env: line {text.count(chr(10))} can't be read, takes NAME=value"


def test_a_directory_in_place_of_the_file_is_told_too(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    ended = start_badly(tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == "server.py: .env: is a directory, takes a file\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("SIGNING_KEYS=", "SIGNING_KEYS: is set, but empty. Set it to a key"),
        ("SIGNING_KEY=k3y-of-16-signs.", ".env: 'SIGNING_KEY' is no setting; is it SIGNING_KEYS?"),
    ],
)
def test_keys_that_got_lost_stop_the_start(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")
    ended = start_badly(tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    (told,) = ended.stderr.splitlines()
    assert told.startswith(f"server.py: {said}")
    assert "k3y" not in told


@pytest.mark.parametrize(
    ("flags", "keys", "state"),
    [
        ((), "k3y-of-16-signs.", "links are signed"),
        ((), "off", "links are not signed: anyone who knows the hash of an album can download it"),
        (("--workers", "2"), "k3y-of-16-signs.", "links are signed"),
    ],
)
def test_the_start_logs_whether_links_are_signed(
    serve: Serve, flags: tuple[str, ...], keys: str, state: str
) -> None:
    server = serve(*flags, variables={"SIGNING_KEYS": keys})
    told = [line for line in server.lines if "server.signing" in line]
    assert len(told) == 1
    assert f'state="{state}"' in told[0]


def test_a_directory_whose_files_can_not_be_opened_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "albums").mkdir(mode=0o400)
    ended = start_badly(
        tmp_path, "--photos-dir", str(tmp_path / "albums"), command=without_override()
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "PHOTOS_DIR" in line
    assert "not opened" in line


def test_a_file_in_place_of_the_directory_of_albums_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = start_badly(tmp_path, "--photos-dir", str(tmp_path / "file"))
    assert ended.returncode == 2
    assert "PHOTOS_DIR" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_an_unknown_flag_is_status_2(tmp_path: Path) -> None:
    ended = start_badly(tmp_path, "--prot", "8080")
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "--prot" in line
    assert "-h" in line


def test_help_tells_of_every_setting(tmp_path: Path) -> None:
    ended = start_badly(tmp_path, "-h")
    assert ended.returncode == 0
    for name, doc in docs_of(Settings).items():
        assert bool(re.search(rf"{flag(name)}\b", ended.stdout)) is not doc.is_secret
        assert variable(name) in ended.stdout


def test_a_port_in_use_is_told_in_one_line(photos_dir: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = start_badly(
            tmp_path,
            *("--host", "127.0.0.1", "--port", f"{port}"),
            *("--photos-dir", str(photos_dir), "--cache-dir", str(tmp_path)),
        )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"server.py: can't listen on 127.0.0.1:{port}: Address already in use. ")


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", ".."])
def test_a_host_that_this_machine_is_not_is_a_wrong_value(
    photos_dir: Path, tmp_path: Path, host: str
) -> None:
    ended = start_badly(
        tmp_path,
        *("--host", host, "--port", "0"),
        *("--photos-dir", str(photos_dir), "--cache-dir", str(tmp_path)),
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"server.py: HOST (--host): got '{host}' (")
    assert line.endswith("takes an address of this machine; :: means all of them")


SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])


@SIGNALS
def test_an_idle_server_stops_at_once(serve: Serve, number: signal.Signals) -> None:
    server = serve()
    with connected(server.port) as kept_alive:
        kept_alive.exchange("GET", "/")
        began_s = time.monotonic()
        assert server.stop(number) == 0
    assert time.monotonic() - began_s < BRIEF_S
    server.wait_for("event=server.stopped")
    assert_quiet(server)


def test_a_download_that_ends_in_time_is_whole(serve: Serve, photos_dir: Path) -> None:
    album = make_album(photos_dir, {"b.bin": noise(300_000), "c.txt": b"last"})
    make_sparse(album / "a.bin", HOLDING_BYTES)
    server = serve("--level", "debug")
    whole = get(server.port, f"/archive/{HASH}/").content
    with held(server) as (connection, length):
        stopping(server, signal.SIGTERM)
        eventually(lambda: refuses(server.port))
        connection.open_window()
        assert connection.receive_content(length) == whole
        assert server.process.wait(BRIEF_S) == 0
    assert_quiet(server)


@pytest.mark.parametrize(
    ("number", "timeout_s"), [(signal.SIGTERM, 0), (signal.SIGINT, 0.5), (signal.SIGHUP, 0)]
)
def test_a_download_that_does_not_end_in_time_is_aborted(
    serve: Serve, photos_dir: Path, number: signal.Signals, timeout_s: float
) -> None:
    album = make_album(photos_dir, {})
    make_sparse(album / "a.bin", HOLDING_BYTES)
    server = serve("--level", "debug", "--shutdown-timeout", f"{timeout_s}")
    with held(server) as (connection, length):
        began_s = time.monotonic()
        stopping(server, number)
        assert server.process.wait(STOPPED_WITHIN_S) == 0
        lasted_s = time.monotonic() - began_s
        assert lasted_s >= timeout_s
        connection.open_window()
        with pytest.raises(Truncated):
            connection.receive_content(length)
    server.wait_for("event=download.interrupted .*reason=shutdown")
    assert lasted_s < timeout_s + ABORTED_WITHIN_S
    assert_quiet(server)


def test_small_files_that_are_not_taken_in_time_are_aborted(serve: Serve, photos_dir: Path) -> None:
    album = make_album(photos_dir, {})
    for number in range(HOLDING_BYTES // 100_000):
        make_sparse(album / f"{number}.bin", 100_000)
    server = serve("--level", "debug", "--shutdown-timeout", "0.2")
    with held(server) as (connection, length):
        stopping(server, signal.SIGTERM)
        assert server.process.wait(STOPPED_WITHIN_S) == 0
        connection.open_window()
        with pytest.raises(Truncated):
            connection.receive_content(length)
    server.wait_for("event=download.interrupted .*reason=shutdown")
    assert_quiet(server)


def test_hashing_does_not_hold_up_the_end(serve: Serve, photos_dir: Path) -> None:
    album = make_album(photos_dir, {})
    make_sparse(album / "a.bin", 8 * 1024**4)
    server = serve("--level", "debug", "--shutdown-timeout", "0.2")
    with connected(server.port) as connection:
        connection.send("GET", f"/archive/{HASH}/")
        connection.receive_head()
        eventually(lambda: server.open_below(album))
        stopping(server, signal.SIGTERM)
        assert server.process.wait(STOPPED_WITHIN_S) == 0
    assert_quiet(server)


@pytest.mark.parametrize("workers", [1, 2])
@SIGNALS
def test_signals_do_not_break_off_the_end(
    serve: Serve, number: signal.Signals, workers: int
) -> None:
    """Nor does one that comes when the process has hardly anything left to do."""
    process = serve("--workers", f"{workers}").process
    while process.poll() is None:
        process.send_signal(number)
        time.sleep(0.0001)
    assert process.wait() == 0


@pytest.mark.parametrize(
    ("first", "second"), [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)]
)
def test_a_second_signal_cuts_short(
    serve: Serve, photos_dir: Path, first: signal.Signals, second: signal.Signals
) -> None:
    album = make_album(photos_dir, {})
    make_sparse(album / "a.bin", HOLDING_BYTES)
    server = serve("--level", "debug", "--shutdown-timeout", "600")
    with held(server) as (connection, length):
        stopping(server, first)
        server.process.send_signal(second)
        assert server.process.wait(BRIEF_S) == 0
        connection.open_window()
        with pytest.raises(Truncated):
            connection.receive_content(length)
    server.wait_for("event=download.interrupted .*reason=shutdown")
    assert_quiet(server)


def test_a_hangup_that_nohup_has_ignored_ends_nothing(photos_dir: Path, tmp_path: Path) -> None:
    make_album(photos_dir, {"a.txt": b"a"})
    ignoring = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh"]
    for flags in ((), ("--workers", "2")):
        with serving(photos_dir, tmp_path, *flags, launcher=ignoring) as server:
            server.process.send_signal(signal.SIGHUP)
            assert get(server.port, f"/archive/{HASH}/").status == 200
            assert server.stop() == 0
        assert not any("SIGHUP" in line for line in server.lines)


def test_debug_mode_pauses_after_each_piece(serve: Serve, photos_dir: Path) -> None:
    album = make_album(photos_dir, {"a.txt": b"first"})
    make_sparse(album / "b.bin", 5 * PIECE_BYTES)
    server = serve("--debug", "--delay", "0.1", "--level", "debug")
    length = int(get(server.port, f"/archive/{HASH}/")["content-length"])
    server.wait_for("event=download.finished")
    sent = [
        (match[1], int(match[2]))
        for line in server.lines
        if (match := re.search(r"timestamp=(\S+) .*event=download\.piece .*sent_bytes=(\d+)", line))
    ]
    times_s = [_seconds(stamp) for stamp, _ in sent]
    # No piece is larger than it should be, and time has passed wherever one was full.
    for piece in range(1, length // PIECE_BYTES + 1):
        full = [index for index, (_, count) in enumerate(sent) if count == piece * PIECE_BYTES]
        assert len(full) == 1
        if full[0] + 1 < len(sent):
            assert times_s[full[0] + 1] - times_s[full[0]] >= 0.09
    assert sent[-1][1] == length


def _seconds(stamp: str) -> float:
    hours, minutes, seconds = stamp.rstrip("Z").partition("T")[2].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def test_a_download_in_debug_mode_does_not_slow_others_answers(
    serve: Serve, photos_dir: Path
) -> None:
    album = make_album(photos_dir, {})
    make_sparse(album / "a.bin", HOLDING_BYTES)
    server = serve("--debug", "--delay", "60", "--level", "debug")
    with connected(server.port) as slow:
        slow.send("GET", f"/archive/{HASH}/")
        slow.receive_head()
        server.wait_for("event=download.piece")
        began_s = time.monotonic()
        assert get(server.port, "/").status == 200
        assert time.monotonic() - began_s < BRIEF_S


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="no /proc here")
def test_as_many_connections_as_the_system_allows(server: Server) -> None:
    limits = Path(f"/proc/{server.pid}/limits").read_text()
    [soft, hard] = re.findall(r"^Max open files +(\d+) +(\d+)", limits, re.MULTILINE)[0]
    assert soft == hard


AFTER_IMPORTS = """
import contextlib, gc, json, mimetypes, os, ssl, sys
from archive_service.cli.subcommands import run
known = mimetypes.knownfiles = [sys.argv[1]]
sys.argv[1:] = ["-h"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr):
    run("serve")
gc.unfreeze()
import frozenlist
contexts = [c for c in gc.get_objects() if isinstance(c, ssl.SSLContext)]
print(json.dumps({
    "contexts": len(contexts),
    "certificates": sum(c.cert_store_stats()["x509"] for c in contexts),
    "is_compiled": frozenlist.FrozenList is not frozenlist.PyFrozenList,
    "type": mimetypes.types_map.get(".x-of-the-system"),
    "is_way_to_types_there": mimetypes.knownfiles is known,
    "SSL_CERT_FILE": os.environ.get("SSL_CERT_FILE"),
    "FROZENLIST_NO_EXTENSIONS": os.environ.get("FROZENLIST_NO_EXTENSIONS"),
}))
"""


@pytest.mark.parametrize("given", [{}, {"SSL_CERT_FILE": "/etc/site/ca.pem"}])
def test_nothing_unneeded_of_aiohttp_is_held_and_the_way_to_it_stays(
    tmp_path: Path, given: dict[str, str]
) -> None:
    types = tmp_path / "mime.types"
    types.write_text("application/x-of-the-system x-of-the-system\n")
    done = subprocess.run(
        [sys.executable, "-c", AFTER_IMPORTS, str(types)],
        env=environment({"PYTHONPATH": str(SERVER.parent), **given}),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["contexts"]
    assert not found["certificates"]
    assert not found["is_compiled"]
    assert found["type"] is None
    assert found["is_way_to_types_there"]
    assert found["SSL_CERT_FILE"] == given.get("SSL_CERT_FILE")
    assert found["FROZENLIST_NO_EXTENSIONS"] is None
