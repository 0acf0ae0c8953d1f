"""The service and its peers as processes that listen."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.builds import THIS, Build
from bench.plan import HERE, Absent, Plan

SERVICE, NGINX = THIS.name, "nginx"
_START_TIMEOUT_S = 20.0
_NGINX_CONFIGURATION = """
{user} worker_processes 1; pid {root}/nginx.pid; error_log stderr; daemon off;
events {{ worker_connections 16384; }}
worker_rlimit_nofile 20000;
http {{
    sendfile on; tcp_nopush on; access_log off; default_type application/zip;
    client_body_temp_path {root}/t; proxy_temp_path {root}/t; fastcgi_temp_path {root}/t;
    uwsgi_temp_path {root}/t; scgi_temp_path {root}/t;
    server {{
        listen 127.0.0.1:{port};
        location /default/ {{ alias {prebuilt}/; }}
        location /whole/ {{ alias {prebuilt}/; sendfile_max_chunk 0; }}
    }}
}}
"""


@dataclass(frozen=True)
class Server:
    """One way to ask a started server for an album."""

    name: str
    pid: int
    """The process that has all others of the server as descendants."""
    address: Callable[[str], str]
    """From an album's name to a URL."""
    variant: str = ""
    """What sets this way apart where a server has several; the fastest counts."""

    @property
    def label(self) -> str:
        """Name and variant."""
        return f"{self.name} ({self.variant})" if self.variant else self.name


Starter = Callable[[Plan, Sequence[str]], AbstractContextManager[Sequence[Server]]]
"""Takes the plan, and a prefix for the command line."""


@dataclass
class Started:
    """Servers that are up, and those that are not and why."""

    servers: list[Server] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Server:
        return next(server for server in self.servers if server.name == name)


@contextmanager
def started(plan: Plan, names: Sequence[str], *, prefix: Sequence[str] = ()) -> Iterator[Started]:
    """Run the named servers; a peer that can't be started is noted as absent."""
    result = Started()
    with ExitStack() as stack:
        for name in names:
            if name in plan.absent:
                result.absent[name] = plan.absent[name]
                continue
            try:
                result.servers += stack.enter_context(STARTERS[name](plan, prefix))
            except Absent as absent:
                result.absent[name] = str(absent)
        yield result


@contextmanager
def service(
    photos: Path | str,
    cache: Path,
    *,
    build: Build = THIS,
    arguments: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run the service on a directory or bucket of albums, with an index of its own."""
    port = _free_port()
    command = [*build.command("server.py"), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--photos-dir", str(photos), "--cache-dir", str(cache)]
    # Otherwise the first download of an album would not be the first to read it.
    command += ["--index-ahead", "off", "--level", "warning", *arguments]
    cache.mkdir(exist_ok=True)
    environment = {**os.environ, **(variables or {})}
    with _running(command, port, log=cache / "service.log", environment=environment) as pid:
        yield Server(build.name, pid, lambda album: f"http://127.0.0.1:{port}/archive/{album}/")


@contextmanager
def _service(plan: Plan, prefix: Sequence[str]) -> Iterator[Sequence[Server]]:
    build = replace(THIS, prefix=tuple(prefix))
    with service(plan.photos, plan.data / "cache", build=build) as server:
        yield [server]


@contextmanager
def _nginx(plan: Plan, prefix: Sequence[str]) -> Iterator[Sequence[Server]]:
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if not program:
        raise Absent("nginx is not installed")
    port = _free_port()
    configuration = plan.data / "nginx.conf"
    user = "" if os.getuid() else "user root;"  # otherwise its worker may not read the files
    configuration.write_text(
        _NGINX_CONFIGURATION.format(root=plan.data, prebuilt=plan.prebuilt, port=port, user=user)
    )
    command = [*prefix, program, "-p", str(plan.data), "-c", str(configuration)]
    with _running(command, port, log=plan.data / "nginx.log") as pid:
        base = f"http://127.0.0.1:{port}"
        yield [
            Server(NGINX, pid, lambda album: f"{base}/default/{album}.zip"),
            Server(NGINX, pid, lambda album: f"{base}/whole/{album}.zip", "sendfile_max_chunk 0"),
        ]


@contextmanager
def _copyparty(plan: Plan, prefix: Sequence[str]) -> Iterator[Sequence[Server]]:
    port = _free_port()
    command = [*prefix, plan.python, "-m", "copyparty", "-q", "-i", "127.0.0.1", "-p", str(port)]
    # No encryption, no discovery, no thumbnails: nothing but what a download needs.
    command += ["--http-only", "--no-thumb", "-nw", "-v", f"{plan.photos}::r"]
    with _running(command, port, log=plan.data / "copyparty.log") as pid:
        yield [Server("copyparty", pid, lambda album: f"http://127.0.0.1:{port}/{album}/?zip")]


def _aiohttp_library(name: str, program: str) -> Starter:
    @contextmanager
    def start(plan: Plan, prefix: Sequence[str]) -> Iterator[Sequence[Server]]:
        port = _free_port()
        command = [*prefix, *_peer(plan, program, port)]
        with _running(command, port, log=plan.data / f"{name}.log") as pid:
            base = f"http://127.0.0.1:{port}"
            yield [
                Server(name, pid, lambda album: f"{base}/loop/{album}", "on the event loop"),
                Server(name, pid, lambda album: f"{base}/thread/{album}", "in threads"),
            ]

    return start


@contextmanager
def _zip_pipe(plan: Plan, prefix: Sequence[str]) -> Iterator[Sequence[Server]]:
    if not shutil.which("zip"):
        raise Absent("zip is not installed")
    port = _free_port()
    command = [*prefix, *_peer(plan, "zip_pipe_server.py", port)]
    with _running(command, port, log=plan.data / "zip.log") as pid:
        yield [Server("zip -0, piped", pid, lambda album: f"http://127.0.0.1:{port}/{album}")]


@contextmanager
def _yazl(plan: Plan, prefix: Sequence[str]) -> Iterator[Sequence[Server]]:
    port = _free_port()
    program = plan.root / "yazl_server.js"  # beside node_modules, where Node looks for packages
    shutil.copy(HERE / "peers" / program.name, program)
    command = [*prefix, "node", str(program), str(plan.photos), str(port)]
    with _running(command, port, log=plan.data / "yazl.log") as pid:
        yield [Server("yazl", pid, lambda album: f"http://127.0.0.1:{port}/{album}")]


def _peer(plan: Plan, program: str, port: int) -> list[str]:
    return [plan.python, str(HERE / "peers" / program), str(plan.photos), str(port)]


STARTERS: dict[str, Starter] = {
    SERVICE: _service,
    NGINX: _nginx,
    "copyparty": _copyparty,
    "zipstream-ng": _aiohttp_library("zipstream-ng", "zipstream_server.py"),
    "stream-zip": _aiohttp_library("stream-zip", "stream_zip_server.py"),
    "zip -0, piped": _zip_pipe,
    "yazl": _yazl,
}
PACKERS = tuple(name for name in STARTERS if name not in (SERVICE, NGINX))
PYTHON_PACKERS = tuple(name for name in PACKERS if name != "yazl")


@contextmanager
def _running(
    command: Sequence[str], port: int, *, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        _wait_for(process, port, log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(_START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise Absent(f"it does not start, see {log}") from None
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
