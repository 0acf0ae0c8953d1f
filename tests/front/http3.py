"""A client of HTTP/3 that shows how a stream ends."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from aioquic.asyncio import QuicConnectionProtocol, connect
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, QuicEvent, StreamReset
from front.client import Visitor
from front.http2 import End
from front.place import HOST
from harness.http import TIMEOUT_S

_FIRST_BYTES = 65_536
_WINDOW_BYTES = 256 * 1024
_STREAM = 0


class _Client(QuicConnectionProtocol):
    """One connection with one request."""

    def __init__(self, quic: QuicConnection) -> None:
        super().__init__(quic)
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._quic = quic
        self._http = H3Connection(quic)
        self._received_bytes = 0

    def ask(self, target: str) -> None:
        assert self._quic.get_next_available_stream_id() == _STREAM
        fields = {":method": "GET", ":scheme": "https", ":authority": HOST, ":path": target}
        lines = [(name.encode(), value.encode()) for name, value in fields.items()]
        self._http.send_headers(_STREAM, lines, end_stream=True)
        self.transmit()

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, StreamReset) and event.stream_id == _STREAM:
            _set(self.ended, End.RESET)
        if isinstance(event, ConnectionTerminated):
            _set(self.ended, End.CLOSED)
        for found in self._http.handle_event(event):
            if isinstance(found, DataReceived):
                self._received_bytes += len(found.data)
                if found.stream_ended:
                    _set(self.ended, End.WHOLE)
        if self._received_bytes >= _FIRST_BYTES:
            _set(self.begun, None)


def end_over_http3(visitor: Visitor, target: str, change: Callable[[], None]) -> End:
    """Get a target, change something when the first bytes are there; return how it ends."""
    return asyncio.run(asyncio.wait_for(_ended(visitor, target, change), TIMEOUT_S))


async def _ended(visitor: Visitor, target: str, change: Callable[[], None]) -> End:
    configuration = QuicConfiguration(
        alpn_protocols=H3_ALPN,
        verify_mode=ssl.CERT_REQUIRED,
        cafile=str(visitor.certificate),
        server_name=HOST,
        max_stream_data=_WINDOW_BYTES,
        max_data=_WINDOW_BYTES,
    )
    connecting = connect(
        "127.0.0.1", visitor.port, configuration=configuration, create_protocol=_client_of
    )
    async with connecting as client:
        assert isinstance(client, _Client)
        client.ask(target)
        await client.begun
        await asyncio.to_thread(change)
        return await client.ended


def _client_of(quic: QuicConnection, stream_handler: object = None) -> _Client:
    return _Client(quic)


def _set(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)
