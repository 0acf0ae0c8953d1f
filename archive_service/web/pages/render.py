"""Renders the pages a visitor may see, in Russian ("ru") and English ("en").

A page is one file: its style and script stand in it, and it loads nothing.  The first two admit
them by a nonce, as the Content-Security-Policy of its answer says, so a template must hold no
`style=` and no `on…=` attribute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from archive_service.web.pages.failure_messages import FAILURES
from archive_service.web.pages.page_messages import ARCHIVE, INDEX

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_UNITS = {"ru": ("Б", "КБ", "МБ", "ГБ", "ТБ"), "en": ("bytes", "KB", "MB", "GB", "TB")}
_POINT = {"ru": ",", "en": "."}
_GROUP = {"ru": "\u00a0", "en": ","}
_STEP = 1000
_WITH_A_DECIMAL = 10
_NO_BREAK = "\u00a0"


class AboutPart(NamedTuple):
    """What the page says of a part of the archive."""

    size_bytes: int
    link: str
    """Path and query."""


@dataclass(frozen=True, slots=True)
class AboutArchive:
    """What the page about an archive says."""

    name: str
    """Without the suffix; empty where the link gives none."""
    ending: str
    """Of a part's name."""
    size_bytes: int
    files: int
    link: str
    """Of the archive: path and query."""
    listed: Sequence[str]
    """The names to show."""
    parts: Sequence[AboutPart] = ()
    """The parts to offer."""


def render_index(language: str, *, example_albums: Sequence[str], nonce: str) -> str:
    """Return the index page, with links to the albums given and to no other."""
    return _template("index.html").render(
        language=language,
        nonce=nonce,
        words=INDEX[language],
        failures=FAILURES[language],
        example_albums=example_albums,
    )


def render_archive(language: str, about: AboutArchive, *, nonce: str) -> str:
    """Return the page about an archive."""
    words = INDEX[language].files[plural_category(about.files, language)]
    size = partial(size_text, language=language)
    return _template("archive.html").render(
        language=language,
        nonce=nonce,
        words=ARCHIVE[language],
        about=about,
        figures=f"{number_text(about.files, language)}\u00a0{words}, {size(about.size_bytes)}",
        size=size,
    )


def render_failure(language: str, status: int, key: str) -> str:
    """Return the page of a failure."""
    return _template("failure.html").render(
        language=language, nonce=None, status=status, words=FAILURES[language][key]
    )


def failure_text(language: str, key: str) -> str:
    """Return what happened in one sentence, without a full stop."""
    return FAILURES[language][key].title


@cache
def _template(name: str) -> Template:
    """Return a template; it is compiled for the first page that needs it."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    # Imported for the first page: many a process never shows one, and none needs one to start.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    return Environment(
        loader=PackageLoader("archive_service.web.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


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
