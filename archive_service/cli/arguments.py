"""Command line flags made of the settings, one for each."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Iterable, Mapping
from typing import NoReturn, get_args

from archive_service.config.format_settings import Told, flag, variable


class OneLineParser(ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message: str) -> NoReturn:
        """Say it and exit."""
        self.exit(2, f"{self.prog}: {message}; -h explains every parameter\n")


def add_settings(parser: ArgumentParser, settings: Mapping[str, Told]) -> None:
    """Add a flag for each setting.

    Values stay text: the settings parse them, wherever they come from.
    """
    for name, told in settings.items():
        text = help_of(name, told).replace("%", "%%")
        if told.annotation is bool:
            parser.add_argument(flag(name), action=BooleanOptionalAction, default=None, help=text)
        else:
            parser.add_argument(flag(name), metavar=_metavar(name, told), help=text)


def given_settings(namespace: Namespace, settings: Iterable[str]) -> dict[str, object]:
    """Return the settings that the flags give."""
    given = {name: getattr(namespace, name) for name in settings}
    return {name: value for name, value in given.items() if value is not None}


def help_of(name: str, told: Told) -> str:
    """Say what a setting does, what it takes, and by which variable."""
    default = told.default
    shown = ",".join(default) if isinstance(default, tuple) else str(default)
    if isinstance(default, bool):
        shown = "on" if default else "off"
    return f"{told.does}; takes {told.takes} [{variable(name)}, default {shown}]"


def _metavar(name: str, told: Told) -> str:
    choices = get_args(told.annotation)
    if all(isinstance(choice, str) for choice in choices) and choices:
        return "{" + ",".join(choices) + "}"
    return "SECONDS" if told.annotation is float else name.rpartition("_")[2].upper()
