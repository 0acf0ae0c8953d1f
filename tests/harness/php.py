"""A site in PHP, served by PHP's own web server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.conditions import eventually
from harness.ports import free_port, is_listened_on
from harness.readers import need
from harness.server import environment

TIMEOUT_S = 120.0


@contextmanager
def php_site(root: Path) -> Iterator[int]:
    """Serve the pages in a directory until the block ends; give the port."""
    need("php")
    port = free_port()
    process = subprocess.Popen(
        ["php", "-S", f"127.0.0.1:{port}", "-t", str(root)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: is_listened_on(port), within_s=TIMEOUT_S)
        yield port
    finally:
        process.kill()
        process.wait(TIMEOUT_S)
