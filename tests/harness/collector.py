"""A collector of OpenTelemetry: receives spans by OTLP over HTTP, as Jaeger or Tempo do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.conditions import eventually
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PATH = "/v1/traces"
ARRIVED_WITHIN_S = 120.0


@dataclass(frozen=True)
class Received:
    """A span that has arrived, and whose it is."""

    span: Span
    resource: dict[str, object]

    @property
    def attributes(self) -> dict[str, object]:
        return _values(self.span.attributes)

    @property
    def events(self) -> list[str]:
        return [event.name for event in self.span.events]

    @property
    def trace_id(self) -> str:
        return self.span.trace_id.hex()

    @property
    def duration_s(self) -> float:
        return (self.span.end_time_unix_nano - self.span.start_time_unix_nano) / 1e9


class Collector:
    """What has arrived so far, as bytes and as spans."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.bodies: list[bytes] = []
        self.refuses = False
        self.answers = threading.Event()
        self.answers.set()

    def spans(self) -> list[Received]:
        found = []
        for body in list(self.bodies):
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = _values(group.resource.attributes)
                for scope in group.scope_spans:
                    found += [Received(span, resource) for span in scope.spans]
        return found

    def of_trace(self, trace_id: str) -> Received:
        """Wait for the only span of a trace."""

        def found() -> list[Received]:
            return [each for each in self.spans() if each.trace_id == trace_id]

        (span,) = eventually(found, within_s=ARRIVED_WITHIN_S)
        return span


@contextmanager
def collecting() -> Iterator[Collector]:
    """Receive spans for the length of a block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_expected = (self.path, self.headers["Content-Type"]) == (
                PATH,
                "application/x-protobuf",
            )
            if is_expected:
                collector.bodies.append(body)
            collector.answers.wait()
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200 if is_expected and not collector.refuses else 400)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def handle(self) -> None:
            with suppress(ConnectionError):  # who was kept waiting has left
                super().handle()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield collector
        finally:
            collector.answers.set()
            server.shutdown()
            thread.join()


def _values(attributes: list[KeyValue]) -> dict[str, object]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
