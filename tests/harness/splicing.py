"""Relays that hand on bytes without reading them (`splice`): the kernel passes its pages on."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.conditions import eventually
from harness.ports import free_port, is_listened_on
from harness.readers import need
from harness.server import environment

_PIPE_BYTES = 1024 * 1024
"""The most that a program may have without a privilege; Docker's proxy asks for it."""
_AT_ONCE_BYTES = 1 << 30
_SOCKET_PROXY = "/lib/systemd/systemd-socket-proxyd"
_HAPROXY = """
defaults
    mode http
    option splice-auto
    timeout connect 60s
    timeout client 600s
    timeout server 600s
frontend site
    bind 127.0.0.1:{port}
    default_backend service
backend service
    option splice-response
    server service 127.0.0.1:{behind}
"""


@contextmanager
def in_this_process(behind: int) -> Iterator[int]:
    """Relay connections to a port of 127.0.0.1 until the block ends; give the relay's port.

    By then its clients have left.
    """
    threads: list[threading.Thread] = []

    def begin(work: Callable[..., None], *ends: socket.socket) -> None:
        thread = threading.Thread(target=work, args=ends, daemon=True)
        threads.append(thread)
        thread.start()

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                begin(relay, listener.accept()[0])

    def relay(client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", behind)) as server:
            requests = threading.Thread(target=_hand_on, args=(client, server), daemon=True)
            requests.start()
            _hand_on(server, client)
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            requests.join()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        begin(accept, listener)
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    """Hand on all that comes, and its end."""
    out, into = os.pipe()
    try:
        fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        while count := os.splice(source.fileno(), into, _AT_ONCE_BYTES):
            while count:
                count -= os.splice(out, target.fileno(), count)
    except OSError:  # an end has left
        pass
    finally:
        os.close(out)
        os.close(into)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextmanager
def docker_proxy(behind: int) -> Iterator[int]:
    """Relay as Docker does for a port that is published."""
    need("docker-proxy")
    port = free_port()
    ends = ("-host-ip", "127.0.0.1", "-host-port", str(port))
    ends += ("-container-ip", "127.0.0.1", "-container-port", str(behind))
    # It reports to its parent on descriptor 3.
    with _running(["sh", "-c", 'exec docker-proxy -proto tcp "$@" 3>/dev/null', "", *ends], port):
        yield port


@contextmanager
def haproxy(behind: int) -> Iterator[int]:
    """Relay by HAProxy with `option splice-response`."""
    need("haproxy")
    port = free_port()
    with TemporaryDirectory() as directory:
        path = Path(directory, "haproxy.cfg")
        path.write_text(_HAPROXY.format(port=port, behind=behind))
        with _running(["haproxy", "-db", "-f", str(path)], port):
            yield port


@contextmanager
def socket_proxy(behind: int) -> Iterator[int]:
    """Relay as a socket unit of systemd does for a service that listens elsewhere."""
    need("systemd-socket-activate")
    need(_SOCKET_PROXY)
    port = free_port()
    command = ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", _SOCKET_PROXY]
    with _running([*command, f"127.0.0.1:{behind}"], port):
        yield port


@contextmanager
def _running(command: Sequence[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: is_listened_on(port), within_s=120)
        yield
    finally:
        process.kill()
        process.wait(120)


PROGRAMS: Mapping[str, Callable[[int], AbstractContextManager[int]]] = {
    "docker-proxy": docker_proxy,
    "haproxy": haproxy,
    "systemd-socket-proxyd": socket_proxy,
}
