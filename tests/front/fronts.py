"""Front web servers, run for real until a block ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from front.place import HOST, Place
from front.programs import COMMANDS, PROGRAMS
from harness.conditions import eventually
from harness.ports import free_port, is_listened_on
from harness.readers import need, succeed
from harness.server import environment

STOP_TIMEOUT_S = 120.0


class Front:
    """A front web server that runs, on a port of 127.0.0.1 with TLS."""

    def __init__(self, place: Place, command: Sequence[str]) -> None:
        self.place = place
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return self.place.port

    @property
    def certificate(self) -> Path:
        return self.place.certificate

    def start(self) -> None:
        with (self.place.directory / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.place.directory,
                env=environment({"HOME": str(self.place.directory)}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        eventually(self._listens, within_s=STOP_TIMEOUT_S)

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.logs()
        return is_listened_on(self.port)

    def kill(self) -> None:
        """End all its processes at once, downloads or not."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_TIMEOUT_S)
            eventually(lambda: not self.processes(), within_s=STOP_TIMEOUT_S)
            self._process = None

    def stop(self) -> None:
        """Let it end what is under way, and write its logs to the end."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_S)
            self.kill()

    def processes(self) -> list[Path]:
        """Return the directories in /proc of its processes, which are one session."""
        assert self._process is not None
        return [
            path for path in Path("/proc").glob("[0-9]*") if _session(path) == self._process.pid
        ]

    def written_bytes(self) -> int:
        """Return how much its processes have written to files, temporary ones included."""
        return sum(_number(path / "io", "write_bytes:") for path in self.processes())

    def peak_memory_bytes(self) -> int:
        return sum(_number(path / "status", "VmHWM:") * 1024 for path in self.processes())

    def logs(self) -> str:
        logs = self.place.directory.glob("*.log")
        return "\n".join(log.read_text(errors="replace") for log in logs)


def _session(process: Path) -> int | None:
    try:
        state, _, _, session = (process / "stat").read_text().rpartition(")")[2].split()[:4]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else int(session)


def _number(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise AssertionError(f"no {name} in {path}")


@contextmanager
def running(
    name: str,
    *,
    service_port: int,
    site_port: int | None = None,
    other_service_ports: Sequence[int] = (),
    cdn: str | None = None,
) -> Iterator[Front]:
    """Run a front web server, with a certificate of its own, until the block ends."""
    require_programs(name)
    with _open_directory() as directory:
        certificate, key = make_certificate(directory)
        place = Place(
            directory=directory,
            port=free_port(),
            http_port=free_port(),
            service_port=service_port,
            site_port=site_port,
            certificate=certificate,
            key=key,
            other_service_ports=other_service_ports,
            cdn=cdn,
        )
        place.root.mkdir()
        program, *arguments = COMMANDS[name](place)
        front = Front(place, [path_of(program), *arguments])
        try:
            front.start()
            yield front
        finally:
            front.kill()


@contextmanager
def _open_directory() -> Iterator[Path]:
    """Make a directory for servers that change their user, who may not enter those of pytest."""
    with TemporaryDirectory(prefix="front-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o777)
        yield directory


def require_programs(name: str) -> None:
    """Skip the test where a program of a front web server is missing."""
    need("openssl")
    for program in PROGRAMS[name]:
        path_of(program)


def path_of(program: str) -> str:
    """Find a server where those of the system are, or skip the test."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        need(program)
    return str(path)


def make_certificate(directory: Path) -> tuple[Path, Path]:
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    succeed(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={HOST}"),
            *("-addext", f"subjectAltName=DNS:{HOST}", "-days", "2"),
            *("-keyout", str(key), "-out", str(certificate)),
        ]
    )
    return certificate, key
