"""Programs that read zip archives, run for real; each returns what it found in one.

They run in a time zone far from UTC, so that a reader which took a DOS time for the moment is seen
ten hours off.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import IO, NoReturn

import pytest
from harness.server import REPOSITORY, environment

SOURCES = REPOSITORY / "tests" / "interop"
TIME_ZONE = "Asia/Vladivostok"
TIMEOUT_S = 300.0
BLOCK_BYTES = 1 << 20
NO_DATA = hashlib.sha256().hexdigest()


@dataclass(frozen=True)
class Found:
    """What a reader found of an entry; None if it does not report it."""

    sha256: str
    mtime_s: int | None = None
    mode: int | None = None
    """Permission bits."""


Contents = Mapping[str, Found]
"""By name; the name of a directory ends in a slash."""


class Toolbox:
    """Where readers that are programs of our own get built, each when first needed."""

    def __init__(self, build_dir: Path) -> None:
        self._build_dir = build_dir

    @cached_property
    def java_classes(self) -> Path:
        need("java", "javac")
        succeed(["javac", "-d", str(self._build_dir), str(SOURCES / "ReadZip.java")])
        return self._build_dir

    @cached_property
    def go_program(self) -> Path:
        need("go")
        program = self._build_dir / "readzip"
        variables = {"GO111MODULE": "off", "GOCACHE": str(self._build_dir / "go-cache")}
        source = str(SOURCES / "readzip.go")
        succeed(["go", "build", "-o", str(program), source], variables=variables)
        return program


_OTHER_NAMES = {"7z": ("7zz",)}  # the only name in Debian 12's package 7zip

Read = Callable[..., Contents]
"""Takes the archive and an empty directory to extract it to; some take names of entries, too."""


def need(*tools: str) -> None:
    """Skip the test where a program is missing."""
    for tool in tools:
        _path_of(tool)


def _path_of(tool: str) -> str:
    names = (tool, *_OTHER_NAMES.get(tool, ()))
    path = next(filter(None, map(shutil.which, names)), None)
    return path or go_without(f"{tool} is not installed")


def go_without(reason: str) -> NoReturn:
    """Skip the test, or fail it where everything should be there."""
    if os.environ.get("EVERY_TOOL_IS_INSTALLED"):  # so says the project's own check
        pytest.fail(reason)
    pytest.skip(reason)


def run(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    stdin: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a reader; its output is one text."""
    program, *arguments = command
    with _pipe_of(stdin) as source:
        return subprocess.run(
            [_path_of(program), *arguments],
            check=False,
            cwd=cwd,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=TIMEOUT_S,
            umask=0,  # so that the modes are the reader's own choice
            env=environment({"TZ": TIME_ZONE, **(variables or {})}),
        )


@contextmanager
def _pipe_of(path: Path | None) -> Iterator[IO[bytes] | int]:
    """Yield a file as a pipe, which can't seek."""
    if path is None:
        yield subprocess.DEVNULL
        return
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as cat:
        assert cat.stdout is not None
        yield cat.stdout
        cat.kill()  # the reader may have had enough before the end


def succeed(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    stdin: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run a reader that has to be content; return its output."""
    done = run(command, cwd=cwd, stdin=stdin, variables=variables)
    assert done.returncode == 0, f"{command} exited with {done.returncode}:\n{done.stdout}"
    return done.stdout


def read_with_unzip(_: Toolbox, archive: Path, target: Path, *names: str) -> Contents:
    succeed(["unzip", "-q", str(archive), *names, "-d", str(target)])
    return extracted(target)


def read_with_7z(_: Toolbox, archive: Path, target: Path, *names: str) -> Contents:
    succeed(["7z", "x", "-bd", f"-o{target}", str(archive), *names])
    return extracted(target)


def read_with_bsdtar(_: Toolbox, archive: Path, target: Path, *names: str) -> Contents:
    succeed(["bsdtar", "-x", "-f", str(archive), "-C", str(target), *names])
    return extracted(target)


def read_with_bsdtar_from_pipe(_: Toolbox, archive: Path, target: Path) -> Contents:
    succeed(["bsdtar", "-x", "-f", "-", "-C", str(target)], stdin=archive)
    return extracted(target)


def read_with_python(_: Toolbox, archive: Path, target: Path, *names: str) -> Contents:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(target, names or None)
        attributes = {name: opened.getinfo(name) for name in names or opened.namelist()}
    digests = {name: found.sha256 for name, found in extracted(target).items()}
    assert digests.keys() == attributes.keys()
    return {
        name: Found(digests[name], _dos_seconds(entry), stat.S_IMODE(entry.external_attr >> 16))
        for name, entry in attributes.items()
    }


def read_with_java(toolbox: Toolbox, archive: Path, _: Path, *names: str) -> Contents:
    return _printed(succeed([*_java(toolbox), "file", str(archive), *names]))


def read_with_java_from_pipe(toolbox: Toolbox, archive: Path, _: Path) -> Contents:
    return _printed(succeed([*_java(toolbox), "stream"], stdin=archive))


def read_with_go(toolbox: Toolbox, archive: Path, _: Path, *names: str) -> Contents:
    return _printed(succeed([str(toolbox.go_program), str(archive), *names]))


def read_with_stream_unzip(_: Toolbox, archive: Path, __: Path) -> Contents:
    # It loads a library of ciphers, which the fast tests do without.
    from stream_unzip import stream_unzip  # noqa: PLC0415

    with open(archive, "rb") as file:
        blocks = iter(lambda: file.read(BLOCK_BYTES), b"")
        return {
            name.decode(): Found(_digest_of(chunks)) for name, _, chunks in stream_unzip(blocks)
        }


READERS: Mapping[str, Read] = {
    "unzip": read_with_unzip,
    "7z": read_with_7z,
    "bsdtar": read_with_bsdtar,
    "bsdtar from a pipe": read_with_bsdtar_from_pipe,
    "python": read_with_python,
    "java": read_with_java,
    "java from a pipe": read_with_java_from_pipe,
    "go": read_with_go,
    "stream-unzip": read_with_stream_unzip,
}

SEEKING_READERS = ("unzip", "7z", "bsdtar", "python", "java", "go")
"""Those that use the central directory, so they can be asked for some entries alone."""

TESTERS: Mapping[str, tuple[Sequence[str], str]] = {
    "unzip -t": (("unzip", "-t"), "No errors detected"),
    "7z t": (("7z", "t", "-bd"), "Everything is Ok"),
    "zip -T": (("zip", "-T"), " OK"),
}
"""Commands that test an archive, and the words of their good verdict."""


def extracted(target: Path) -> Contents:
    """Return files, empty directories, and what leads to these, below a directory."""
    return dict(_walk(target, ""))


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return _digest_of(iter(lambda: file.read(BLOCK_BYTES), b""))


def _walk(directory: Path, prefix: str) -> Iterator[tuple[str, Found]]:
    for path in sorted(directory.iterdir()):
        status = path.lstat()
        name, mode = prefix + path.name, stat.S_IMODE(status.st_mode)
        if stat.S_ISREG(status.st_mode):
            yield name, Found(sha256_of(path), _seconds(status), mode)
            continue
        assert stat.S_ISDIR(status.st_mode), f"{name} is neither file nor directory"
        below = dict(_walk(path, name + "/"))
        yield from below.items()
        if not below or any(inner.endswith("/") for inner in below):
            yield name + "/", Found(NO_DATA, _seconds(status), mode)


def _seconds(status: os.stat_result) -> int:
    return status.st_mtime_ns // 1_000_000_000


def _dos_seconds(entry: zipfile.ZipInfo) -> int:
    return int(datetime(*entry.date_time, tzinfo=timezone.utc).timestamp())


def _java(toolbox: Toolbox) -> list[str]:
    return ["java", "-XX:+UseSerialGC", "-cp", str(toolbox.java_classes), "ReadZip"]


def _printed(output: str) -> Contents:
    """Parse lines of a name in hexadecimal, a digest, an mtime and, from some, an octal mode."""
    found = {}
    for line in output.splitlines():
        name, digest, mtime_s, *mode = line.split("\t")
        permissions = int(mode[0], 8) if mode else None
        found[bytes.fromhex(name).decode()] = Found(digest, int(mtime_s), permissions)
    return found


def _digest_of(blocks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
