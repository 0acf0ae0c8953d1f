"""The command `archive-service check`: checks the set-up of the service on this machine.

Exit statuses: 0 nothing is wrong; 1 something is wrong; 2 a setting is invalid.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from archive_service.cli.arguments import (
    SETTINGS_OF_SERVICE,
    AsWritten,
    OneLineParser,
    add_settings_of_service,
    given_settings,
)
from archive_service.cli.console import quiet_on_closed_pipe, refusing_wrong_settings
from archive_service.cli.doctor.findings import Severity
from archive_service.cli.doctor.inspection import all_findings
from archive_service.config.settings import Settings, load_settings

_WRONG = 1
_DESCRIPTION = """\
Check the service on this machine: settings, permissions, limits and index.
Run it as the user of the service, with the settings of the service.
"""
_EPILOG = f"""\
output:
  One line for each check: good, advice (it works, but could be better) or
  wrong, with what to do.

{SETTINGS_OF_SERVICE}
exit status:
  0  nothing is wrong
  1  something is wrong
  2  an argument or a setting is wrong
"""


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
        usage="%(prog)s [-h] [SETTINGS]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=AsWritten,
    )
    add_settings_of_service(made, Settings)
    return made
