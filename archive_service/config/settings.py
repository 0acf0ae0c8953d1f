"""All settings of the service.

Every setting has a variable of its name in capitals and, except for secrets, a flag.
`config/groups` declares the settings, `config/environment.py` reads them.  After a change there,
`tools/setting_files.py` and `tools/completions.py` make the files that list settings.

`config` alone reads the environment; only OpenTelemetry and botocore read their own variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archive_service.config.environment import load_group
from archive_service.config.groups.album_settings import AlbumSettings, are_served
from archive_service.config.groups.download_settings import DownloadSettings
from archive_service.config.groups.fair_use_settings import FairUseSettings
from archive_service.config.groups.format_settings import FormatSettings
from archive_service.config.groups.index_settings import IndexSettings
from archive_service.config.groups.log_settings import LogSettings
from archive_service.config.groups.server_settings import ServerSettings
from archive_service.config.groups.signing_settings import SigningSettings
from archive_service.config.setting_docs import wrong_value


@dataclass(frozen=True, kw_only=True)
class Settings(
    AlbumSettings,
    ServerSettings,
    DownloadSettings,
    FairUseSettings,
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
    settings = load_group(Settings, given)
    if settings.lists_dir is not None and are_served(settings.lists_dir, settings.photos_dir):
        reason = "would be an album, and the lists in it name others: choose one beside PHOTOS_DIR"
        raise wrong_value(Settings, "lists_dir", str(settings.lists_dir), reason=reason)
    return settings
