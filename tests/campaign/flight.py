"""A download of the soak under way, and what its client keeps of it."""

from __future__ import annotations

from dataclasses import dataclass

from campaign.album import Target
from campaign.sent_files import SentFiles
from harness.http import Connection


@dataclass(frozen=True)
class Beginning:
    """What a client has begun with, and what it was answered."""

    target: Target
    client: str
    """Its address."""
    etag: str
    archive: bytes
    is_remembered: bool = True
    """Whether the server knows what the client began with: it has not been killed since."""
    begun_bytes: int = 0
    """What the client took of the answer that it began with, where this is a later one."""


@dataclass(frozen=True)
class Part:
    """What a client has of an archive from its beginning, and may continue."""

    beginning: Beginning
    content: bytes


@dataclass
class Flight:
    """A download under way."""

    connection: Connection
    request: str
    """The answer's X-Request-ID, which the server's log has."""
    beginning: Beginning
    files: SentFiles
    content: bytes
    """What the client has of the archive up to here; what it left out is as it must be."""
    server_was_killed: bool = False

    @property
    def left(self) -> int:
        return self.files.stop - len(self.content)
