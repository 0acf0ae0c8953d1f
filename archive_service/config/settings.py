"""All settings of the service.

Every setting has a variable of its name in capitals and, except for secrets, a flag.
`config/groups` declares the settings, `config/environment.py` reads them.

`config` alone reads the environment; only OpenTelemetry and botocore read their own variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archive_service.config.environment import load_group
from archive_service.config.groups.album_settings import AlbumSettings
from archive_service.config.groups.download_settings import DownloadSettings
from archive_service.config.groups.format_settings import FormatSettings
from archive_service.config.groups.index_settings import IndexSettings
from archive_service.config.groups.log_settings import LogSettings
from archive_service.config.groups.server_settings import ServerSettings
from archive_service.config.groups.signing_settings import SigningSettings
from archive_service.config.groups.visitor_settings import VisitorSettings


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


def load_settings(given: Mapping[str, str]) -> Settings:
    """Read all settings of the service; `given` are those of the command line.

    Raise SettingsError.
    """
    return load_group(Settings, given)
