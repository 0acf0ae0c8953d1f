"""Redis and PostgreSQL, run for real on a free port, and what can befall them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import redis
from harness.conditions import eventually
from harness.ports import free_port
from harness.readers import need
from harness.server import environment

PASSWORD = "correct-horse"
TIMEOUT_S = 120.0
_UNPRIVILEGED = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
"""PostgreSQL refuses to run as root."""


class StoreServer:
    """A server that can be killed, frozen and started again; what it stores has a directory."""

    def __init__(self, command: Sequence[str], url: str, port: int, directory: Path) -> None:
        self.url = url
        self.port = port
        self._command = command
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        eventually(self._is_up, within_s=TIMEOUT_S)

    def _is_up(self) -> bool:
        """Start the server unless it runs, and return whether it answers.

        PostgreSQL refuses to start while a process of the one that was killed has not ended.
        """
        if self._process is None or self._process.poll() is not None:
            self._process = self._launched()
        return self.answers()

    def _launched(self) -> subprocess.Popen[bytes]:
        with (self._directory / "log").open("ab") as log:
            return subprocess.Popen(
                self._command,
                env=environment(),
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def answers(self) -> bool:
        raise NotImplementedError

    def wipe(self) -> None:
        """Have it lose all that it holds."""
        raise NotImplementedError

    def spoil(self) -> None:
        """Flip a bit of each value."""
        raise NotImplementedError

    def albums(self) -> list[bytes]:
        """Return all that it holds, with the names of what."""
        raise NotImplementedError

    def cut_connections(self) -> None:
        """Have it end the connections that the service has."""
        raise NotImplementedError

    @contextmanager
    def refusing_writes(self) -> Iterator[None]:
        """Have it answer, and take nothing new."""
        raise NotImplementedError
        yield

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to the processes that it has made."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(each, number)

    def kill(self) -> None:
        """End it as a crash of its machine does."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            self._process.wait(TIMEOUT_S)
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have it take connections and answer nothing."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)


class RedisServer(StoreServer):
    def client(self) -> redis.Redis:
        unchecked = {"ssl_cert_reqs": "none"} if self.url.startswith("rediss:") else {}
        return redis.Redis.from_url(self.url, protocol=2, **unchecked)

    def answers(self) -> bool:
        with self.client() as client, suppress(redis.RedisError):
            return bool(client.ping())
        return False

    def wipe(self) -> None:
        with self.client() as client:
            client.flushall()

    def spoil(self) -> None:
        with self.client() as client:
            for key in client.scan_iter():
                for number, value in enumerate(client.lrange(key, 0, -1)):
                    client.lset(key, number, flipped(value))

    def albums(self) -> list[bytes]:
        with self.client() as client:
            return [key + b"".join(client.lrange(key, 0, -1)) for key in client.scan_iter()]

    def cut_connections(self) -> None:
        with self.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)

    @contextmanager
    def refusing_writes(self) -> Iterator[None]:
        """Have it be full."""
        with self.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1")
            try:
                yield
            finally:
                client.config_set("maxmemory", "0")


class PostgresqlServer(StoreServer):
    def connected(self) -> psycopg.Connection[tuple[object, ...]]:
        # The database is one in SQL_ASCII, as --locale C makes it.
        return psycopg.connect(self.url, autocommit=True, client_encoding="utf8")

    def execute(self, *statements: str) -> list[tuple[object, ...]]:
        """Execute statements; return the rows of the last."""
        with self.connected() as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def answers(self) -> bool:
        with suppress(psycopg.OperationalError), self.connected():
            return True
        return False

    def is_made(self) -> bool:
        """Return whether the table is there."""
        return self.execute("SELECT to_regclass('archive_crc') IS NOT NULL") == [(True,)]

    def wipe(self) -> None:
        self.execute("DROP TABLE IF EXISTS archive_crc")

    def spoil(self) -> None:
        self.execute("UPDATE archive_crc SET crc32s = set_bit(crc32s, 0, 1 - get_bit(crc32s, 0))")

    def albums(self) -> list[bytes]:
        rows = self.execute("SELECT namespace, album, paths, versions FROM archive_crc")
        return [repr(row).encode() for row in rows]

    def cut_connections(self) -> None:
        self.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'archive-service'"
        )

    @contextmanager
    def refusing_writes(self) -> Iterator[None]:
        """Have it be read-only, as a standby is."""
        role = "ALTER ROLE archive {} default_transaction_read_only"
        self.execute(role.format("SET") + " = on")
        self.cut_connections()
        try:
            yield
        finally:
            self.execute("SET default_transaction_read_only = off", role.format("RESET"))
            self.cut_connections()


def flipped(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


@contextmanager
def redis_server(*tls: str) -> Iterator[RedisServer]:
    """Run Redis until the block ends, with TLS where there are options for that."""
    need("redis-server")
    port = free_port()
    scheme, listening = "redis", ["--port", f"{port}"]
    if tls:
        scheme = "rediss"
        listening = ["--port", "0", "--tls-port", f"{port}", "--tls-auth-clients", "no", *tls]
    with _directory() as directory:
        command = [
            *("redis-server", *listening, "--bind", "127.0.0.1"),
            *("--save", "", "--dir", str(directory), "--requirepass", PASSWORD),
        ]
        server = RedisServer(command, f"{scheme}://:{PASSWORD}@127.0.0.1:{port}/0", port, directory)
        with _running(server):
            yield server


@contextmanager
def postgresql_server() -> Iterator[PostgresqlServer]:
    """Run PostgreSQL until the block ends."""
    launcher: Sequence[str] = ()
    if not os.geteuid():
        need("setpriv")
        launcher = _UNPRIVILEGED
    port = free_port()
    with _directory() as directory:
        if launcher:
            shutil.chown(directory, "nobody", "nogroup")
        (directory / "password").write_text(PASSWORD)
        (directory / "password").chmod(0o644)
        data = directory / "data"
        subprocess.run(
            [
                *(*launcher, _postgresql("initdb"), "--pgdata", str(data), "--no-sync"),
                *("--auth", "scram-sha-256", "--username", "archive", "--locale", "C"),
                *("--pwfile", str(directory / "password")),
            ],
            cwd=directory,
            env=environment(),
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=TIMEOUT_S,
        )
        command = [*launcher, _postgresql("postgres"), "-D", str(data), "-p", f"{port}"]
        for option in ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"):
            command += ["-c", option]
        url = f"postgresql://archive:{PASSWORD}@127.0.0.1:{port}/postgres"
        server = PostgresqlServer(command, url, port, directory)
        with _running(server):
            yield server


@contextmanager
def _directory() -> Iterator[Path]:
    # Not below pytest's own directory, which only its user may enter.
    path = Path(tempfile.mkdtemp(prefix="archive-store-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _running(server: StoreServer) -> Iterator[None]:
    try:
        server.start()
        yield
    finally:
        server.kill()


def _postgresql(program: str) -> str:
    """Find a program of PostgreSQL, most of which Debian puts beside the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    if found:
        return str(found[-1])
    need(program)
    return program


@contextmanager
def cutting_port() -> Iterator[tuple[int, list[object]]]:
    """Give a port that cuts each connection at once, and a list of those there were."""
    connections: list[object] = []

    def cut() -> None:
        with suppress(OSError):
            while True:
                connection, address = listener.accept()
                connections.append(address)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=cut)
        thread.start()
        try:
            yield int(listener.getsockname()[1]), connections
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def silent_port() -> Iterator[int]:
    """Give a port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])
