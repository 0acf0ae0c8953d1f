"""The settings of the index of checksums."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from archive_service.checksums.crc_index.index_url import TAKES, make_store, parse_index_url
from archive_service.config import values
from archive_service.config.setting_docs import setting
from archive_service.config.values import Secret, Text, ValueKind


def _index_url(text: str) -> Secret | None:
    if not text:
        return None
    address = parse_index_url(text)
    if address.kind.is_shared:
        make_store(address)
    return Secret(text)


def _user_cache_dir() -> str:
    # Imported where it is needed: `archive-service link` needs no cache.
    from platformdirs import user_cache_dir  # noqa: PLC0415

    return user_cache_dir("archive-service", appauthor=False)


@dataclass(frozen=True, kw_only=True)
class IndexSettings:
    """Where checksums are kept, and when they are computed."""

    TITLE: ClassVar = Text("Index of checksums", "Индекс контрольных сумм")

    cache_dir: Path = setting(
        values.directory(),
        default=_user_cache_dir,
        example="/var/cache/archive-service",
        shown_default=Text("the user's cache directory", "каталог кеша пользователя"),
        summary="directory of the index of checksums",
        details="It can be deleted while the service is stopped.",
        russian="Каталог индекса контрольных сумм. Его можно удалить, пока сервис остановлен.",
    )
    index_url: Secret | None = setting(
        ValueKind(
            _index_url,
            Text(
                TAKES,
                "sqlite:///ПУТЬ, redis://ХОСТ/НОМЕР или postgresql://USER:PASSWORD@ХОСТ/БАЗА; у "
                "двух последних есть ?namespace= и ?keep_days=, у последней и ?max_size=",
            ),
            "URL",
        ),
        default="",
        example="redis://:PASSWORD@redis.example.org:6379/0",
        shown_default=Text("none", "нет"),
        summary="index of checksums in another file, or one that several machines share",
        details="Without it the index is a file in `CACHE_DIR`. A shared one needs the extra "
        "`redis` or `postgres`: see "
        "[One index for several machines](operations.md#one-index-for-several-machines).",
        russian="Индекс контрольных сумм в другом файле или общий для нескольких машин. Без него "
        "индекс — файл в `CACHE_DIR`. Общему нужно дополнение `redis` или `postgres`: см. "
        "[Один индекс на несколько машин](operations.ru.md#один-индекс-на-несколько-машин).",
        is_secret=True,
    )
    index_ahead: Literal["watch", "scan", "off"] = setting(
        values.choice("watch", "scan", "off"),
        default="watch",
        summary="how uploads are found, to compute checksums before the first download",
        details="`watch` uses inotify. `scan` lists all albums every 10 seconds, in an object "
        "store every 10 minutes. Object stores have no notifications, so there `watch` means "
        "`off`.",
        russian="Как находить загруженные альбомы, чтобы вычислить контрольные суммы до первого "
        "скачивания. `watch` — через inotify. `scan` — просматривать все альбомы каждые 10 секунд, "
        "а в объектном хранилище каждые 10 минут. Хранилище об изменениях не уведомляет, поэтому "
        "для него `watch` — то же, что `off`.",
    )
