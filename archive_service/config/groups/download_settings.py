"""The settings of single downloads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from archive_service.config import values
from archive_service.config.setting_docs import setting
from archive_service.config.values import Text, ValueKind
from archive_service.http.content_disposition import MAX_NAME_CHARACTERS, is_download_name


def _download_name() -> ValueKind[str]:
    """Take a name that a download can be saved under."""

    def parse(text: str) -> str:
        if not is_download_name(text):
            raise ValueError("no name for a file")
        return text

    takes = Text(
        f"1 to {MAX_NAME_CHARACTERS} characters without / \\ and control characters",
        f"от 1 до {MAX_NAME_CHARACTERS} символов без / \\ и управляющих",
    )
    return ValueKind(parse, takes, "NAME")


@dataclass(frozen=True, kw_only=True)
class DownloadSettings:
    """How one download goes."""

    TITLE: ClassVar = Text("Downloads", "Загрузки")

    download_name: str = setting(
        _download_name(),
        default="archive.zip",
        summary="file name of a download whose link has no name",
        russian="Имя файла, если ссылка его не задаёт.",
    )
    empty_archives: Literal["page", "zip"] = setting(
        values.choice("page", "zip"),
        default="page",
        summary="answer for an album without files: a page that says so, or an empty zip",
        details="Windows Explorer calls an empty zip invalid.",
        russian="Что отвечать, пока в альбоме нет файлов: `page` — страницу, которая об этом "
        "говорит, `zip` — пустой zip-файл, который Проводник Windows считает повреждённым.",
    )
    archive_pages: Literal["link", "browsers"] = setting(
        values.choice("link", "browsers"),
        default="link",
        summary="when the page about an archive is shown: at its /page only, or to every browser",
        details="With `browsers` a link opened in a browser shows name, size and a button first; "
        "programs get the archive at once.",
        russian="Кто видит страницу об архиве: `link` — только тот, кто открыл её адрес (`/page`), "
        "`browsers` — каждый, кто открыл ссылку в браузере; программы сразу получают архив.",
    )
    page_files: bool = setting(
        values.switch(),
        default="off",
        summary="list the files on the page about an archive",
        russian="Показывать на странице об архиве список файлов.",
    )
    part_size: int = setting(
        values.size("1M", zero=Text("never", "никогда")),
        default="4G",
        summary="size above which the page about an archive offers it in parts",
        details="A part has at most so many bytes, or a single file. 4G is what FAT32 and old "
        "unzip programs take.",
        russian="С какого размера страница об архиве предлагает скачать его по частям. Часть не "
        "больше этого размера, если только это не один файл. 4G — сколько принимают FAT32 и "
        "старые программы распаковки.",
    )
    stall_timeout: float = setting(
        values.seconds(0.1, 3600),
        default="60",
        summary="how long a client may accept no data before its download is cut",
        details="Behind a proxy set 600: it buffers data for slow visitors, and may accept nothing "
        "for minutes.",
        russian="Сколько клиент может не принимать данные, прежде чем загрузка будет оборвана. "
        "За прокси ставьте 600: он копит данные для медленных посетителей и может не принимать "
        "ничего по нескольку минут.",
    )
    debug: bool = setting(
        values.switch(),
        default="off",
        summary="slow downloads down, so that a person can watch them",
        russian="Замедлять загрузки, чтобы за ними можно было наблюдать.",
    )
    delay: float = setting(
        values.seconds(0, 60),
        default="1",
        summary="pause after each 256 KiB if DEBUG is on",
        russian="Пауза после каждых 256 КиБ, если включён `DEBUG`.",
    )
