"""What a setting is: its kind of value, its default, and its words for -h and the documents.

A setting is declared once, as a field of a class in `config/groups`.  Its flag, its variable, its
errors and the files that `tools/setting_files.py` writes all come from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from archive_service.archive.errors import SettingsError
from archive_service.config.values import Text, ValueKind

_KEY = "setting"
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """A setting in words."""

    kind: ValueKind[object]
    default: str | Callable[[], str]
    """As text, parsed like any other; a function where it depends on the machine."""
    summary: str
    """What the setting is, for -h: a few plain words without a full stop."""
    russian: str
    """The sentences of the Russian document."""
    details: str = ""
    """The sentences that follow the summary in the English document."""
    shown_default: Text | None = None
    """What documents show in place of the default, where the text itself would say nothing."""
    example: str = ""
    """What `.env.example` has in place of the default."""
    is_secret: bool = False
    """Has no flag, because every user of a machine can see the arguments; is never shown."""
    when_empty: str = ""
    """What to do where the variable is set and empty; without it an empty one counts as unset."""

    @property
    def default_text(self) -> str:
        """The default on this machine."""
        return self.default if isinstance(self.default, str) else self.default()

    def is_default(self, value: object) -> bool:
        """Return whether a value is the default."""
        try:
            return bool(self.kind.parse(self.default_text) == value)
        except ValueError:  # the shipped albums are missing
            return False


def setting(
    kind: ValueKind[_Value],
    default: str | Callable[[], str],
    **words: Any,  # noqa: ANN401 - the fields of SettingDoc
) -> _Value:
    """Declare a setting, as `dataclasses.field` would; the words are the fields of SettingDoc."""
    declared: _Value = field(metadata={_KEY: SettingDoc(kind, default, **words)})
    return declared


def groups_of(settings: type) -> Sequence[type]:
    """Return the classes of `config/groups` that settings consist of, in the documents' order."""
    return (settings,) if "TITLE" in vars(settings) else settings.__bases__


def title_of(group: type) -> Text:
    """Return the heading of a group."""
    title: Text = vars(group)["TITLE"]
    return title


def docs_of(settings: type) -> dict[str, SettingDoc]:
    """Return the settings of a class by name, in the documents' order."""
    return {
        each.name: each.metadata[_KEY] for group in groups_of(settings) for each in fields(group)
    }


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return name.upper()


def flag(name: str) -> str:
    """Return the command line flag of a setting."""
    return "--" + name.replace("_", "-")


def wrong_value(settings: type, name: str, got: str, *, reason: str = "") -> SettingsError:
    """Say what a setting got, why that is wrong, and what it takes."""
    doc = docs_of(settings)[name]
    why = f" ({reason})" if reason else ""
    if doc.is_secret:
        return SettingsError(f"{variable(name)}: wrong value{why}, takes {doc.kind.takes.en}")
    return SettingsError(
        f"{variable(name)} ({flag(name)}): got {got!r}{why}, takes {doc.kind.takes.en}"
    )
