"""The settings of the addresses and processes of the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archive_service.config import values
from archive_service.config.setting_docs import setting
from archive_service.config.values import Text


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Where the service listens, with how many processes, and how it stops."""

    TITLE: ClassVar = Text("Server", "Сервер")

    host: str = setting(
        values.address(),
        default="0.0.0.0",  # nosec B104 # noqa: S104 - in a container, behind a web server
        summary="address to listen on",
        details="`::` serves IPv4, too.",
        russian="На каком адресе слушать. `::` обслуживает и IPv4.",
    )
    port: int = setting(
        values.number(0, 65535, zero=Text("any free port", "любой свободный порт")),
        default="8080",
        summary="port to listen on",
        russian="На каком порту слушать.",
    )
    monitor_host: str = setting(
        values.address(),
        default="127.0.0.1",
        summary="address of MONITOR_PORT",
        russian="Адрес для `MONITOR_PORT`.",
    )
    monitor_port: int = setting(
        values.number(0, 65535, zero=Text("the port of the archives", "тот же порт, что и архивы")),
        default="0",
        summary="separate port for /metrics, /healthz and /readyz",
        details="While they are on `PORT`, let the web server in front forward `/archive/` alone.",
        russian="Отдельный порт для `/metrics`, `/healthz` и `/readyz`. "
        "Пока они на `PORT`, пусть веб-сервер перед сервисом пропускает только `/archive/`.",
    )
    workers: int = setting(
        values.number(1, 64),
        default="1",
        summary="processes that serve on the port",
        details="Set it to the number of cores where one core is too slow: above about 2 GB/s of "
        "large files, or some hundred little albums a second.",
        russian="Сколько процессов обслуживают порт. Ставьте число ядер, если одного ядра мало: "
        "свыше примерно 2 ГБ/с больших файлов или нескольких сотен маленьких альбомов в секунду.",
    )
    shutdown_timeout: float = setting(
        values.seconds(0, 86400),
        default="30",
        summary="how long active downloads may continue after SIGTERM or Ctrl-C",
        russian="Сколько ещё могут идти начатые загрузки после SIGTERM или Ctrl-C.",
    )
