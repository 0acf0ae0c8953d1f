"""A server that remembers what it was asked, in the place of the service or of the site."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer


@dataclass(frozen=True)
class Asked:
    target: str
    fields: Message


@dataclass(frozen=True)
class Recorder:
    port: int
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def hanging_up(port: int) -> Iterator[None]:
    """Take connections on a port and end each when it has sent something."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)

    class Server(ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def recording() -> Iterator[Recorder]:
    """Answer 204 to everything, on a free port, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            recorder.asked.append(Asked(self.path, self.headers))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        recorder = Recorder(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()
