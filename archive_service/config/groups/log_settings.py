"""The settings of the log and of tracing."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar, Literal

from archive_service.config import values
from archive_service.config.setting_docs import setting
from archive_service.config.values import Text, ValueKind

_TRACING_MODULES = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
_SWITCH = values.switch()


def _tracing(text: str) -> bool:
    is_wanted = bool(_SWITCH.parse(text))
    if is_wanted and not all(map(_is_installed, _TRACING_MODULES)):
        raise ValueError("not installed: pip install 'archive-service[tracing]'")
    return is_wanted


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """What is logged and traced."""

    TITLE: ClassVar = Text("Log and tracing", "Журнал и трассировка")

    level: Literal["debug", "info", "warning", "error"] = setting(
        values.choice("debug", "info", "warning", "error"),
        default="info",
        summary="how much is logged",
        russian="Подробность журнала.",
    )
    log_format: Literal["text", "json"] = setting(
        values.choice("text", "json"),
        default="text",
        summary="form of log lines: key=value, or one JSON object each",
        russian="Вид строк журнала: `text` — `ключ=значение`, `json` — по объекту JSON в строке.",
    )
    tracing: bool = setting(
        ValueKind(_tracing, _SWITCH.takes, _SWITCH.metavar, is_switch=True),
        default="off",
        summary="send a span for each request to an OpenTelemetry collector",
        details="It needs the extra `tracing`; OpenTelemetry's own variables, such as "
        "`OTEL_EXPORTER_OTLP_ENDPOINT`, say where to. See [Tracing](operations.md#tracing).",
        russian="Отправлять спан каждого запроса в коллектор OpenTelemetry. Нужно дополнение "
        "`tracing`; куда отправлять, говорят переменные самого OpenTelemetry, например "
        "`OTEL_EXPORTER_OTLP_ENDPOINT`. См. [Трассировка](operations.ru.md#трассировка).",
    )
