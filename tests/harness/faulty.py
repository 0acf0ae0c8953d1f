"""What stands between the service and its store, counts what passes, and lets it fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.parse import unquote, urlsplit

_BLOCK_BYTES = 64 * 1024
_HOP_BY_HOP = ("connection", "transfer-encoding", "keep-alive")
_TIMEOUT_S = 120.0
_BETWEEN_BYTES_S = 0.1
_END_WITHIN_S = 120.0
"""In which a request whose answer has come to its end is noted."""


@dataclass(eq=False)
class Asked:
    """One request of the service, and how many bytes of content were passed on."""

    method: str
    path: str
    range: str | None
    if_match: str | None
    authorization: str
    sent_bytes: int = 0

    @property
    def is_listing(self) -> bool:
        return "list-type=2" in self.path

    @property
    def key(self) -> str:
        """The key that is asked for, the bucket in front."""
        return unquote(urlsplit(self.path).path)


@dataclass
class Fault:
    """What befalls requests: the next `times` for which `befalls` is true."""

    befalls: Callable[[Asked], bool]
    times: int = 1
    status: int = 0
    """Answered instead of the store's answer, with `code` as a store has it."""
    code: str = ""
    content: bytes = b""
    """Answered instead of the store's content."""
    cut_after: int | None = None
    """Bytes of content after which the connection ends."""
    hold_after: int | None = None
    """Bytes of content after which nothing comes until the fault is released; at 0, no answer."""
    trickle_after: int | None = None
    """Bytes of content after which few come, one after the other, until the fault is released."""
    trickles_header: bool = False
    """A field of the answer comes a byte at a time, until the fault is released."""
    made: Callable[[Asked], bytes] | None = None
    """Makes the content that is answered instead of the store's."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Of the answer, beside that content."""
    without: tuple[str, ...] = ()
    """Fields of the request, in lower case, that the store never sees."""
    released: threading.Event = field(default_factory=threading.Event)
    befallen: threading.Event = field(default_factory=threading.Event)


class FaultyStore:
    """A proxy of a store, on a port of its own."""

    def __init__(self, endpoint: str) -> None:
        self.store = urlsplit(endpoint).netloc
        self.faults: list[Fault] = []
        self.lock = threading.Condition()
        self._noted: list[Asked] = []
        self.under_way: set[Asked] = set()
        """Requests whose answers have not come to their ends."""
        proxy = self

        class Handler(_Handler):
            faulty = proxy

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def befall(self, fault: Fault) -> Fault:
        with self.lock:
            self.faults.append(fault)
        return fault

    def heal(self) -> None:
        """Let everything pass, and forget what has."""
        with self.lock:
            for fault in self.faults:
                fault.released.set()
            self.faults.clear()
            self._noted.clear()
            self.under_way.clear()

    @property
    def asked(self) -> list[Asked]:
        """The requests, once their ends are known: an answer's reader may be ahead of us."""
        with self.lock:
            self.lock.wait_for(lambda: not self.under_way, _END_WITHIN_S)
            return self._noted[:]

    def asked_for(self, suffix: str, method: str = "GET") -> list[Asked]:
        """Return the requests for the key with this end."""
        return [a for a in self.asked if a.method == method and a.key.endswith(suffix)]

    def fault_of(self, asked: Asked) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times and fault.befalls(asked):
                    fault.times -= 1
                    return fault
        return None

    @contextmanager
    def noting(self, asked: Asked) -> Iterator[None]:
        """Note a request when the block ends, unless all was forgotten meanwhile."""
        with self.lock:
            self.under_way.add(asked)
        try:
            yield
        finally:
            with self.lock:
                if asked in self.under_way:
                    self.under_way.remove(asked)
                    self._noted.append(asked)
                    self.lock.notify_all()


class _Handler(BaseHTTPRequestHandler):
    faulty: FaultyStore
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        asked = Asked(
            self.command,
            self.path,
            self.headers["Range"],
            self.headers["If-Match"],
            self.headers["Authorization"] or "",
        )
        with self.faulty.noting(asked):
            try:
                self._serve(asked, self.faulty.fault_of(asked))
            except (ConnectionError, TimeoutError):
                self.close_connection = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def _serve(self, asked: Asked, fault: Fault | None) -> None:
        if fault and fault.hold_after == 0:
            fault.befallen.set()
            fault.released.wait(_TIMEOUT_S)
            self.close_connection = True
        elif fault and fault.trickles_header:
            self._trickle_header(fault)
        elif fault and (fault.status or fault.content or fault.made):
            content = fault.made(asked) if fault.made else fault.content
            self._answer(fault, content or _error(fault.code))
            fault.befallen.set()
        else:
            self._pass_on(asked, fault)

    def _answer(self, fault: Fault, content: bytes) -> None:
        self.send_response(fault.status or 200)
        for name, value in fault.fields.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/xml")
        if "Transfer-Encoding" not in fault.fields:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault.trickle_after is None:
            self.wfile.write(content)
        else:
            self._trickle(BytesIO(content), fault, fault.trickle_after)

    def _pass_on(self, asked: Asked, fault: Fault | None) -> None:
        connection = HTTPConnection(self.faulty.store, timeout=_TIMEOUT_S)
        try:
            hidden = fault.without if fault else ()
            fields = {
                name: value for name, value in self.headers.items() if name.lower() not in hidden
            }
            connection.request(self.command, self.path, headers=fields)
            answer = connection.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            if answer.getheader("Content-Length") is None:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            self._copy(answer, asked, fault)
        finally:
            connection.close()

    def _copy(self, answer: HTTPResponse, asked: Asked, fault: Fault | None) -> None:
        if fault and fault.trickle_after is not None:
            self._trickle(answer, fault, fault.trickle_after)
            return
        limits = [
            limit for limit in (fault and fault.cut_after, fault and fault.hold_after) if limit
        ]
        left = limits[0] if limits else 1 << 62
        while left and (block := answer.read(min(_BLOCK_BYTES, left))):
            self.wfile.write(block)
            asked.sent_bytes += len(block)
            left -= len(block)
        if fault and not left:
            fault.befallen.set()
            if fault.hold_after is not None:
                fault.released.wait(_TIMEOUT_S)
            self.close_connection = True

    def _trickle_header(self, fault: Fault) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Padding: ")
        fault.befallen.set()
        while not fault.released.wait(_BETWEEN_BYTES_S):
            self.wfile.write(b"x")
        self.close_connection = True

    def _trickle(self, answer: HTTPResponse | BytesIO, fault: Fault, count: int) -> None:
        self.wfile.write(answer.read(count))
        fault.befallen.set()
        while not fault.released.wait(_BETWEEN_BYTES_S) and (byte := answer.read(1)):
            self.wfile.write(byte)
        self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


def _error(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()


@contextmanager
def faulty_store(endpoint: str) -> Iterator[FaultyStore]:
    """Stand before a store until the block ends."""
    proxy = FaultyStore(endpoint)
    thread = threading.Thread(target=proxy.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield proxy
    finally:
        proxy.heal()
        proxy.server.shutdown()
        thread.join()
        proxy.server.server_close()
