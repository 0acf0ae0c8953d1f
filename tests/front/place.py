"""Where a front web server of a test lies, and the file of deploy/ that it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.server import REPOSITORY

HOST = "example.org"
"""The name of the site in the files."""
CDN = "192.0.2.0/24"
"""The network of a CDN in the files."""
DEPLOY = REPOSITORY / "deploy"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a front web server of a test listens, and what it stands in front of."""

    directory: Path
    port: int
    http_port: int
    service_port: int
    site_port: int | None
    certificate: Path
    key: Path
    other_service_ports: Sequence[int] = ()
    cdn: str | None = None
    """The network of a CDN, for which the file has lines to be commented in."""

    @property
    def root(self) -> Path:
        """The directory of the site's own files."""
        return self.directory / "root"

    def written(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text)
        return path


def with_cdn(text: str, network: str | None) -> str:
    """Comment in the lines of a file that are for a CDN."""
    if network is None:
        return text
    assert CDN in text
    text = re.sub(rf"^(\s*)#(?=\S.*{re.escape(CDN)})", r"\1", text, flags=re.MULTILINE)
    text = re.sub(
        r"^(\s*)#(?=real_ip_header|RemoteIPHeader|trusted_proxies)", r"\1", text, flags=re.MULTILINE
    )
    return text.replace(CDN, network)


def snippet_of(name: str, replacements: Mapping[str, object]) -> str:
    text = (DEPLOY / name).read_text()
    for old, new in replacements.items():
        assert old in text, f"deploy/{name} has no {old!r}"
        text = text.replace(old, str(new))
    return text
