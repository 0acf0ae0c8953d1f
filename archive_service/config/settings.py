"""The settings: a flag beats the environment, the environment beats `.env`, `.env` the default.

This is the only reader of the environment, but for OpenTelemetry, which reads its own variables.
Every setting has a variable of its name in capitals and, but for secrets, a flag; `takes` says, in
help and in errors, what values are good.
A secret has no flag, since every user of a machine can see the arguments of a process, and is
never shown.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from platformdirs import user_cache_path
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    SecretStr,
    ValidationError,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from archive_service.archive.errors import SettingsError
from archive_service.checksums.crc_index.index_url import TAKES as TAKES_INDEX_URL
from archive_service.config import values
from archive_service.config.format_settings import ENV_FILE, FORMAT, Told, flag, variable
from archive_service.http.client_address import NONE, UNKNOWN
from archive_service.storage.exclusion import DEFAULT_PATTERNS
from archive_service.storage.s3.location import S3Location

_BESIDE_PACKAGE = Path(__file__).resolve().parents[2] / "test_photos"
SHIPPED_PHOTOS = _BESIDE_PACKAGE if _BESIDE_PACKAGE.exists() else Path("test_photos")
"""The albums to try the service with; for an installed package, in the working directory."""


def _setting(*, does: str, takes: str, **more: Any) -> Any:  # noqa: ANN401 - as pydantic's Field
    """Describe a setting: what it does, what it takes, and more for pydantic."""
    return Field(description=does, json_schema_extra={"takes": takes}, **more)


def _told(name: str) -> Any:  # noqa: ANN401 - as pydantic's Field
    """Describe a setting that is told of elsewhere; see `_setting`."""
    told = FORMAT[name]
    return _setting(does=told.does, takes=told.takes, default=told.default)


def _secret(*, does: str, takes: str, **more: Any) -> Any:  # noqa: ANN401 - as pydantic's Field
    """Describe a setting that is never shown and has no flag; see `_setting`."""
    return Field(
        description=does,
        json_schema_extra={"takes": takes, "is_secret": True},  # nosec B105
        **more,
    )


class _Source(BaseSettings):
    """Where all settings are read from."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        defer_build=True,  # each command reads the settings of one class
    )


class SigningSettings(_Source):
    """What links are signed with; the service and the command that prints links share it."""

    signing_keys: Annotated[
        tuple[SecretStr, ...], NoDecode, BeforeValidator(values.signing_keys)
    ] = _secret(
        default=(),
        does="keys of signed links, the first of which signs; with any, no link works without "
        "a signature",
        takes="one or two keys separated by a comma, each of 16 to 256 letters, digits and "
        "+ / = - _ . ~",
    )


class FormatSettings(_Source):
    """What shapes an archive; the service and the console script share it."""

    portable_names: bool = _told("portable_names")
    name_encoding: Annotated[str, AfterValidator(values.ascii_compatible_encoding)] = _told(
        "name_encoding"
    )
    timezone: Annotated[str, AfterValidator(values.zone_name)] = _told("timezone")


class Settings(FormatSettings, SigningSettings):
    """All settings of the service."""

    photos_dir: Annotated[Path | S3Location, PlainValidator(values.albums_place)] = _setting(
        default=SHIPPED_PHOTOS,
        does="directory that holds the albums, or the place of them in an object store",
        takes="a directory that this user may read, which may appear later, or s3://BUCKET/PREFIX",
        validate_default=True,
    )
    s3_memory: Annotated[int, BeforeValidator(values.size_bytes)] = _setting(
        default=256_000_000,
        does="memory for what is fetched ahead from an object store, for all downloads of a "
        "process together, bytes",
        takes="bytes from 16M on, plain or with K, M or G for powers of 1000",
        ge=16_000_000,
    )
    s3_timeout: float = _setting(
        default=10.0,
        does="how long an object store may take to accept a connection, or to say anything on one, "
        "seconds",
        takes="a number from 0.1 to 300",
        ge=0.1,
        le=300,
        allow_inf_nan=False,
    )
    host: Annotated[str, BeforeValidator(values.not_empty), AfterValidator(values.without_nul)] = (
        _setting(
            default="0.0.0.0",  # nosec B104 # noqa: S104 - in a container, behind a web server
            does="address to listen on",
            takes="an address of this machine; :: is all of them",
        )
    )
    port: int = _setting(
        default=8080,
        does="port to listen on",
        takes="a number from 0 to 65535; 0 is any free port",
        ge=0,
        le=65535,
    )
    monitor_host: Annotated[
        str, BeforeValidator(values.not_empty), AfterValidator(values.without_nul)
    ] = _setting(
        default="127.0.0.1",
        does="address of MONITOR_PORT",
        takes="an address of this machine; :: is all of them",
    )
    monitor_port: int = _setting(
        default=0,
        does="port for /metrics, /healthz and /readyz alone",
        takes="a number from 0 to 65535; 0 is the port that the archives have",
        ge=0,
        le=65535,
    )
    workers: int = _setting(
        default=1,
        does="processes that serve on the port; more than one where one core is too slow",
        takes="a number from 1 to 64",
        ge=1,
        le=64,
    )
    level: Annotated[
        Literal["debug", "info", "warning", "error"], BeforeValidator(values.lower)
    ] = _setting(
        default="info",
        does="how much is logged",
        takes="debug, info, warning or error",
    )
    log_format: Annotated[Literal["text", "json"], BeforeValidator(values.lower)] = _setting(
        default="text",
        does="form of the log's lines: key=value, or one JSON object each",
        takes="text or json",
    )
    tracing: Annotated[bool, AfterValidator(values.tracing)] = _setting(
        default=False,
        does="send a span for each request to a collector of OpenTelemetry, as its own variables "
        "OTEL_EXPORTER_OTLP_ENDPOINT and others say",
        takes="true or false",
    )
    debug: bool = _setting(
        default=False,
        does="delay downloads, so that a person can watch them",
        takes="true or false",
    )
    delay: float = _setting(
        default=1.0,
        does="pause after each 256 KiB in debug mode, seconds",
        takes="a number from 0 to 60",
        ge=0,
        le=60,
        allow_inf_nan=False,
    )
    shutdown_timeout: float = _setting(
        default=30.0,
        does="how long active downloads may go on when the service is told to stop, seconds",
        takes="a number from 0 to 86400",
        ge=0,
        le=86400,
        allow_inf_nan=False,
    )
    stall_timeout: float = _setting(
        default=60.0,
        does="how long a client may accept nothing before its download is cut, seconds",
        takes="a number from 0.1 to 3600",
        ge=0.1,
        le=3600,
        allow_inf_nan=False,
    )
    listing_timeout: float = _setting(
        default=30.0,
        does="how long an album's disk may take until the album is listed, seconds",
        takes="a number from 0.1 to 3600",
        ge=0.1,
        le=3600,
        allow_inf_nan=False,
    )
    settle_time: float = _setting(
        default=2.0,
        does="how long nothing in an album may have changed before it is sent, seconds",
        takes="a number from 0 to 3600; 0 sends what is there",
        ge=0,
        le=3600,
        allow_inf_nan=False,
    )
    settle_wait: float = _setting(
        default=10.0,
        does="how long a request waits at most for an album that is being uploaded, seconds",
        takes="a number from 0 to 3600",
        ge=0,
        le=3600,
        allow_inf_nan=False,
    )
    trusted_proxies: Annotated[str, AfterValidator(values.proxies)] = _setting(
        default=UNKNOWN,
        does="proxies in front, whose Forwarded or X-Forwarded-For tells who the visitor is",
        takes=f"{UNKNOWN}, {NONE}, or addresses and networks separated by commas",
    )
    max_downloads: int = _setting(
        default=10_000,
        does="downloads at once; 0 is no limit",
        takes="a number from 0 to 1000000",
        ge=0,
        le=1_000_000,
    )
    max_downloads_per_client: int = _setting(
        default=0,
        does="downloads at once of one client, 16 connections on one album being one; "
        "0 is no limit",
        takes="a number from 0 to 1000000",
        ge=0,
        le=1_000_000,
    )
    rate_limit: Annotated[int, BeforeValidator(values.bytes_per_second)] = _setting(
        default=0,
        does="bytes per second of all downloads together; 0 is no limit",
        takes=values.TAKES_RATE,
    )
    rate_limit_per_download: Annotated[int, BeforeValidator(values.bytes_per_second)] = _setting(
        default=0,
        does="bytes per second of one download; 0 is no limit",
        takes=values.TAKES_RATE,
    )
    miss_limit: int = _setting(
        default=20,
        does="links to nothing that a client may ask for in a minute before it has to wait; "
        "after three times as many it is refused; 0 is no limit",
        takes="a number from 0 to 1000000",
        ge=0,
        le=1_000_000,
    )
    miss_block: float = _setting(
        default=300.0,
        does="how long who asks for too many links to nothing is refused, seconds",
        takes="a number from 0 to 86400",
        ge=0,
        le=86400,
        allow_inf_nan=False,
    )
    cache_dir: Annotated[
        Path, BeforeValidator(values.not_empty), AfterValidator(values.expanded)
    ] = _setting(
        default_factory=lambda: user_cache_path("archive-service", appauthor=False),
        does="directory of the CRC index",
        takes="a directory; it is made when missing",
    )
    index_url: Annotated[SecretStr, AfterValidator(values.index_url)] | None = _secret(
        default=None,
        does="index of checksums; one that several machines share needs an extra of the package",
        takes=TAKES_INDEX_URL,
    )
    index_ahead: Annotated[Literal["watch", "scan", "off"], BeforeValidator(values.lower)] = (
        _setting(
            default="watch",
            does="how uploads are found whose checksums are learned before the first download",
            takes="watch (the system tells, but not of an object store), scan (looked for every 10 "
            "seconds, in an object store every 10 minutes) or off",
        )
    )
    exclude: Annotated[tuple[str, ...], NoDecode, BeforeValidator(values.patterns)] = _setting(
        default=DEFAULT_PATTERNS,
        does="names that no archive has, in any case of letters",
        takes="shell patterns separated by commas; a lone comma leaves nothing out",
    )
    symlinks: Annotated[Literal["inside", "never"], BeforeValidator(values.lower)] = _setting(
        default="inside",
        does="which symbolic links are followed: those to what the same album holds, or none",
        takes="inside or never",
    )
    download_name: str = _setting(
        default="archive.zip",
        does="file name of a download whose link gives none",
        takes="1 to 150 characters without / \\ and control characters",
        pattern=r"^[^/\\\x00-\x1f\x7f]{1,150}$",
    )
    change_token: bool = _setting(
        default=True,
        does="notice replaced files by ctime and inode; off for trees copied between machines",
        takes="true or false",
    )
    signature_grace: int = _setting(
        default=86400,
        does="how long after the expiry of a signed link a download that was begun may be "
        "resumed, seconds",
        takes="a number from 0 to 31536000",
        ge=0,
        le=31536000,
    )


_Settings = TypeVar("_Settings", bound=_Source)


def load_settings(given: Mapping[str, object]) -> Settings:
    """Read all settings of the service; `given` are those of the command line.

    Raise SettingsError.
    """
    return _load(Settings, given)


def load_format_settings(given: Mapping[str, object]) -> FormatSettings:
    """Read the settings that shape an archive; see `load_settings`."""
    return _load(FormatSettings, given)


def load_signing_settings() -> SigningSettings:
    """Read the settings that sign a link; see `load_settings`."""
    return _load(SigningSettings, {})


def put_aws_variables_in_environment() -> None:
    """Have the AWS_ variables of `.env` found where botocore looks for them: it reads no `.env`."""
    found = dotenv_values(ENV_FILE, encoding="utf-8")
    for name, value in found.items():
        if name.startswith("AWS_") and value:
            os.environ.setdefault(name, value)


def takes(field: FieldInfo) -> str:
    """Return what values a setting takes, in words."""
    return str(_extra(field).get("takes", ""))


def with_flag(kind: type[BaseSettings]) -> dict[str, Told]:
    """Tell of the settings that have a flag, those of the archive's format last."""
    told = {name: _told_of(f) for name, f in kind.model_fields.items() if not is_secret(f)}
    return dict(sorted(told.items(), key=lambda item: item[0] in FORMAT))


def secrets(kind: type[BaseSettings]) -> dict[str, Told]:
    """Tell of the settings that have no flag; each is off by default."""
    return {
        name: _told_of(field)._replace(default="none")
        for name, field in kind.model_fields.items()
        if is_secret(field)
    }


def _told_of(field: FieldInfo) -> Told:
    default = field.get_default(call_default_factory=True)
    return Told(field.description or "", takes(field), default, field.annotation)


def is_secret(field: FieldInfo) -> bool:
    """Tell whether a setting has no flag and must not be shown."""
    return "is_secret" in _extra(field)


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _load(kind: type[_Settings], given: Mapping[str, Any]) -> _Settings:
    try:
        _check_env_file()
        return kind(**given)
    except ValidationError as error:
        raise _explained(kind, error.errors()[0]) from None
    except OSError as error:
        raise SettingsError(f"{ENV_FILE}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{ENV_FILE}: takes UTF-8 text only") from None


def _check_env_file() -> None:
    """Refuse what would be passed over: a line is a setting that its writer takes for set."""
    path = Path(ENV_FILE)
    if path.is_dir():  # as Docker makes where it mounts a file that is missing
        raise SettingsError(f"{ENV_FILE}: is a directory, takes a file")
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for binding in parse_stream(file):
            if binding.error:
                line = binding.original.line
                raise SettingsError(f"{ENV_FILE}: line {line} can't be read, takes NAME=value")


def wrong_value(
    kind: type[BaseSettings], name: str, got: object, *, reason: str = ""
) -> SettingsError:
    """Say of a setting what it got, why it can't take that, and what it takes."""
    field = kind.model_fields[name]
    why = f" ({reason})" if reason else ""
    if is_secret(field):
        return SettingsError(f"{variable(name)}: got what it can't take{why}, takes {takes(field)}")
    shown = str(got) if isinstance(got, Path) else got
    return SettingsError(
        f"{variable(name)} ({flag(name)}): got {shown!r}{why}, takes {takes(field)}"
    )


def _explained(kind: type[BaseSettings], error: ErrorDetails) -> SettingsError:
    raised = error.get("ctx", {}).get("error")
    return wrong_value(kind, str(error["loc"][0]), error["input"], reason=str(raised or ""))
