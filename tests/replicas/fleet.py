"""Several replicas of the service: processes with an address and a cache directory each."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.ports import free_port
from harness.server import Server, serving

Address = tuple[str, int]


@dataclass(kw_only=True)
class Replica:
    """One that may be ended and started again at its address, as an orchestrator does."""

    photos_dir: Path
    cache_dir: Path
    flags: Sequence[str]
    address: Address
    launcher: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        self._running = ExitStack()
        self.server: Server | None = None

    def start(self) -> Server:
        """Start it where it does not run."""
        if self.server is not None:
            return self.server
        host, port = self.address
        self.server = self._running.enter_context(
            serving(
                self.photos_dir,
                self.cache_dir,
                *("--host", host, "--port", str(port), *self.flags),
                launcher=self.launcher,
            )
        )
        return self.server

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal and wait for the end."""
        if self.server is not None:
            self.server.stop(number)
            self.server = None
        self._running.close()


def replicas(directory: Path, photos_dir: Path, count: int, *flags: str) -> list[Replica]:
    """Name replicas on free ports of 127.0.0.1; they share nothing but the albums."""
    return [
        Replica(
            photos_dir=photos_dir,
            cache_dir=directory / f"cache-{number}",
            flags=flags,
            address=("127.0.0.1", free_port()),
        )
        for number in range(count)
    ]
