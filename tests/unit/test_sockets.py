"""What connections inherit from the sockets that the service listens on."""

from __future__ import annotations

import socket
import sys

import pytest

from archive_service.cli.sockets import UNSENT_BYTES, open_listeners


@pytest.mark.skipif(sys.platform != "linux", reason="other systems need not pass it on")
def test_each_connection_has_the_limit_of_unsent_bytes() -> None:
    (listener,) = open_listeners("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"x")  # a silent one would not be accepted
        connection, _ = listener.accept()
        with connection:
            limit = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
    assert limit == UNSENT_BYTES
