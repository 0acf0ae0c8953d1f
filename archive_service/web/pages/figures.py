"""Sizes and numbers as people read them, in Russian and English."""

from __future__ import annotations

_UNITS = {"ru": ("Б", "КБ", "МБ", "ГБ", "ТБ"), "en": ("bytes", "KB", "MB", "GB", "TB")}
_POINT = {"ru": ",", "en": "."}
_GROUP = {"ru": "\u00a0", "en": ","}
_STEP = 1000
_WITH_A_DECIMAL = 10
_NO_BREAK = "\u00a0"


def size_text(size_bytes: int, language: str) -> str:
    """Print a size in units of powers of 1000, as disks and browsers do."""
    units, size, unit = _UNITS[language], float(size_bytes), 0
    while round(size) >= _STEP and unit < len(units) - 1:
        size, unit = size / _STEP, unit + 1
    digits = 1 if unit and round(size, 1) < _WITH_A_DECIMAL else 0
    number = f"{size:.{digits}f}".replace(".", _POINT[language])
    return f"{number}{_NO_BREAK}{units[unit]}"


def number_text(number: int, language: str) -> str:
    """Print a number with its thousands separated."""
    return f"{number:,}".replace(",", _GROUP[language])


def plural_category(number: int, language: str) -> str:
    """Return the plural category that CLDR has for a whole number."""
    if language == "en":
        return "one" if number == 1 else "other"
    if number % 10 == 1 and number % 100 != 11:
        return "one"
    if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14):
        return "few"
    return "many"
