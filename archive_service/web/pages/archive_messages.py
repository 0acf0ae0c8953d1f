"""The words of the page about an archive, by language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ArchiveWords:
    """A field is named for the place where it stands."""

    title: str
    """Where the link gives no name."""
    kind: str
    download: str
    resume: str
    app_title: str
    app_hint: str
    copy: str
    copied: str
    files_title: str
    more: str
    part_ending: str
    """Of the name of a part; also in file names."""
    part: str
    parts_title: str
    parts_hint: str


ARCHIVE: Mapping[str, ArchiveWords] = MappingProxyType(
    {
        "ru": ArchiveWords(
            title="Архив с фотографиями",
            kind="Архив zip",
            download="Скачать",
            resume="Если загрузка прервётся, браузер продолжит её с того же места.",
            app_title="Не скачивается?",
            app_hint="Внутри приложений (Telegram, VK, Instagram) загрузка часто не работает. "
            "Откройте меню ⋮ или … и выберите «Открыть в браузере» — или скопируйте ссылку и "
            "вставьте её в адресную строку.",
            copy="Скопировать ссылку",
            copied="Скопировано",
            files_title="Файлы в архиве",
            more="и другие",
            part_ending=" ({number} из {of})",
            part="Часть {number}",
            parts_title="Скачать по частям",
            parts_hint="Если диск или программа не берёт такой большой файл. Каждая часть — "
            "отдельный архив: скачайте все и распакуйте в одну папку.",
        ),
        "en": ArchiveWords(
            title="An archive of photos",
            kind="Zip archive",
            download="Download",
            resume="If the download breaks off, the browser resumes where it stopped.",
            app_title="Nothing happens?",
            app_hint="Inside apps such as Telegram, Facebook or Instagram downloads often don't "
            "work. Open the menu ⋮ or … and choose “Open in browser”, or copy the link and paste "
            "it into the address bar.",
            copy="Copy the link",
            copied="Copied",
            files_title="Files in the archive",
            more="and others",
            part_ending=" ({number} of {of})",
            part="Part {number}",
            parts_title="Download in parts",
            parts_hint="Where a disk or a program takes no file as large as this. Each part is an "
            "archive of its own: download all of them and unpack them into one folder.",
        ),
    }
)
