"""Write the completion files of deploy/completion from the parsers; shtab makes them.

Run it from a checkout: `poetry run python tools/completions.py`.
"""

from __future__ import annotations

from argparse import Action, ArgumentParser
from importlib import import_module
from pathlib import Path

import shtab

from archive_service.cli.console import COMMAND
from archive_service.cli.subcommands import SUBCOMMANDS

DIRECTORY = Path(__file__).resolve().parent.parent / "deploy" / "completion"
FILES = {"bash": COMMAND, "zsh": f"_{COMMAND}"}
"""The files by shell, under the names that each shell looks for."""
_OF_FILES = ("files", "save")


def completion(shell: str) -> str:
    """Return the completion file for a shell."""
    return f"{shtab.complete(_whole(), shell).rstrip()}\n"


def _whole() -> ArgumentParser:
    whole = ArgumentParser(prog=COMMAND)
    subparsers = whole.add_subparsers()
    for name, does in SUBCOMMANDS.items():
        parser = import_module(f"archive_service.cli.{name}").parser()
        made = subparsers.add_parser(name, help=does, parents=[parser], add_help=False)
        for action in made._actions:  # noqa: SLF001 - argparse shows them nowhere else
            _complete(action)
    return whole


def _complete(action: Action) -> None:
    action.default = None
    # Only the summary: a default may belong to this machine.
    action.help = (action.help or "").partition(";")[0].partition(" [")[0]
    if action.dest in _OF_FILES:
        action.complete = shtab.FILE
    elif action.metavar == "DIR":
        action.complete = shtab.DIRECTORY


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for shell, name in FILES.items():
        (DIRECTORY / name).write_text(completion(shell))
