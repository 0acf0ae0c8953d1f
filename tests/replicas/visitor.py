"""A visitor whose download continues at another replica when one has gone."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse

from harness.albums import HASH
from replicas.fleet import Address

TARGET = f"/archive/{HASH}/"
PATIENCE_S = 2.0
"""A replica that says nothing for so long is given up."""
_BLOCK_BYTES = 1 << 16


class Visitor:
    """Downloads one archive, and resumes it as download managers do: by its strong entity tag."""

    def __init__(
        self,
        addresses: Sequence[Address],
        chance: random.Random,
        *,
        on_progress: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._addresses = addresses
        self._chance = chance
        self._on_progress = on_progress
        self.received = bytearray()
        self.length: int | None = None
        self.etag = ""
        self.resumed = 0
        self.begun_anew = 0
        """How often bytes that had come were of no use."""

    def is_complete(self) -> bool:
        return len(self.received) == self.length

    def download(self) -> None:
        """Ask one replica after another until the archive is complete."""
        while not self.is_complete():
            self.ask(self._chance.choice(self._addresses))

    def ask(self, address: Address) -> None:
        """Take what one replica sends until it has no more, or is gone."""
        with closing(HTTPConnection(*address, timeout=PATIENCE_S)) as connection:
            try:
                connection.request("GET", TARGET, headers=self._fields())
                self._take(connection.getresponse())
            except (OSError, HTTPException):
                return

    def _fields(self) -> dict[str, str]:
        if not self.received:
            return {}
        return {"Range": f"bytes={len(self.received)}-", "If-Range": self.etag}

    def _take(self, answer: HTTPResponse) -> None:
        if answer.status == 200:
            self.begun_anew += bool(self.received)
            self.received.clear()
            self.etag = answer.headers["ETag"]
            self.length = int(answer.headers["Content-Length"])
        else:
            assert answer.status == 206, answer.status
            self.resumed += 1
            first, _, rest = answer.headers["Content-Range"].removeprefix("bytes ").partition("-")
            assert int(first) == len(self.received)
            assert rest == f"{(self.length or 0) - 1}/{self.length}"
        while block := answer.read1(_BLOCK_BYTES):
            self.received += block
            self._on_progress(len(block))


class Crowd:
    """Visitors at the same time, each in a thread."""

    def __init__(self, addresses: Sequence[Address], count: int, seed: int) -> None:
        self._news = threading.Condition()
        self._received_bytes = 0
        self.faults: list[BaseException] = []
        self.visitors = [
            Visitor(addresses, random.Random(f"{seed} {number}"), on_progress=self._note)
            for number in range(count)
        ]
        self._threads = [
            threading.Thread(target=self._download, args=[visitor], daemon=True)
            for visitor in self.visitors
        ]

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait_for(self, more_bytes: int) -> bool:
        """Wait until so much more has come; False where all have what they came for."""
        until_bytes = self._received_bytes + more_bytes
        with self._news:
            came = self._news.wait_for(
                lambda: self._received_bytes >= until_bytes or self._is_over(), timeout=120
            )
        assert came, "nothing more came"
        return not self._is_over()

    def end(self) -> None:
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)
        assert self.faults == []

    def _is_over(self) -> bool:
        return bool(self.faults) or all(visitor.is_complete() for visitor in self.visitors)

    def _download(self, visitor: Visitor) -> None:
        try:
            visitor.download()
        except BaseException as fault:
            self.faults.append(fault)
            raise
        finally:
            self._note(0)

    def _note(self, count: int) -> None:
        with self._news:
            self._received_bytes += count
            self._news.notify_all()
