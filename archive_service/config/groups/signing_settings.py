"""The settings of signed links; the service and `archive-service link` share them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archive_service.config import values
from archive_service.config.setting_docs import setting
from archive_service.config.values import Secret, Text, ValueKind

_OFF = "off"
_MOST_KEYS = 2
# What a shell, `.env` and docker-compose leave as it is; base64 and hexadecimal have no others.
_KEY = re.compile(r"[A-Za-z0-9+/=._~-]{16,256}")


def _signing_keys(text: str) -> tuple[Secret, ...]:
    if text.strip().lower() == _OFF:
        return ()
    keys = [key.strip() for key in text.split(",")]
    if len(keys) > _MOST_KEYS:
        raise ValueError(f"{len(keys)} keys")
    for number, key in enumerate(keys, 1):
        if not _KEY.fullmatch(key):
            raise ValueError(f"key {number} is too short, too long or has other characters")
    return tuple(map(Secret, keys))


def signing_state(keys: Sequence[Secret]) -> str:
    """Return whether links are signed, for the log and for `archive-service check`."""
    if keys:
        return "links are signed"
    return "links are not signed: anyone who knows the hash of an album can download it"


@dataclass(frozen=True, kw_only=True)
class SigningSettings:
    """What links are signed with."""

    TITLE: ClassVar = Text("Signed links", "Подписанные ссылки")

    signing_keys: tuple[Secret, ...] = setting(
        ValueKind(
            _signing_keys,
            Text(
                "off, or one or two keys separated by a comma, each of 16 to 256 letters, digits "
                "and + / = - _ . ~",
                "off либо один или два ключа через запятую, в каждом от 16 до 256 букв, цифр и "
                "+ / = - _ . ~",
            ),
            "KEYS",
        ),
        default=_OFF,
        summary="keys of signed links",
        details="The first key signs. With a key, every link needs a signature. "
        "`openssl rand -hex 32` makes a key. A variable that is set but empty stops the start, "
        "so that a missing secret opens nothing.",
        russian="Ключи подписанных ссылок; подписывает первый. Если ключ задан, подпись нужна "
        "каждой ссылке. Ключ создаёт `openssl rand -hex 32`. Заданная, но пустая переменная "
        "останавливает запуск: пропавший секрет не должен открывать доступ.",
        is_secret=True,
        when_empty="Set it to a key (openssl rand -hex 32 makes one), or to off for links without "
        "signatures",
    )
    signature_grace: int = setting(
        values.whole_seconds(0, 31_536_000),
        default="86400",
        summary="how long a download may be resumed after its signed link has expired",
        russian="Сколько ещё можно продолжать начатую загрузку после срока подписанной ссылки.",
    )
