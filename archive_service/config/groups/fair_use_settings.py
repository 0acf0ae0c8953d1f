"""The settings that share the service fairly among visitors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archive_service.config import values
from archive_service.config.setting_docs import setting
from archive_service.config.values import Text, ValueKind
from archive_service.http.client_address import NONE, UNKNOWN, TrustedProxies
from archive_service.http.site_addresses import AUTO, SiteAddresses

_MOST = 1_000_000
_NO_LIMIT = Text("no limit", "без ограничения")
_NO_LIMIT_WHILE_FREE = Text("no limit while slots are free", "без ограничения, пока есть места")


def _proxies(text: str) -> str:
    TrustedProxies.parse(text)
    return text


def _site_addresses(text: str) -> str:
    SiteAddresses.parse(text, TrustedProxies(None))
    return text


@dataclass(frozen=True, kw_only=True)
class FairUseSettings:
    """How visitors are identified, and how much each may have."""

    TITLE: ClassVar = Text("Visitors and fair use", "Посетители и справедливое распределение")

    trusted_proxies: str = setting(
        ValueKind(
            _proxies,
            Text(
                f"{UNKNOWN}, {NONE}, or addresses and networks separated by commas",
                f"{UNKNOWN}, {NONE} или адреса и сети через запятую",
            ),
            "PROXIES",
        ),
        default=UNKNOWN,
        example="172.16.0.0/12,192.168.0.0/16",
        summary="proxies in front of the service that are trusted to name the visitor",
        details="They do so in `Forwarded` or `X-Forwarded-For`. Set `none` where "
        "visitors connect directly. [Fair use](http.md#fair-use) has more.",
        russian="Доверенные прокси перед сервисом: их `Forwarded` или `X-Forwarded-For` называет "
        "посетителя. Ставьте `none`, если посетители подключаются напрямую. "
        "Подробнее — [Fair use](http.md#fair-use).",
    )
    site_addresses: str = setting(
        ValueKind(
            _site_addresses,
            Text(
                f"{AUTO}, {NONE}, or addresses and networks separated by commas",
                f"{AUTO}, {NONE} или адреса и сети через запятую",
            ),
            "ADDRESSES",
        ),
        default=AUTO,
        example="172.18.0.5",
        summary="addresses of the site's own requests, which never count as guesses",
        details="`auto` is this machine, if `TRUSTED_PROXIES` is set. "
        "A request that a proxy forwards is a visitor's, whatever its address.",
        russian="С каких адресов обращается сам сайт: его запросы никогда не принимаются за "
        "подбор ссылок. `auto` — с этой же машины, если задан `TRUSTED_PROXIES`. Запрос, который "
        "передал прокси, — всегда запрос посетителя.",
    )
    max_downloads: int = setting(
        values.number(0, _MOST, zero=_NO_LIMIT),
        default="10000",
        summary="most downloads at once",
        details="All processes count together.",
        russian="Сколько загрузок может идти сразу, во всех процессах вместе.",
    )
    max_downloads_per_client: int = setting(
        values.number(0, _MOST, zero=_NO_LIMIT_WHILE_FREE),
        default="0",
        example="8",
        summary="most downloads at once of one client",
        details="Up to 16 connections to one album count as one download. With 0, while more than "
        "nine tenths of `MAX_DOWNLOADS` are taken, a client gets a tenth of them at most, if "
        "`TRUSTED_PROXIES` is set.",
        russian="Сколько загрузок сразу может быть у одного клиента. "
        "До 16 соединений с одним альбомом считаются одной загрузкой. При 0, пока занято больше "
        "девяти десятых `MAX_DOWNLOADS`, клиент получает не больше десятой их части, если задан "
        "`TRUSTED_PROXIES`.",
    )
    rate_limit: int = setting(
        values.rate(),
        default="0",
        example="50M",
        summary="speed limit of all downloads together",
        russian="Предел скорости всех загрузок вместе.",
    )
    rate_limit_per_download: int = setting(
        values.rate(),
        default="0",
        example="5M",
        summary="speed limit of one download",
        russian="Предел скорости одной загрузки.",
    )
    min_download_rate: int = setting(
        values.rate(),
        default="1K",
        summary="speed below which a download is cut while slots are scarce",
        details="It is the average over a minute, or over `STALL_TIMEOUT` where that is longer. "
        "Slots are scarce while more than nine tenths of `MAX_DOWNLOADS` are taken; then the "
        "slowest downloads are cut first. Only Linux reports the speed of a client.",
        russian="Скорость, ниже которой загрузка обрывается, когда мест мало. Это среднее за "
        "минуту или за `STALL_TIMEOUT`, если он больше. Мест мало, пока занято больше девяти "
        "десятых `MAX_DOWNLOADS`; первыми обрываются самые медленные загрузки. Скорость клиента "
        "сообщает только Linux.",
    )
    miss_limit: int = setting(
        values.number(0, _MOST, zero=_NO_LIMIT),
        default="20",
        summary="missing archives that a client may request a minute",
        details="Further answers are delayed. After three times as many requests the client is "
        "blocked, if `TRUSTED_PROXIES` is set.",
        russian="Сколько несуществующих архивов клиент может запросить за минуту. Дальше ответы "
        "задерживаются. После втрое большего числа запросов клиент блокируется, если задан "
        "`TRUSTED_PROXIES`.",
    )
    miss_block: float = setting(
        values.seconds(0, 86400),
        default="300",
        summary="how long a client is blocked after too many requests for missing archives",
        russian="На сколько клиент блокируется, если запросил слишком много несуществующих "
        "архивов.",
    )
