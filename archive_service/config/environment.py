"""The environment and `.env`: where settings come from, and the mistakes that stop the start.

A flag beats the environment, the environment beats `.env`, and `.env` beats the default.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from archive_service.archive.errors import SettingsError
from archive_service.config.setting_docs import SettingDoc, docs_of, variable, wrong_value

_ENV_FILE = ".env"
_ENV_FILE_ENCODING = "utf-8-sig"
"""Windows' Notepad puts a byte order mark in front, which is no part of the first name."""
_LIKENESS = 0.83
"""SIGNING_KEY, PHOTO_DIR and TIME_ZONE are closer to a setting; JWT_SIGNING_KEY and DB_HOST are
not."""

_Settings = TypeVar("_Settings")


def load_group(settings: type[_Settings], given: Mapping[str, str]) -> _Settings:
    """Read the settings of a group, or of all; `given` are those of the command line.

    Raise SettingsError.
    """
    docs = docs_of(settings)
    file = checked_env_file(docs)
    texts = {**_filled(file), **_filled(os.environ), **given}
    values: dict[str, object] = {}
    for name, doc in docs.items():
        text = texts.get(name)
        if text is None:
            text = doc.default_text  # looked up with libraries that are needed for nothing else
        try:
            values[name] = doc.kind.parse(text)
        except ValueError as error:
            raise wrong_value(settings, name, text, reason=str(error)) from None
    return settings(**values)


def checked_env_file(docs: Mapping[str, SettingDoc]) -> Mapping[str, str | None]:
    """Return what `.env` has; reject mistakes in it and in the environment."""
    file = _env_file()
    _reject_misspelt(file, docs)
    _reject_empty(file, docs)
    return file


def put_aws_variables_in_environment() -> None:
    """Put the AWS_ variables of `.env` where botocore looks for them: it reads no `.env`."""
    for name, value in _env_file().items():
        if name.startswith("AWS_") and value:
            os.environ.setdefault(name, value)


def _env_file() -> Mapping[str, str | None]:
    path = Path(_ENV_FILE)
    try:
        if path.is_dir():  # Docker makes one where it mounts a file that is missing
            raise SettingsError(f"{_ENV_FILE}: is a directory, takes a file")
        return _read(path) if path.exists() else {}
    except OSError as error:
        raise SettingsError(f"{_ENV_FILE}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{_ENV_FILE}: takes UTF-8 text only") from None


def _read(path: Path) -> Mapping[str, str | None]:
    # Imported where there is a file: it takes a tenth of the time that a link takes.
    from dotenv import dotenv_values  # noqa: PLC0415
    from dotenv.parser import parse_stream  # noqa: PLC0415

    with path.open(encoding=_ENV_FILE_ENCODING) as file:
        for binding in parse_stream(file):
            if binding.error:
                line = binding.original.line
                raise SettingsError(f"{_ENV_FILE}: line {line} can't be read, takes NAME=value")
    return dotenv_values(path, encoding=_ENV_FILE_ENCODING)


def _reject_misspelt(names: Iterable[str], docs: Mapping[str, SettingDoc]) -> None:
    """Reject a name that is nearly a setting's: its writer believes the setting to be set.

    Other names belong to compose or to other programs.
    """
    ours = list(map(variable, docs))
    for name in names:
        written = name.upper()
        # HOST2 is another thing than HOST, not a mistake in it.
        if written.rstrip("0123456789") in ours:
            continue
        for near in _alike(written, ours):
            raise SettingsError(
                f"{_ENV_FILE}: {name!r} is no setting; is it {near}? Rename it, or remove it"
            )


def _alike(name: str, ours: Sequence[str]) -> list[str]:
    # Imported where a file has another name: few have, and it takes 1.6 ms of CPU time.
    from difflib import get_close_matches  # noqa: PLC0415

    return get_close_matches(name, ours, n=1, cutoff=_LIKENESS)


def _reject_empty(file: Mapping[str, str | None], docs: Mapping[str, SettingDoc]) -> None:
    """Reject an empty value where it would switch off what keeps others out."""
    found = {name.lower(): value for each in (file, os.environ) for name, value in each.items()}
    for name, doc in docs.items():
        if doc.when_empty and name in found and not found[name]:
            raise SettingsError(f"{variable(name)}: is set, but empty. {doc.when_empty}")


def _filled(variables: Mapping[str, str | None]) -> dict[str, str]:
    return {name.lower(): value for name, value in variables.items() if value}
