"""All settings of the service, read with pydantic-settings.

A flag beats the environment, the environment beats `.env`, and `.env` beats the default.  Every
setting has a variable of its name in capitals and, except for secrets, a flag.  `config/groups`
declares the settings; the model that reads them is made of those declarations.

`config` alone reads the environment; only OpenTelemetry and botocore read their own variables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationError, create_model
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from archive_service.archive.errors import SettingsError
from archive_service.config.environment import ENV_FILE, ENV_FILE_ENCODING, checked_env_file
from archive_service.config.groups.album_settings import AlbumSettings, are_served
from archive_service.config.groups.download_settings import DownloadSettings
from archive_service.config.groups.format_settings import FormatSettings
from archive_service.config.groups.index_settings import IndexSettings
from archive_service.config.groups.log_settings import LogSettings
from archive_service.config.groups.server_settings import ServerSettings
from archive_service.config.groups.signing_settings import SigningSettings
from archive_service.config.groups.visitor_settings import VisitorSettings
from archive_service.config.setting_docs import docs_of, wrong_value


@dataclass(frozen=True, kw_only=True)
class Settings(
    AlbumSettings,
    ServerSettings,
    DownloadSettings,
    VisitorSettings,
    SigningSettings,
    IndexSettings,
    FormatSettings,
    LogSettings,
):
    """All settings of the service, in the order of the documents."""


class _Source(BaseSettings):
    """The places that settings are read from."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_file_encoding=ENV_FILE_ENCODING,
        env_ignore_empty=True,
        extra="ignore",
    )


def load_settings(given: Mapping[str, str]) -> Settings:
    """Read all settings of the service; `given` are those of the command line.

    Raise SettingsError.
    """
    docs = docs_of(Settings)
    checked_env_file(docs)
    try:
        reader: Callable[..., BaseSettings] = _model()
        found = reader(**given)
    except ValidationError as error:
        raise _explained(error.errors()[0]) from None
    settings = Settings(**{name: getattr(found, name) for name in docs})
    if settings.lists_dir is not None and are_served(settings.lists_dir, settings.photos_dir):
        reason = "would be an album, and the lists in it name others: choose one beside PHOTOS_DIR"
        raise wrong_value(Settings, "lists_dir", str(settings.lists_dir), reason=reason)
    return settings


@cache
def _model() -> type[BaseSettings]:
    fields: dict[str, Any] = {
        # Defaults are parsed, too: that of PHOTOS_DIR may not exist.
        name: (
            Annotated[str, PlainValidator(doc.kind.parse)],
            Field(default=doc.default_text, validate_default=True),
        )
        for name, doc in docs_of(Settings).items()
    }
    return create_model("SettingsModel", __base__=_Source, **fields)


def _explained(error: ErrorDetails) -> SettingsError:
    raised = error.get("ctx", {}).get("error")
    return wrong_value(
        Settings, str(error["loc"][0]), str(error["input"]), reason=str(raised or "")
    )
