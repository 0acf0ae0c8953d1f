"""One version of the service takes over from another behind nginx."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from conftest import Serve
from front.client import connected, get
from front.fronts import running
from harness import http
from harness.albums import HASH, make_album, noise
from harness.ports import free_port

pytestmark = pytest.mark.front

TARGET = f"/archive/{HASH}/"


def test_no_visitor_notices_that_another_takes_over(
    serve: Serve, photos_dir: Path, tmp_path: Path
) -> None:
    make_album(photos_dir, {"1.jpg": noise(30_000_000)})
    flags = ("--trusted-proxies", "127.0.0.1", "--shutdown-timeout", "60", "--port")
    ports = free_port(), free_port()
    old = serve(*flags, f"{ports[0]}")
    whole = http.get(old.port, TARGET).content
    nginx = running("nginx", service_port=ports[0], other_service_ports=ports[1:])
    with nginx as front, connected(front, small_window=True) as visitor:
        visitor.send("GET", TARGET)
        assert visitor.receive_head()[0] == 200
        serve(*flags, f"{ports[1]}")
        old.process.send_signal(signal.SIGTERM)
        old.wait_for("server.stopping")
        for _ in range(10):
            assert get(front, TARGET).content == whole
        assert old.process.poll() is None
        assert visitor.reader.read(len(whole)) == whole
        assert old.stop() == 0
        assert not [line for line in old.lines if "interrupted" in line]
