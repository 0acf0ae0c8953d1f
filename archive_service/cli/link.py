"""The command `archive-service link`: prints a signed link that expires.

Exit statuses: 0 printed; 2 refused.
"""

from __future__ import annotations

import re
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from contextlib import suppress

from archive_service.archive.signed_link import LATEST_EXPIRY_S, Link
from archive_service.archive.units import DURATION_UNITS, duration_s
from archive_service.cli.arguments import OneLineParser, hash_argument
from archive_service.cli.console import (
    USAGE_ERROR,
    complain,
    quiet_on_closed_pipe,
    refusing_wrong_settings,
)
from archive_service.config.environment import load_group
from archive_service.config.groups.signing_settings import SigningSettings
from archive_service.http.content_disposition import MAX_NAME_CHARACTERS, is_download_name

_DEFAULT_LIFE = "7d"
_BASE = re.compile(r"https?://[^\s?#]+")
_UNIX_TIME = re.compile("[0-9]{1,12}")
_KEYLESS = (
    "SIGNING_KEYS is not set, or off, so links need no signature. To sign links, give the same"
    " SIGNING_KEYS to the service and to this command, in the environment or in .env;"
    " openssl rand -hex 32 makes a key"
)


@quiet_on_closed_pipe
@refusing_wrong_settings
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the link that the arguments describe; return the exit status."""
    options = parser().parse_args(arguments)
    keys = load_group(SigningSettings, {}).signing_keys
    if not keys:
        return _refuse(_KEYLESS)
    now_s = int(time.time())
    expires_s = now_s + options.life_s if options.expires_s is None else options.expires_s
    if not now_s < expires_s <= LATEST_EXPIRY_S:
        return _refuse(
            f"the link would expire at {expires_s};"
            f" takes a time after now, {now_s}, and up to {LATEST_EXPIRY_S}"
        )
    names = () if options.name is None else (options.name,)
    link = Link(options.hash.value, expires_s, names, options.file)
    print((options.base or "") + link.signed(keys[0].reveal().encode()))
    return 0


def parser() -> ArgumentParser:
    """Return the parser of the command's arguments."""
    made = OneLineParser(
        description="Print a signed link to an archive, whether the archive exists or not.",
        epilog="The first key of SIGNING_KEYS signs the link; the service must have the same key.  "
        "The setting is read from the environment, or else from the file .env.",
    )
    made.add_argument(
        "hash", metavar="HASH", type=hash_argument, help="name of the album's directory"
    )
    made.add_argument("--name", type=_name, help="the file name that the archive is saved under")
    made.add_argument(
        "--file",
        type=_file,
        action="append",
        default=[],
        help="a file of the album, or with a slash behind it a directory; may be repeated",
    )
    _add_expiry(made)
    made.add_argument(
        "--base",
        type=_base,
        help="what the link begins with, such as https://example.org; without it, /archive/",
    )
    return made


def _add_expiry(made: ArgumentParser) -> None:
    moment = made.add_mutually_exclusive_group()
    moment.add_argument(
        "--expires-in",
        dest="life_s",
        metavar="TIME",
        type=_life_s,
        default=_DEFAULT_LIFE,
        help="how long the link works, such as 90m, 12h, 7d or 2w (default %(default)s)",
    )
    moment.add_argument(
        "--expires",
        dest="expires_s",
        metavar="UNIX",
        type=_unix_time,
        help="the Unix second at which it ends",
    )


def _name(text: str) -> str:
    if not is_download_name(text.strip()):
        raise ArgumentTypeError(
            f"takes 1 to {MAX_NAME_CHARACTERS} characters without / \\ and control characters"
        )
    return text


def _file(text: str) -> str:
    # Invalid UTF-8 in an argument becomes lone surrogates, which a link can't hold.
    if not text or text.encode("utf-8", "ignore").decode() != text:
        raise ArgumentTypeError("takes the name of a file as manifest.json has it")
    return text


def _life_s(text: str) -> int:
    with suppress(ValueError):
        # A number without a unit could be meant as days.
        if text.endswith(DURATION_UNITS) and (life_s := int(duration_s(text))) > 0:
            return life_s
    raise ArgumentTypeError("takes a number and s, m, h, d or w, such as 12h or 7d")


def _unix_time(text: str) -> int:
    if not _UNIX_TIME.fullmatch(text):
        raise ArgumentTypeError("takes a Unix time in seconds, such as 1790000000")
    return int(text)


def _base(text: str) -> str:
    if not _BASE.fullmatch(text):
        raise ArgumentTypeError("takes the address of a site, such as https://example.org")
    return text.rstrip("/")


def _refuse(reason: str) -> int:
    complain(reason)
    return USAGE_ERROR
