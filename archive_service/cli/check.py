"""The command `archive-service check`: checks the set-up of the service on this machine.

Exit statuses: 0 nothing is wrong; 1 something is wrong; 2 a setting is invalid.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from archive_service.cli.arguments import OneLineParser, add_settings, given_settings
from archive_service.cli.console import quiet_on_closed_pipe, refusing_wrong_settings
from archive_service.cli.doctor.findings import Severity
from archive_service.cli.doctor.inspection import all_findings
from archive_service.config.settings import Settings, load_settings

_WRONG = 1


@quiet_on_closed_pipe
@refusing_wrong_settings
def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each check; return the exit status."""
    settings = load_settings(given_settings(parser().parse_args(arguments), Settings))
    found = list(all_findings(settings))
    for severity, subject, text in found:
        print(f"{severity.value:<7}{subject:<12}{text}")
    return _WRONG if any(severity is Severity.WRONG for severity, _, _ in found) else 0


def parser() -> ArgumentParser:
    """Return the parser of the command's arguments."""
    made = OneLineParser(
        description="Check the service here: settings, permissions, limits "
        "and index.  Run it as the user that the service runs as, with the same settings.",
        epilog="exit status: 0 nothing is wrong, 1 something is, 2 a setting is",
    )
    add_settings(made, Settings)
    return made
