"""The texts of the index page and of the page about an archive, by language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class IndexWords:
    """The words of the index page; a field is named for the place where it stands."""

    title: str
    lead: str
    check_title: str
    hash_label: str
    hash_hint: str
    hash_placeholder: str
    check_button: str
    checking: str
    hash_missing: str
    no_script: str
    download: str
    files: Mapping[str, str]
    """By plural category of CLDR."""
    examples_title: str
    examples_lead: str
    example: str
    links_title: str
    link_hash: str
    link_all: str
    link_name: str
    link_name_value: str
    link_file: str
    link_manifest: str
    snippet_title: str
    snippet_lead: str
    snippet: str
    copy: str
    copied: str
    warning: str


_SNIPPET = r"""<?php $name = strtr(mb_substr($title, 0, 150), '/\\', '__'); ?>
<a rel="nofollow"
   href="/archive/<?= rawurlencode($hash) ?>/?name=<?= rawurlencode($name) ?>">
  {}
</a>"""

INDEX: Mapping[str, IndexWords] = MappingProxyType(
    {
        "ru": IndexWords(
            title="Фотоальбом одним файлом",
            lead="Сервис собирает каталог с фотографиями в zip-архив прямо во время скачивания. "
            "Размер известен сразу, а прерванная загрузка продолжается с того же места.",
            check_title="Проверить архив",
            hash_label="Хеш архива",
            hash_hint="Часть ссылки после /archive/. Можно вставить и ссылку целиком.",
            hash_placeholder="например, 7f3a9c…",
            check_button="Проверить",
            checking="Проверяем…",
            hash_missing="Введите хеш архива или ссылку на него.",
            no_script="Для проверки нужен JavaScript. Скачать архив можно и без него: "
            "откройте ссылку вида /archive/хеш/.",
            download="Скачать",
            files=MappingProxyType(
                {"one": "файл", "few": "файла", "many": "файлов", "other": "файла"}
            ),
            examples_title="Тестовые альбомы",
            examples_lead="Поставляются вместе с сервисом: скачайте, прервите, продолжите.",
            example="Альбом",
            links_title="Как устроены ссылки",
            link_hash="хеш",
            link_all="Весь альбом.",
            link_name="Имя файла при скачивании, до 150 символов.",
            link_name_value="Отпуск",
            link_file="Только названные файлы.",
            link_manifest="Точный размер, число и список файлов в JSON: "
            "их удобно показать рядом со ссылкой.",
            snippet_title="Ссылка на вашем сайте",
            snippet_lead="В шаблоне CMS, где $hash — имя каталога, а $title — название альбома:",
            snippet=_SNIPPET.format("Скачать все фотографии"),
            copy="Скопировать",
            copied="Скопировано",
            warning="Хеш служит паролем: альбом получит каждый, кто знает ссылку, и никто другой. "
            "Списка альбомов здесь нет.",
        ),
        "en": IndexWords(
            title="A photo album in one file",
            lead="This service packs a directory of photos into a zip archive while it is being "
            "downloaded. The size is known at once, and a broken download resumes where it "
            "stopped.",
            check_title="Check an archive",
            hash_label="Hash of the archive",
            hash_hint="The part of the link after /archive/. The whole link will do, too.",
            hash_placeholder="for example 7f3a9c…",
            check_button="Check",
            checking="Checking…",
            hash_missing="Enter the hash of an archive, or a link to it.",
            no_script="Checking needs JavaScript. Downloading does not: "
            "open a link like /archive/hash/.",
            download="Download",
            files=MappingProxyType({"one": "file", "other": "files"}),
            examples_title="Test albums",
            examples_lead="They come with the service: download, interrupt, resume.",
            example="Album",
            links_title="How links are formed",
            link_hash="hash",
            link_all="The whole album.",
            link_name="The name of the downloaded file, up to 150 characters.",
            link_name_value="Holiday",
            link_file="Only the files named.",
            link_manifest="Exact size, number and list of the files, as JSON: "
            "good to show beside the link.",
            snippet_title="A link on your site",
            snippet_lead="In a template of the CMS, where $hash is the name of the directory and "
            "$title that of the album:",
            snippet=_SNIPPET.format("Download all photos"),
            copy="Copy",
            copied="Copied",
            warning="The hash is the password: whoever knows the link gets the album, and nobody "
            "else does. There is no list of albums here.",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class ArchiveWords:
    """The words of the page about an archive; a field is named for the place where it stands."""

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
