"""Command line flags, made from the settings' declarations."""

from __future__ import annotations

import os
import sys
from argparse import (
    SUPPRESS,
    Action,
    ArgumentParser,
    ArgumentTypeError,
    BooleanOptionalAction,
    Namespace,
    RawDescriptionHelpFormatter,
    _ActionsContainer,
)
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from archive_service.archive.id import ArchiveId, InvalidArchiveId
from archive_service.cli.console import USAGE_ERROR
from archive_service.config.setting_docs import (
    SettingDoc,
    docs_of,
    flag,
    groups_of,
    title_of,
    variable,
)

SETTINGS_OF_SERVICE = """\
settings:
  Those of the service, given in the same way: as a flag, as a variable of the
  environment, or in the file .env.  `archive-service serve -h` explains them.
"""
_USUAL_COLUMNS = 80


class AsWritten(RawDescriptionHelpFormatter):
    """Leaves descriptions as they are, and fits the rest to the terminal.

    argparse would ask shutil for the width, which loads three compressors: a twentieth of the time
    to pack a small file.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size().columns or _USUAL_COLUMNS
    except OSError:
        return _USUAL_COLUMNS


class OneLineParser(ArgumentParser):
    """Reports wrong arguments in one line."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - those of ArgumentParser
        super().__init__(allow_abbrev=False, **options)
        self.explanations: dict[Action, Callable[[], str]] = {}
        """What -h says of arguments, made when it is asked for: some defaults are looked up with
        libraries that a start does not need."""

    def format_help(self) -> str:
        """Return what -h prints."""
        for action, explanation in self.explanations.items():
            action.help = explanation()
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Print the message on one line and exit."""
        self.exit(USAGE_ERROR, f"{self.prog}: {message}; -h explains every parameter\n")

    def parse_mixed(self, arguments: Sequence[str] | None) -> Namespace:
        """Parse arguments, this process's if None; options may stand between the others.

        With a "--" they may not: parse_intermixed_args loses it.
        """
        given = sys.argv[1:] if arguments is None else arguments
        return self.parse_args(given) if "--" in given else self.parse_intermixed_args(given)


def hash_argument(text: str) -> ArchiveId:
    """Read an argument that is the hash of an archive; raise ArgumentTypeError."""
    try:
        return ArchiveId.parse(text)
    except InvalidArchiveId:
        reason = "takes letters, digits and - _ ~ . with no dot in front"
        raise ArgumentTypeError(reason) from None


def add_settings(parser: OneLineParser, settings: type) -> None:
    """Add a flag for each setting but secrets, under the headings of their groups."""
    for group in groups_of(settings):
        section = parser.add_argument_group(title_of(group).en, _of_secrets(group))
        for name, doc in docs_of(group).items():
            if not doc.is_secret:
                made = _add_flag(section, name, doc)
                parser.explanations[made] = partial(_escaped_help, name, doc)


def add_settings_of_service(parser: OneLineParser, settings: type) -> None:
    """Add the same flags without explanations: those of the service would bury the command's."""
    for name, doc in docs_of(settings).items():
        if not doc.is_secret:
            parser.explanations[_add_flag(parser, name, doc)] = lambda: SUPPRESS


def _add_flag(section: _ActionsContainer, name: str, doc: SettingDoc) -> Action:
    if doc.kind.is_switch:
        return section.add_argument(
            flag(name), action=BooleanOptionalAction, default=None, help=doc.summary
        )
    return section.add_argument(flag(name), metavar=doc.kind.metavar, help=doc.summary)


def _of_secrets(group: type) -> str | None:
    """Return what -h says of the secrets of a group; None if it has none."""
    texts = [
        f"A secret, which has no flag: {help_of(name, doc)}."
        for name, doc in docs_of(group).items()
        if doc.is_secret
    ]
    return " ".join(texts) or None


def given_settings(namespace: Namespace, settings: type) -> dict[str, str]:
    """Return the settings that the flags give, as text."""
    given = {name: getattr(namespace, name, None) for name in docs_of(settings)}
    return {name: _text(value) for name, value in given.items() if value is not None}


def _text(value: str | bool) -> str:  # noqa: FBT001 - what argparse makes of a pair of flags
    if isinstance(value, bool):
        return "on" if value else "off"
    return value


def _escaped_help(name: str, doc: SettingDoc) -> str:
    return help_of(name, doc).replace("%", "%%")


def help_of(name: str, doc: SettingDoc) -> str:
    """Return the help of a setting: summary, values that its flag does not show, and default."""
    is_shown = doc.kind.is_switch or doc.kind.is_choice
    takes = "" if is_shown else f"; takes {doc.kind.takes.en}"
    default = doc.default_text.replace(",", ", ") or "none"  # so that a line can end behind one
    return f"{doc.summary}{takes} [{variable(name)}, default {default}]"
