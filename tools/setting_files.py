"""Write the files made from the settings: documents, `.env.example`, docker-compose.yml.

Run it from a checkout: `poetry run python tools/setting_files.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import wrap

from archive_service.config.setting_docs import (
    SettingDoc,
    docs_of,
    groups_of,
    title_of,
    variable,
)
from archive_service.config.settings import Settings

REPOSITORY = Path(__file__).resolve().parent.parent
_FIXED_IN_COMPOSE = frozenset(("photos_dir", "cache_dir", "host", "port"))
_HEAD_OF_ENV_EXAMPLE = frozenset(("photos_dir",))
_END_OF_HEAD = (
    "# With docker-compose HOST, PORT and CACHE_DIR are fixed: LISTEN stands in their place.\n"
)
_BEFORE_COMPOSE = "Made by tools/setting_files.py.\n"
_BEHIND_COMPOSE = "      # OpenTelemetry's own"
_COMMENT_WIDTH = 98
_BEFORE_GROUPS = "\n## "


def english(current: str) -> str:
    """Return docs/settings.md with new tables."""
    return _document(
        current,
        "| variable | default | values | meaning |",
        lambda group: title_of(group).en,
        lambda doc: (
            doc.shown_default.en if doc.shown_default else f"`{doc.default_text}`",
            doc.kind.takes.en,
            _joined(_sentence(doc.summary), doc.details, doc.is_secret and "A secret: no flag."),
        ),
    )


def russian(current: str) -> str:
    """Return docs/settings.ru.md with new tables."""
    return _document(
        current,
        "| переменная | по умолчанию | значения | смысл |",
        lambda group: title_of(group).ru,
        lambda doc: (
            doc.shown_default.ru if doc.shown_default else f"`{doc.default_text}`",
            doc.kind.takes.ru,
            _joined(doc.russian, doc.is_secret and "Секрет: флага нет."),
        ),
    )


def _document(
    current: str,
    heading: str,
    title: Callable[[type], str],
    cells: Callable[[SettingDoc], tuple[str, ...]],
) -> str:
    sections = [current.partition(_BEFORE_GROUPS)[0].rstrip() + "\n"]
    for group in groups_of(Settings):
        rows = [
            f"| {' | '.join((f'`{variable(name)}`', *cells(doc)))} |"
            for name, doc in docs_of(group).items()
        ]
        sections.append("\n".join((f"## {title(group)}\n", heading, "| --- " * 4 + "|", *rows, "")))
    return "\n".join(sections)


def _joined(*sentences: str | bool) -> str:
    return " ".join(str(each) for each in sentences if each)


def _sentence(summary: str) -> str:
    """Turn a summary of -h into a sentence, with code marked as code."""
    names = "|".join(map(variable, docs_of(Settings)))
    marked = re.sub(rf"(?<![\w`/])({names}|/(?:metrics|healthz|readyz))\b", r"`\1`", summary)
    return f"{marked[0].upper()}{marked[1:]}."


def env_example(current: str) -> str:
    """Return `.env.example` with its head and new settings."""
    head, end, _ = current.partition(_END_OF_HEAD)
    return head + end + "".join(_example_lines())


def _example_lines() -> Iterator[str]:
    for group in groups_of(Settings):
        yield f"\n# {title_of(group).en}\n\n"
        for name, doc in docs_of(group).items():
            if name not in _HEAD_OF_ENV_EXAMPLE:
                text = f"{_plain_sentence(doc)} Takes {doc.kind.takes.en}."
                yield "".join(f"# {line}\n" for line in wrap(text, _COMMENT_WIDTH))
                yield f"#{variable(name)}={doc.example or doc.default_text}\n"


def _plain_sentence(doc: SettingDoc) -> str:
    return f"{doc.summary[0].upper()}{doc.summary[1:]}."


def compose(current: str) -> str:
    """Return docker-compose.yml with a new list of settings."""
    head, start, rest = current.partition(_BEFORE_COMPOSE)
    _, end, tail = rest.partition(_BEHIND_COMPOSE)
    lines = [
        f"      {variable(name)}: {_handed_on(name, doc)}\n"
        for name, doc in docs_of(Settings).items()
        if name not in _FIXED_IN_COMPOSE
    ]
    return "".join((head, start, *lines, end, tail))


def _handed_on(name: str, doc: SettingDoc) -> str:
    # An empty value counts as unset, except for a setting that may not be empty.
    default = f"-{doc.default_text}" if doc.when_empty else ":-"
    return f"${{{variable(name)}{default}}}"


FILES: Mapping[str, Callable[[str], str]] = {
    "docs/settings.md": english,
    "docs/settings.ru.md": russian,
    ".env.example": env_example,
    "docker-compose.yml": compose,
}
"""For each file the function that makes its new text from the old one."""


if __name__ == "__main__":
    for name, make in FILES.items():
        path = REPOSITORY / name
        path.write_text(make(path.read_text(encoding="utf-8")), encoding="utf-8")
