"""The settings that shape an archive; the service and `main.py` share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archive_service.config import values
from archive_service.config.setting_docs import setting
from archive_service.config.values import Text


@dataclass(frozen=True, kw_only=True)
class FormatSettings:
    """How names and times are written into an archive."""

    TITLE: ClassVar = Text("Names and times in the archive", "Имена и время в архиве")

    portable_names: bool = setting(
        values.switch(),
        default="on",
        summary="make file names safe for every system",
        details="Switched off, names stay exact wherever exact is safe.",
        russian="Делать имена файлов безопасными для любой системы. "
        "Если выключить, имена остаются точными там, где это безопасно.",
    )
    name_encoding: str = setting(
        values.file_name_encoding(),
        default="cp1251",
        summary="encoding of file names that are not UTF-8",
        russian="Кодировка имён файлов, которые не в UTF-8.",
    )
    timezone: str = setting(
        values.time_zone(),
        default="UTC",
        example="Europe/Moscow",
        summary="time zone of the local times in an archive",
        russian="Часовой пояс местного времени в архиве.",
    )
