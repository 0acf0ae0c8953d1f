"""What the settings take: each a text, turned into a value or refused with a ValueError."""

from __future__ import annotations

import errno
import os
import re
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from archive_service.checksums.crc_index.index_url import make_store, parse_index_url
from archive_service.http.client_address import TrustedProxies
from archive_service.storage.s3.location import SCHEME, S3Location

_MOST_SIGNING_KEYS = 2
# What passes through a shell, `.env` and docker-compose as it is: base64 and hexadecimal do.
_SIGNING_KEY = re.compile(r"[A-Za-z0-9+/=._~-]{16,256}")
_ASCII = (rb"\u0041", bytes(range(0x80)))
"""What an encoding that contains ASCII leaves as it is; first what one of escapes does not."""
_BEYOND_ASCII = bytes(range(0x80, 0x100))
_RATE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)([KMGkmg]?)")
_FACTORS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
_MOST_ZONE_PARTS = 4
_TRACING_MODULES = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
_MAY_COME = frozenset(
    {
        errno.ENOENT,
        errno.ENOTCONN,  # of a FUSE file system whose program has ended
        errno.ESTALE,
        errno.EIO,
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
    }
)
"""What the system says of a disk that is not mounted, or does not answer."""
LEAST_RATE = 1000
"""Bytes per second; slower than that, a proxy would take a download for dead."""
TAKES_RATE = "0, or bytes per second from 1K on, plain or with K, M or G for powers of 1000"


def without_nul(text: str) -> str:
    """Refuse a text with a NUL in it, which only a file can hold, no flag and no variable."""
    if "\0" in text:
        raise ValueError("has a NUL in it")
    return text


def expanded(path: Path) -> Path:
    """Put a user's home in the place of `~`."""
    without_nul(str(path))
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("no such user") from None


def albums_directory(given: Path) -> Path:
    """Take a directory whose files can be listed and opened, or one that is yet to be mounted.

    A relative path is no mount: there, the working directory is more likely wrong.
    """
    path = expanded(given)
    try:
        with os.scandir(path):
            pass
    except OSError as error:
        if error.errno in _MAY_COME and path.is_absolute():
            return path
        raise ValueError(f"{error.strerror}") from None
    if not os.access(path, os.X_OK):
        raise ValueError("its files can be listed, but not opened")
    return path


def albums_place(given: object) -> object:
    """Take a directory of albums, or a bucket where what reads that is installed."""
    text = str(not_empty(given))
    if not text.startswith(SCHEME):
        return albums_directory(Path(text))
    location = S3Location.parse(text)
    if find_spec("aiobotocore") is None:
        raise ValueError("needs more installed: pip install 'archive-service[s3]'")
    return location


def zone_name(name: str) -> str:
    """Take a name of the time zone database."""
    if name.count("/") > _MOST_ZONE_PARTS:  # it would be looked for as so many packages
        raise ValueError("unknown")
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError("unknown") from None
    return name


def ascii_compatible_encoding(name: str) -> str:
    """Take an encoding of file names that leaves ASCII as it is."""
    try:
        is_usable = all(sample.decode(name) == sample.decode("ascii") for sample in _ASCII)
        _BEYOND_ASCII.decode(name, "replace")  # as names are; "idna" knows no replacing
    except (LookupError, UnicodeError):
        is_usable = False
    if not is_usable:
        raise ValueError("unknown")
    return name


def patterns(value: object) -> object:
    """Split shell patterns at their commas."""
    if not isinstance(value, str):
        return value
    return tuple(pattern.strip() for pattern in value.split(",") if pattern.strip())


def signing_keys(value: object) -> object:
    """Split keys; the texts of the errors tell nothing of them."""
    if not isinstance(value, str):
        return value
    keys = [key.strip() for key in value.split(",")]
    if len(keys) > _MOST_SIGNING_KEYS:
        raise ValueError(f"{len(keys)} keys")
    for number, key in enumerate(keys, 1):
        if not _SIGNING_KEY.fullmatch(key):
            raise ValueError(f"key {number} is too short, too long or has other characters")
    return tuple(keys)


def index_url(url: SecretStr) -> SecretStr:
    """Take the address of an index that can be used here; errors tell nothing of it."""
    address = parse_index_url(url.get_secret_value())
    if address.kind != "sqlite":
        make_store(address)
    return url


def not_empty(value: object) -> object:
    """Refuse a flag without a value: an empty path is the working directory, an empty host any."""
    if value == "":
        raise ValueError("empty")
    return value


def lower(value: object) -> object:
    """Take capitals for small letters."""
    return value.lower() if isinstance(value, str) else value


def tracing(wanted: bool) -> bool:  # noqa: FBT001 - the setting itself
    """Refuse tracing where the extra is not installed."""
    if wanted and not all(map(_is_installed, _TRACING_MODULES)):
        raise ValueError("not installed: pip install 'archive-service[tracing]'")
    return wanted


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


def proxies(text: str) -> str:
    """Take addresses and networks that `TrustedProxies` understands."""
    TrustedProxies.parse(text)
    return text


def size_bytes(value: object) -> object:
    """Take a number of bytes with or without the letter of a power of 1000."""
    if not isinstance(value, str):
        return value
    match = _RATE.fullmatch(value.strip())
    if match is None:
        raise ValueError("not a size")
    return round(float(match[1]) * _FACTORS[match[2].upper()])


def bytes_per_second(value: object) -> object:
    """Take a rate with or without the letter of a power of 1000."""
    if not isinstance(value, str):
        return value
    match = _RATE.fullmatch(value.strip())
    if match is None:
        raise ValueError("not a rate")
    rate = round(float(match[1]) * _FACTORS[match[2].upper()])
    if 0 < rate < LEAST_RATE:
        raise ValueError("too slow")
    return rate
