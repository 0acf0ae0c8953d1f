"""Command line flags made of the settings, one for each."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from typing import NoReturn, get_args

from pydantic.fields import FieldInfo

from archive_service.settings import (
    FormatSettings,
    flag,
    is_secret,
    takes,
    variable,
)


class OneLineParser(ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message: str) -> NoReturn:
        """Say it and exit."""
        self.exit(2, f"{self.prog}: {message}; -h explains every parameter\n")


def add_settings(parser: ArgumentParser, kind: type[FormatSettings]) -> None:
    """Add a flag for each setting, those of the archive's format last.

    Values stay text: the settings parse them, wherever they come from.
    """
    names = sorted(_with_flag(kind), key=lambda name: name in FormatSettings.model_fields)
    for name in names:
        field = kind.model_fields[name]
        if field.annotation is bool:
            parser.add_argument(
                flag(name), action=BooleanOptionalAction, default=None, help=_help(name, field)
            )
        else:
            parser.add_argument(flag(name), metavar=_metavar(name, field), help=_help(name, field))


def given_settings(namespace: Namespace, kind: type[FormatSettings]) -> dict[str, object]:
    """Return the settings that the flags give."""
    given = {name: getattr(namespace, name) for name in _with_flag(kind)}
    return {name: value for name, value in given.items() if value is not None}


def _with_flag(kind: type[FormatSettings]) -> list[str]:
    return [name for name, field in kind.model_fields.items() if not is_secret(field)]


def secrets(kind: type[FormatSettings]) -> str:
    """Tell of the settings that have no flag, as help does; each is off by default."""
    return " ".join(
        f"{variable(name)}: {_help(name, field)}."
        for name, field in kind.model_fields.items()
        if is_secret(field)
    )


def _metavar(name: str, field: FieldInfo) -> str:
    choices = get_args(field.annotation)
    if all(isinstance(choice, str) for choice in choices) and choices:
        return "{" + ",".join(choices) + "}"
    return "SECONDS" if field.annotation is float else name.rpartition("_")[2].upper()


def _help(name: str, field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    shown = ",".join(default) if isinstance(default, tuple) else str(default)
    if isinstance(default, bool):
        shown = "on" if default else "off"
    if is_secret(field):
        shown = "none"
    text = f"{field.description}; takes {takes(field)} [{variable(name)}, default {shown}]"
    return text.replace("%", "%%")
