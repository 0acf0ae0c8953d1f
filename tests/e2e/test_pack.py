"""`main.py` as a user runs it: a process, real files, real terminals, real signals."""

from __future__ import annotations

import fcntl
import io
import itertools
import mmap
import os
import pty
import resource
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import termios
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from harness.touches import give_to_its_owner

MAIN = Path(__file__).resolve().parents[2] / "main.py"
COMMAND = (sys.executable, str(MAIN))
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm", "COLUMNS": "100"}
TIMEOUT_S = 60
MIB = 1024 * 1024
OLD = b"what was saved before"
ENDLESS_BYTES = 100_000 * MIB
BEGUN_BYTES = 100_000
"""More than headers: a reader with so many bytes knows that file data is on its way."""
SMALL_LIMIT_BYTES = 64 * MIB

Files = dict[str, bytes]


def heed_signals() -> None:
    """Undo what nohup and background jobs of shells leave ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(arguments: Sequence[str | bytes], cwd: Path, **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - Popen's own
    """Start the command; options are those of Popen."""
    usual: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "env": ENVIRONMENT,
        "preexec_fn": heed_signals,
    }
    return subprocess.Popen((*COMMAND, *arguments), cwd=cwd, **(usual | options))


def run(
    arguments: Sequence[str | bytes],
    cwd: Path,
    **options: Any,  # noqa: ANN401 - Popen's own
) -> subprocess.CompletedProcess[bytes]:
    with start(arguments, cwd, **options) as process:
        stdout, stderr = process.communicate(timeout=TIMEOUT_S)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def packed(arguments: Sequence[str | bytes], cwd: Path) -> Files:
    done = run(arguments, cwd)
    assert (done.returncode, done.stderr) == (0, b"")
    return contents(done.stdout)


def contents(archive: bytes | Path) -> Files:
    readable = io.BytesIO(archive) if isinstance(archive, bytes) else archive
    with zipfile.ZipFile(readable) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def refused(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 2
    assert not done.stdout
    return message(done)


def failed(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 1
    return message(done)


def message(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("main.py: ")
    return lines[0].removeprefix("main.py: ")


def limit_damage() -> None:
    heed_signals()
    resource.setrlimit(resource.RLIMIT_FSIZE, (ENDLESS_BYTES // 20, ENDLESS_BYTES // 20))


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_LIMIT_BYTES, SMALL_LIMIT_BYTES))


def sparse(path: Path, size_bytes: int) -> None:
    with path.open("wb") as file:
        file.truncate(size_bytes)


@contextmanager
def terminal() -> Iterator[tuple[FileIO, FileIO]]:
    """Yield both ends of a terminal; reading the first fails once all have closed the second."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    with open(ours, "rb", buffering=0) as seen, open(theirs, "wb", buffering=0) as shown:
        yield seen, shown


def read_until(file: FileIO, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        more = file.read(4096)
        assert more, f"ended after {seen!r}"
        seen += more
    return seen


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A directory with all that a directory may hold."""
    top = tmp_path / "photos"
    (top / "лето" / "море").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "1.jpg").write_bytes(b"one")
    (top / ".hidden").write_bytes(b"hidden")
    (top / "лето" / "2.jpg").write_bytes(b"")
    (top / "лето" / "море" / "3 😀.jpg").write_bytes(os.urandom(3 * MIB))
    return top


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """An old archive, alone in its directory."""
    target = tmp_path / "saved" / "out.zip"
    target.parent.mkdir()
    target.write_bytes(OLD)
    return target


def is_untouched(saved: Path) -> bool:
    return saved.read_bytes() == OLD and [path.name for path in saved.parent.iterdir()] == [
        saved.name
    ]


# What is packed, and under which name


def test_named_files_are_packed_under_their_base_names(photos: Path) -> None:
    assert packed(["photos/1.jpg", str(photos / "лето/2.jpg")], photos.parent) == {
        "1.jpg": b"one",
        "2.jpg": b"",
    }


def test_named_directory_is_packed_with_everything_below_it(photos: Path) -> None:
    assert packed(["photos"], photos.parent) == {
        "photos/": b"",  # which leads to an empty directory
        "photos/.hidden": b"hidden",
        "photos/1.jpg": b"one",
        "photos/empty/": b"",
        "photos/лето/2.jpg": b"",
        "photos/лето/море/3 😀.jpg": (photos / "лето/море/3 😀.jpg").read_bytes(),
    }


@pytest.mark.parametrize("named", ["photos/", "photos//", "./photos", "photos/.", "photos/лето/.."])
def test_directory_goes_by_its_own_name_however_it_is_reached(photos: Path, named: str) -> None:
    assert packed([named], photos.parent)["photos/1.jpg"] == b"one"


def test_current_directory_goes_by_its_own_name(photos: Path) -> None:
    assert packed(["."], photos)["photos/1.jpg"] == b"one"


def test_named_empty_directory_is_kept(photos: Path) -> None:
    assert packed(["empty"], photos) == {"empty/": b""}


def test_same_base_names_are_numbered_in_the_order_of_the_command_line(tmp_path: Path) -> None:
    for name in ("z", "a", "m"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(name.encode())
    assert packed(["z/1.jpg", "a/1.jpg", "m/1.jpg"], tmp_path) == {
        "1.jpg": b"z",
        "1 (2).jpg": b"a",
        "1 (3).jpg": b"m",
    }


def test_numbered_name_that_is_taken_is_not_given_again(tmp_path: Path) -> None:
    for place, name in (("a", "1 (2).jpg"), ("b", "1.jpg"), ("c", "1.jpg"), ("d", "1 (2).jpg")):
        (tmp_path / place).mkdir()
        (tmp_path / place / name).write_bytes(place.encode())
    assert packed(["a/1 (2).jpg", "b/1.jpg", "c/1.jpg", "d/1 (2).jpg"], tmp_path) == {
        "1 (2).jpg": b"a",
        "1.jpg": b"b",
        "1 (3).jpg": b"c",
        "1 (2) (2).jpg": b"d",
    }


def test_directories_of_one_base_name_stay_apart(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place / "v1.0").mkdir(parents=True)
        (tmp_path / place / "v1.0" / "f").write_bytes(place.encode())
    assert packed(["b/v1.0", "a/v1.0/"], tmp_path) == {"v1.0/f": b"b", "v1.0 (2)/f": b"a"}


def test_file_and_directory_of_one_base_name_stay_apart(tmp_path: Path) -> None:
    (tmp_path / "a" / "x").mkdir(parents=True)
    (tmp_path / "a" / "x" / "f").write_bytes(b"in")
    (tmp_path / "x").write_bytes(b"out")
    assert packed(["x", "a/x"], tmp_path) == {"x": b"out", "x (2)/f": b"in"}


def test_longest_names_stay_apart(tmp_path: Path) -> None:
    name = "я" * 125 + ".jpg"
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / name).write_bytes(place.encode())
    names = packed([f"a/{name}", f"b/{name}"], tmp_path)
    assert names[name] == b"a"
    assert names["я" * 123 + " (2).jpg"] == b"b"


def test_names_that_differ_in_case_are_numbered_in_the_order_of_the_command_line(
    tmp_path: Path,
) -> None:
    (tmp_path / "b.txt").write_bytes(b"small")
    (tmp_path / "B.txt").write_bytes(b"big")
    assert packed(["b.txt", "B.txt"], tmp_path) == {"b.txt": b"small", "B (2).txt": b"big"}
    exact = packed(["--no-portable-names", "b.txt", "B.txt"], tmp_path)
    assert exact == {"b.txt": b"small", "B.txt": b"big"}


def test_path_named_twice_is_packed_once(photos: Path) -> None:
    (photos / "link").symlink_to("../photos")
    (photos / "link.jpg").symlink_to("1.jpg")
    twice = ["1.jpg", "./1.jpg", str(photos / "1.jpg"), "link/1.jpg", "empty", "empty/"]
    assert packed(twice, photos) == {"1.jpg": b"one", "empty/": b""}


def test_named_link_is_followed_and_keeps_its_name(photos: Path) -> None:
    (photos / "latest.jpg").symlink_to("1.jpg")
    (photos / "newest").symlink_to("лето/море")
    assert packed(["latest.jpg", "1.jpg"], photos) == {"latest.jpg": b"one", "1.jpg": b"one"}
    assert list(packed(["newest"], photos)) == ["newest/3 😀.jpg"]


def test_links_and_special_files_in_directories_are_left_out_and_reported(tmp_path: Path) -> None:
    top = tmp_path / "d"
    top.mkdir()
    (top / "file").write_bytes(b"data")
    (top / "link").symlink_to("file")
    (top / "loop").symlink_to("..")
    os.mkfifo(top / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(top / "socket"))
        done = run(["./d"], tmp_path)
    assert done.returncode == 0
    assert contents(done.stdout) == {"d/file": b"data"}
    assert done.stderr.decode().splitlines() == [
        "main.py: ./d/fifo: left out: is a FIFO",
        "main.py: ./d/link: left out: is a symbolic link",
        "main.py: ./d/loop: left out: is a symbolic link",
        "main.py: ./d/socket: left out: is a socket",
    ]


def test_names_that_are_not_utf8_are_decoded_as_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode("фото.jpg".encode("cp866"))).write_bytes(b"x")
    everything = os.listdir(os.fsencode(tmp_path))
    assert packed(["--name-encoding", "cp866", *everything], tmp_path) == {"фото.jpg": b"x"}
    (tmp_path / ".env").write_text("NAME_ENCODING=cp866\n")
    assert packed(everything, tmp_path) == {"фото.jpg": b"x"}


def test_time_zone_is_that_of_the_flag(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")
    os.utime(tmp_path / "f", (0, 1_700_000_000))  # 2023-11-14 22:13:20 UTC
    done = run(["f", "--timezone", "Europe/Moscow"], tmp_path)
    (entry,) = zipfile.ZipFile(io.BytesIO(done.stdout)).infolist()
    assert entry.date_time == (2023, 11, 15, 1, 13, 20)


def test_options_may_stand_between_files_and_names_may_begin_with_a_dash(tmp_path: Path) -> None:
    for name in ("a", "b", "-c"):
        (tmp_path / name).write_bytes(name.encode())
    assert run(["a", "--save", "o.zip", "b"], tmp_path).returncode == 0
    assert contents(tmp_path / "o.zip") == {"a": b"a", "b": b"b"}
    assert packed(["--", "-c"], tmp_path) == {"-c": b"-c"}


# The bytes


@pytest.fixture
def sizes(tmp_path: Path) -> Path:
    """Files around every size from which on something is done in another way."""
    top = tmp_path / "sizes"
    top.mkdir()
    for size in (0, 1, MIB - 1, MIB, MIB + 1, 9 * MIB):
        (top / f"{size}.bin").write_bytes(os.urandom(size))
    for number in range(300):
        (top / f"small {number}").write_bytes(os.urandom(8192))
    (top / "run.sh").write_bytes(b"#!/bin/sh\n")
    (top / "run.sh").chmod(0o755)
    return top


def test_saved_and_streamed_archives_are_the_same_and_hold_every_byte(
    sizes: Path, saved: Path
) -> None:
    done = run(["sizes", "--save", str(saved)], sizes.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert run(["sizes"], sizes.parent).stdout == saved.read_bytes()
    assert contents(saved) == {f"sizes/{file.name}": file.read_bytes() for file in sizes.iterdir()}


def test_crc_and_sizes_stand_in_every_local_header(sizes: Path, saved: Path) -> None:
    run(["sizes", "--save", str(saved)], sizes.parent)
    data = saved.read_bytes()
    with zipfile.ZipFile(saved) as archive:
        for entry in archive.infolist():
            local = data[entry.header_offset : entry.header_offset + 30]
            assert int.from_bytes(local[6:8], "little") & 1 << 3 == 0
            assert int.from_bytes(local[14:18], "little") == entry.CRC
            assert int.from_bytes(local[18:22], "little") == entry.file_size


@pytest.mark.skipif(not shutil.which("unzip"), reason="no unzip here")
def test_unzip_finds_no_fault(sizes: Path, saved: Path) -> None:
    run(["sizes", "--save", str(saved)], sizes.parent)
    assert subprocess.run(["unzip", "-tqq", saved], check=False).returncode == 0


@pytest.mark.skipif(not shutil.which("bsdtar"), reason="no bsdtar here")
@pytest.mark.parametrize("output", [[], ["--save", "-"]])
def test_bsdtar_unpacks_from_the_pipe(sizes: Path, tmp_path: Path, output: list[str]) -> None:
    (tmp_path / "out").mkdir()
    with start(["sizes", *output], sizes.parent) as process:
        subprocess.run(
            ["bsdtar", "-xf", "-"], stdin=process.stdout, cwd=tmp_path / "out", check=True
        )
        process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    for file in sizes.iterdir():
        copy = tmp_path / "out" / "sizes" / file.name
        assert copy.read_bytes() == file.read_bytes()
    assert (tmp_path / "out/sizes/run.sh").stat().st_mode & stat.S_IXUSR


# What is refused before anything is written


@pytest.mark.parametrize("output", [[], ["--save", "saved/out.zip"]])
def test_missing_file_is_named_and_nothing_is_written(
    photos: Path, saved: Path, output: list[str]
) -> None:
    said = refused(run(["photos/1.jpg", "photos/no\nsuch.jpg", *output], photos.parent))
    assert said == "photos/no\\nsuch.jpg: can't be read: No such file or directory"
    assert is_untouched(saved)


@pytest.mark.parametrize("named", ["", "photos/1.jpg/", "photos/dangling", "photos/round"])
def test_what_leads_to_no_file_is_refused(photos: Path, named: str) -> None:
    (photos / "dangling").symlink_to("nowhere")
    (photos / "round").symlink_to("round")
    assert "can't be read: " in refused(run([named], photos.parent))


@pytest.mark.parametrize("hidden", ["photos/1.jpg", "photos/лето", "photos/лето/2.jpg"])
@pytest.mark.parametrize("named", ["photos", "itself"])
def test_unreadable_file_is_named_and_nothing_is_written(
    photos: Path, hidden: str, named: str
) -> None:
    unprivileged: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may read everything here")
        lost = "-dac_override,-dac_read_search"
        unprivileged = ("setpriv", f"--bounding-set={lost}", f"--inh-caps={lost}")
    (photos.parent / hidden).chmod(0)
    named = hidden if named == "itself" else named
    done = subprocess.run(
        [*unprivileged, *COMMAND, named],
        cwd=photos.parent,
        env=ENVIRONMENT,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    (photos.parent / hidden).chmod(0o700)
    assert refused(done).endswith("can't be read: Permission denied")
    assert hidden in done.stderr.decode()


def test_named_special_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert refused(run(["fifo"], tmp_path)).startswith("fifo: is a FIFO")
    assert refused(run(["/dev/zero"], tmp_path)).startswith("/dev/zero: is a device")


def test_no_file_at_all_is_a_usage_error(tmp_path: Path) -> None:
    done = run([], tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(b"main.py: ")
    assert line.endswith(b"-h explains every parameter")


def test_wrong_setting_is_refused(photos: Path) -> None:
    assert "TIMEZONE" in refused(run(["1.jpg", "--timezone", "Mars/Olympus"], photos))


def test_directories_nested_too_deep_are_refused(tmp_path: Path) -> None:
    (tmp_path / "/".join("d" * 66)).mkdir(parents=True)
    assert "nested deeper than 64" in refused(run(["d"], tmp_path))


def test_terminal_is_refused_with_a_hint(photos: Path) -> None:
    with terminal() as (_, theirs):
        done = run(["1.jpg"], photos, stdout=theirs)
    assert "--save NAME" in refused(done)


def test_closed_standard_output_is_refused(photos: Path) -> None:
    done = run(["1.jpg"], photos, stdout=None, preexec_fn=lambda: os.close(1))
    assert "--save NAME" in refused(done)


@pytest.mark.parametrize("target", ["photos", "new/", "", "fifo", "/dev/null", "no/a.zip", "loop"])
def test_target_that_can_be_no_file_is_refused(photos: Path, target: str) -> None:
    os.mkfifo(photos.parent / "fifo")
    (photos.parent / "loop").symlink_to("loop")
    refused(run(["photos", "--save", target], photos.parent))
    assert sorted(os.listdir(photos.parent)) == ["fifo", "loop", "photos"]


# Saving


def test_archive_is_saved_under_the_name_as_given(photos: Path) -> None:
    assert run(["1.jpg", "--save", "out"], photos).returncode == 0
    assert contents(photos / "out") == {"1.jpg": b"one"}


def test_new_file_gets_the_permissions_of_the_umask(photos: Path) -> None:
    run(["1.jpg", "--save", "out"], photos, preexec_fn=lambda: os.umask(0o027))
    assert stat.S_IMODE((photos / "out").stat().st_mode) == 0o640


def test_replaced_file_keeps_its_permissions_and_is_never_half_written(
    photos: Path, saved: Path
) -> None:
    saved.chmod(0o604)
    with saved.open("rb") as before:
        run(["photos", "--save", str(saved)], photos.parent)
        assert before.read() == OLD
    assert stat.S_IMODE(saved.stat().st_mode) == 0o604
    assert "photos/1.jpg" in contents(saved)
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.parametrize("exists", [True, False])
def test_link_as_target_stays_and_leads_to_the_new_archive(
    photos: Path, saved: Path, exists: bool
) -> None:
    link = photos.parent / "link.zip"
    link.symlink_to("saved/out.zip")
    if not exists:
        saved.unlink()
    run(["photos/1.jpg", "--save", "link.zip"], photos.parent)
    assert link.is_symlink()
    assert contents(saved) == {"1.jpg": b"one"}


def test_archive_never_packs_itself(photos: Path) -> None:
    assert run([".", "--save", "o.zip"], photos).stderr == b""
    first = contents(photos / "o.zip")
    again = run([".", "--save", "o.zip"], photos)
    assert message(again) == "./o.zip: left out: is the archive itself"
    assert contents(photos / "o.zip") == first
    named = run(["1.jpg", "o.zip", "--save", "o.zip"], photos)
    assert message(named) == "o.zip: left out: is the archive itself"
    assert contents(photos / "o.zip") == {"1.jpg": b"one"}


def test_archive_alone_leaves_nothing_to_pack(saved: Path) -> None:
    done = run(["out.zip", "--save", "out.zip"], saved.parent)
    assert done.returncode == 2
    assert b"nothing is left to pack" in done.stderr
    assert is_untouched(saved)


def test_redirected_archive_never_packs_itself(photos: Path) -> None:
    with (photos / "o.zip").open("wb") as output:
        done = run(["."], photos, stdout=output)
    assert message(done) == "./o.zip: left out: is the archive itself"
    assert "photos/1.jpg" in contents(photos / "o.zip")


# Giving up half-way


def test_file_that_changes_after_it_was_listed_fails_and_leaves_the_old_archive(
    tmp_path: Path, saved: Path
) -> None:
    top = tmp_path / "d"
    top.mkdir()
    (top / "a.bin").write_bytes(b"listed")
    for number in range(100):
        (top / f"link {number:0200}").symlink_to("a.bin")
    # Reports that are not read block the walk: it has listed the file, and can't continue.
    with start(["d", "--save", str(saved)], tmp_path, bufsize=0, pipesize=4096) as process:
        assert process.stderr
        assert process.stderr.read(7)
        (top / "a.bin").write_bytes(b"changed")
        last = process.stderr.read().splitlines()[-1]
        assert process.wait(TIMEOUT_S) == 1
    assert last.startswith(b"main.py: d/a.bin: resized while it was being packed")
    assert is_untouched(saved)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shorten(path: Path) -> None:
    os.truncate(path, 1)


def rewrite(path: Path) -> None:
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(path: Path) -> None:
    path.rename(path.with_name("moved"))
    shutil.copy2(path.with_name("moved"), path)


def swap_for_link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def link(path: Path) -> None:
    os.link(path, path.parent.parent / f"link to {path.name}")


def make_changing(directory: Path) -> list[str]:
    for name, size in (("large, under way", 4 * MIB), ("large", 4 * MIB), ("small", 9)):
        (directory / f"{name}.bin").write_bytes(b"x" * size)  # no record by chance
    return sorted(os.listdir(directory))


UNDER_WAY = "large, under way.bin"
CHANGING = [UNDER_WAY, "large.bin", "small.bin"]


@pytest.mark.parametrize(
    ("change", "changing"),
    [
        (rewrite, UNDER_WAY),
        *itertools.product([append, shorten, Path.unlink, swap_for_link], CHANGING),
    ],
)
def test_file_that_changes_while_the_archive_is_streamed_fails(
    tmp_path: Path, changing: str, change: Callable[[Path], None]
) -> None:
    names = make_changing(tmp_path)
    with start(names, tmp_path) as process:
        assert process.stdout
        # The first file is open, and larger than any pipe: the others were not opened yet.
        assert process.stdout.read(BEGUN_BYTES)
        change(tmp_path / changing)
        rest, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1
    assert said.startswith(f"main.py: {changing}: ".encode())
    assert b"PK\5\6" not in rest
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("touched", CHANGING)
@pytest.mark.parametrize("touch", [give_to_its_owner, link, replace])
def test_file_of_which_no_byte_changes_while_it_is_streamed_is_packed(
    tmp_path: Path, touched: str, touch: Callable[[Path], None]
) -> None:
    directory = tmp_path / "d"
    directory.mkdir()
    names = make_changing(directory)
    with start(names, directory, bufsize=0) as process:
        assert process.stdout
        begun = process.stdout.read(BEGUN_BYTES)
        touch(directory / touched)
        rest, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, said
    with zipfile.ZipFile(io.BytesIO(begun + rest)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == names


def test_file_of_which_no_byte_changes_after_it_was_listed_is_saved(tmp_path: Path) -> None:
    directory = tmp_path / "d"
    directory.mkdir()
    names = make_changing(directory)
    for number in range(100):
        (directory / f"~ {number:0200}").symlink_to("small.bin")
    # Reports that are not read block the walk: it has listed the files, and can't continue.
    command = ["d", "--save", "saved.zip"]
    with start(command, tmp_path, bufsize=0, pipesize=4096) as process:
        assert process.stderr
        assert process.stderr.read(7)
        for name in names:
            give_to_its_owner(directory / name)
        process.stderr.read()
        assert process.wait(TIMEOUT_S) == 0
    with zipfile.ZipFile(tmp_path / "saved.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"d/{name}" for name in names]


def test_change_that_no_time_tells_of_fails_too(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(4 * MIB))
    with (tmp_path / "large").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[-1] = 1  # the page is writable from here on: more writes to it move no time
        with start(["large"], tmp_path) as process:
            assert process.stdout
            assert process.stdout.read(BEGUN_BYTES)
            mapped[-1] = 2
            _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1
    assert said.startswith(b"main.py: large: rewritten while it was being packed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_leaves_the_old_archive_and_no_litter(
    tmp_path: Path, saved: Path, number: signal.Signals
) -> None:
    sparse(tmp_path / "endless", ENDLESS_BYTES)
    with terminal() as (ours, theirs):
        arguments = ["endless", "--save", str(saved)]
        with start(arguments, tmp_path, stderr=theirs, preexec_fn=limit_damage) as process:
            theirs.close()
            read_until(ours, b"B/s")
            assert len(os.listdir(saved.parent)) == 2
            process.send_signal(number)
            assert process.wait(TIMEOUT_S) == 128 + number
    assert is_untouched(saved)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_a_stream_whose_reader_has_stalled(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "large").write_bytes(bytes(4 * MIB))
    with start(["large"], tmp_path) as process:
        assert process.stdout
        assert process.stdout.read(4) == b"PK\3\4"
        process.send_signal(number)
        assert process.wait(TIMEOUT_S) == 128 + number
        assert process.stderr
        assert process.stderr.read() == b""


def test_file_too_large_for_the_disk_leaves_the_old_archive_and_no_litter(
    tmp_path: Path, saved: Path
) -> None:
    sparse(tmp_path / "large", SMALL_LIMIT_BYTES)
    done = run(["large", "--save", str(saved)], tmp_path, preexec_fn=limit_file_size)
    assert failed(done).startswith(f"{saved}: can't be written: File too large")
    assert is_untouched(saved)


def test_full_disk_leaves_the_old_archive_and_no_litter(tmp_path: Path, photos: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("may not mount a small disk here")
    try:
        (disk / "out.zip").write_bytes(OLD)
        done = run(["photos", "--save", "disk/out.zip"], tmp_path)
        assert failed(done).startswith("disk/out.zip: can't be written: No space left on device")
        assert is_untouched(disk / "out.zip")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_behind_standard_output_is_one_clear_line(photos: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = run(["1.jpg"], photos, stdout=full)
    assert failed(done).startswith("standard output: can't be written: No space left on device")


def test_reader_that_has_had_enough_ends_the_stream_quietly(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(4 * MIB))
    with start(["large"], tmp_path) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.read(4) == b"PK\3\4"
        process.stdout.close()
        assert process.wait(TIMEOUT_S) == 128 + signal.SIGPIPE
        assert process.stderr.read() == b""


# Progress


def test_progress_is_shown_on_a_terminal_only(photos: Path, saved: Path) -> None:
    arguments = ["photos", "--save", str(saved)]
    assert run(arguments, photos.parent).stderr == b""
    with terminal() as (ours, theirs):
        assert run(arguments, photos.parent, stderr=theirs).returncode == 0
        theirs.close()
        assert b"B/s" in read_until(ours, b"100%")


def test_stream_with_progress_is_the_same_stream(photos: Path) -> None:
    with terminal() as (_, theirs):
        shown = run(["photos"], photos.parent, stderr=theirs)
    assert shown.stdout == run(["photos"], photos.parent).stdout
    assert contents(shown.stdout)


SLOW_IMPORTS = {"aiohttp", "asyncio", "ctypes", "difflib", "hashlib"}


@pytest.mark.parametrize(
    ("env_file", "slow_imports"),
    [(None, SLOW_IMPORTS | {"shutil", "zoneinfo"}), ("TIMEZONE=Europe/Moscow\n", SLOW_IMPORTS)],
)
def test_nothing_slow_is_imported(
    tmp_path: Path, env_file: str | None, slow_imports: set[str]
) -> None:
    (tmp_path / "1.jpg").write_bytes(b"x")
    if env_file is not None:
        (tmp_path / ".env").write_text(env_file)
    code = (
        f"import sys; sys.path.insert(0, {str(MAIN.parent)!r})\n"
        "from archive_service.cli.pack import main\n"
        "assert main(['1.jpg', '--save', 'out.zip']) == 0\n"
        f"sys.exit(', '.join({slow_imports} & set(sys.modules)) or 0)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
