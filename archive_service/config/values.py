"""The kinds of values that settings take.

Each kind parses a text, raises ValueError with a short reason, and says in words what it takes.
No reason quotes the text: it may be a secret.  Nothing slow is imported here, because `main.py` and
`archive-service link` start with this module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timezone, tzinfo
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from archive_service.archive.units import duration_s, size_bytes

_Value_co = TypeVar("_Value_co", covariant=True)
_Word = TypeVar("_Word", bound=str)
_Number = TypeVar("_Number", int, float)
_ON = frozenset(("1", "on", "t", "true", "y", "yes"))
_OFF = frozenset(("0", "off", "f", "false", "n", "no"))
_ASCII = (rb"\u0041", bytes(range(0x80)))
"""Bytes that an encoding has to leave as they are; the first reveals encodings with escapes."""
_BEYOND_ASCII = bytes(range(0x80, 0x100))
_MOST_ZONE_PARTS = 4


class Text(NamedTuple):
    """A text for documents, in both of their languages."""

    en: str
    ru: str


_BYTES = Text("bytes", "байты")


@dataclass(frozen=True, slots=True)
class ValueKind(Generic[_Value_co]):
    """What values a setting takes, and how a text becomes one of them."""

    parse: Callable[[str], _Value_co]
    """Raises ValueError, with a reason in a few words."""
    takes: Text
    metavar: str
    """The placeholder of the value in -h."""
    is_switch: bool = False
    """Whether the flag is a pair without a value: --debug and --no-debug."""
    is_choice: bool = False
    """Whether the placeholder has all values: {page,zip}."""


def number(least: int, most: int, *, zero: Text | None = None) -> ValueKind[int]:
    """Take a whole number; `zero` says what 0 stands for."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError("not a whole number") from None
        return _within(value, least, most)

    takes = Text(f"a number from {least} to {most}", f"число от {least} до {most}")
    return ValueKind(parse, _with_zero(takes, zero), "NUMBER")


def _with_zero(takes: Text, zero: Text | None) -> Text:
    """Append the meaning of 0, if it has one, to what a setting takes."""
    if zero is None:
        return takes
    return Text(f"{takes.en}; 0 means {zero.en}", f"{takes.ru}; 0 — {zero.ru}")


def seconds(least: float, most: int) -> ValueKind[float]:
    """Take a duration."""
    return ValueKind(
        lambda text: _within(duration_s(text), least, most), _takes_seconds(least, most), "SECONDS"
    )


def whole_seconds(least: int, most: int) -> ValueKind[int]:
    """Take a duration without a fraction of a second."""

    def parse(text: str) -> int:
        value = _within(duration_s(text), least, most)
        if not value.is_integer():
            raise ValueError("not a whole number of seconds")
        return int(value)

    return ValueKind(parse, _takes_seconds(least, most), "SECONDS")


def _takes_seconds(least: float, most: int) -> Text:
    return Text(
        f"{least} to {most} seconds, or a time such as 1m",
        f"от {least} до {most} секунд, можно с единицей, например 1m",
    )


def size(least: str, *, zero: Text | None = None, of: Text = _BYTES) -> ValueKind[int]:
    """Take a number of bytes from a least size on; `zero` says what 0 stands for."""

    def parse(text: str) -> int:
        value = size_bytes(text)
        if value < size_bytes(least) and (value or zero is None):
            raise ValueError("too small")
        return value

    takes = Text(
        f"{of.en} from {least} on; K, M and G are powers of 1000",
        f"{of.ru}, не меньше {least}; K, M и G — степени 1000",
    )
    return ValueKind(parse, _with_zero(takes, zero), "BYTES")


def rate() -> ValueKind[int]:
    """Take bytes per second; from 1K on, as proxies close slower connections, or 0 for no limit."""
    no_limit = Text("no limit", "без ограничения")
    return size("1K", zero=no_limit, of=Text("bytes per second", "байты в секунду"))


def switch() -> ValueKind[bool]:
    """Take on or off, by any of their usual names."""

    def parse(text: str) -> bool:
        word = text.strip().lower()
        if word not in _ON | _OFF:
            raise ValueError("neither on nor off")
        return word in _ON

    return ValueKind(parse, Text("on or off", "on или off"), "SWITCH", is_switch=True)


def choice(*words: _Word) -> ValueKind[_Word]:
    """Take one of some words, in any case of letters."""

    def parse(text: str) -> _Word:
        for word in words:
            if text.lower() == word:
                return word
        raise ValueError("unknown")

    *first, last = words
    takes = Text(f"{', '.join(first)} or {last}", f"{', '.join(first)} или {last}")
    return ValueKind(parse, takes, f"{{{','.join(words)}}}", is_choice=True)


def address() -> ValueKind[str]:
    """Take a name or an address; opening the port shows whether it is one of this machine."""
    takes = Text(
        "an address of this machine; :: means all of them",
        "адрес этой машины; :: — все её адреса",
    )
    return ValueKind(lambda text: without_nul(not_empty(text)), takes, "ADDRESS")


def directory() -> ValueKind[Path]:
    """Take a directory that need not exist yet."""
    takes = Text(
        "a directory, which is created if it is missing",
        "каталог; если его нет, он будет создан",
    )
    return ValueKind(lambda text: expanded(not_empty(text)), takes, "DIR")


def patterns() -> ValueKind[tuple[str, ...]]:
    """Take shell patterns separated by commas."""

    def parse(text: str) -> tuple[str, ...]:
        return tuple(pattern.strip() for pattern in text.split(",") if pattern.strip())

    takes = Text(
        "shell patterns separated by commas; a lone comma leaves nothing out",
        "шаблоны через запятую; одна запятая не исключает ничего",
    )
    return ValueKind(parse, takes, "PATTERNS")


def time_zone() -> ValueKind[str]:
    """Take a name of the time zone database."""

    def parse(text: str) -> str:
        if text.count("/") > _MOST_ZONE_PARTS:  # zoneinfo would look for a package for each part
            raise ValueError("unknown")
        try:
            zone_of(text)
        except (KeyError, OSError, ValueError):
            raise ValueError("unknown") from None
        return text

    takes = Text(
        "a name of the time zone database, such as Europe/Moscow",
        "имя из базы часовых поясов, например Europe/Moscow",
    )
    return ValueKind(parse, takes, "ZONE")


def zone_of(name: str) -> tzinfo:
    """Return the time zone of a name; raise KeyError, OSError or ValueError."""
    if name == "UTC":
        return timezone.utc
    # Imported for other zones: it takes a twentieth of the time to pack a small file.
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    return ZoneInfo(name)


def file_name_encoding() -> ValueKind[str]:
    """Take an encoding that leaves ASCII as it is."""

    def parse(text: str) -> str:
        try:
            is_usable = all(sample.decode(text) == sample.decode("ascii") for sample in _ASCII)
            _BEYOND_ASCII.decode(text, "replace")  # as names are decoded; "idna" fails here
        except (LookupError, UnicodeError):
            is_usable = False
        if not is_usable:
            raise ValueError("unknown")
        return text

    takes = Text(
        "the name of an encoding that contains ASCII, such as cp1251 or cp866",
        "имя кодировки, которая содержит ASCII, например cp1251 или cp866",
    )
    return ValueKind(parse, takes, "ENCODING")


class Secret:
    """A text that no log, no traceback and no `repr` shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret()"


def _within(value: _Number, least: float, most: float) -> _Number:
    if not least <= value <= most:
        raise ValueError("out of range")
    return value


def without_nul(text: str) -> str:
    """Reject a NUL: a file can hold one, but no flag and no variable."""
    if "\0" in text:
        raise ValueError("has a NUL in it")
    return text


def not_empty(text: str) -> str:
    """Reject an empty flag: an empty path would be the working directory, an empty host any."""
    if not text:
        raise ValueError("empty")
    return text


def expanded(text: str) -> Path:
    """Return a path, with a user's home in the place of `~`."""
    try:
        return Path(without_nul(text)).expanduser()
    except RuntimeError:
        raise ValueError("no such user") from None
