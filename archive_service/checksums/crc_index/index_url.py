"""Reads INDEX_URL, the address of a CRC index.

    sqlite:///PATH
    redis://[USER:PASSWORD@]HOST[:PORT]/NUMBER[?namespace=…&keep_days=…]
    postgresql://[USER:PASSWORD@]HOST[:PORT]/DATABASE[?namespace=…&keep_days=…&max_size=…]

Other parameters of the last two are passed to their libraries.  Error messages never quote the
address, because it may hold a password.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from archive_service.archive.units import size_bytes
from archive_service.checksums.crc_index.block_store import Store

TAKES = (
    "sqlite:///PATH, redis://HOST/NUMBER or postgresql://USER:PASSWORD@HOST/DATABASE, the last two "
    "with ?namespace= and ?keep_days=, the last with ?max_size="
)
_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DAYS = re.compile(r"[1-9][0-9]{0,3}")
_LEAST_SIZE_BYTES, _MOST_SIZE_BYTES = 10**6, 10**18


@dataclass(frozen=True, slots=True)
class IndexKind:
    """A kind of index; the module of a shared one, `crc_index/<name>.py`, has `store(address)`."""

    name: str
    schemes: tuple[str, ...]
    options: tuple[str, ...] = ()
    """The parameters that are ours; the library gets the others."""
    extra: str = ""
    """The extra of the package that installs the library."""

    @property
    def is_shared(self) -> bool:
        """Whether several machines can use it; the other kind is a file."""
        return bool(self.extra)


SQLITE = IndexKind("sqlite", ("sqlite",))
KINDS = (
    SQLITE,
    IndexKind("redis", ("redis", "rediss"), ("namespace", "keep_days"), "redis"),
    IndexKind(
        "postgresql",
        ("postgresql", "postgres"),
        ("namespace", "keep_days", "max_size"),
        "postgres",
    ),
)


@dataclass(frozen=True)
class IndexAddress:
    """A parsed INDEX_URL."""

    kind: IndexKind
    url: str = field(repr=False)
    """The URL for the library; it holds the password."""
    shown: str
    """The server or file, without user, password and options."""
    namespace: str = ""
    """Separates the sites that share a store; all machines of a site have the same one."""
    keep_days: int = 0
    """Days that unused albums are kept."""
    most_bytes: int = 0
    """The most bytes that are kept; for Redis a setting of the server bounds them."""

    @property
    def path(self) -> Path:
        """The file of a sqlite address."""
        return Path(self.shown)


def parse_index_url(text: str) -> IndexAddress:
    """Parse an INDEX_URL; raise ValueError."""
    try:
        url = urlsplit(text)
        host = url.netloc.rpartition("@")[2]
        query = parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query))
    except ValueError:
        raise ValueError("no address") from None
    if "#" in text or "@" in url.path + url.query:
        # The URL would be split in the wrong place: part of the password would become the host.
        raise ValueError("in a password / is %2F, ? is %3F and # is %23, and elsewhere @ is %40")
    kind = next((kind for kind in KINDS if url.scheme in kind.schemes), None)
    if kind is None:
        raise ValueError("unknown kind of index")
    ours = {name: value for name, value in query if name in kind.options}
    others = [(name, value) for name, value in query if name not in kind.options]
    if not kind.is_shared:
        return IndexAddress(kind, "", shown=_path(url.netloc, unquote(url.path), url.query))
    return IndexAddress(
        kind,
        "?".join(filter(None, (text.partition("?")[0], urlencode(others, quote_via=quote)))),
        shown=f"{url.scheme}://{host}{url.path}",
        namespace=_namespace(ours.get("namespace", "default")),
        keep_days=_days(ours.get("keep_days", "90")),
        most_bytes=_size(ours.get("max_size", "4G")),
    )


def _path(netloc: str, path: str, query: str) -> str:
    if netloc or query or path.endswith("/") or not path.startswith("/") or "\0" in path:
        raise ValueError("no path of a file: three slashes, then the path")
    return f"/{path.lstrip('/')}"


def _namespace(given: str) -> str:
    if not _NAMESPACE.fullmatch(given):
        raise ValueError("a namespace has 1 to 64 letters, digits and _ . -")
    return given


def _days(given: str) -> int:
    if not _DAYS.fullmatch(given):
        raise ValueError("keep_days takes a number from 1 to 9999")
    return int(given)


def _size(given: str) -> int:
    with suppress(ValueError):
        if _LEAST_SIZE_BYTES <= (found := size_bytes(given)) <= _MOST_SIZE_BYTES:
            return found
    raise ValueError("max_size takes bytes from 1M on; K, M and G are powers of 1000")


def make_store(address: IndexAddress) -> Store:
    """Return a client of a shared store, not connected yet.

    Raise ValueError if the library is missing or rejects the address.
    """
    try:
        module = import_module(f"archive_service.checksums.crc_index.{address.kind.name}")
    except ImportError:
        command = f"pip install 'archive-service[{address.kind.extra}]'"
        raise ValueError(f"its library is missing: {command}") from None
    made: Store = module.store(address)
    return made
