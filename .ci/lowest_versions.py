"""Print the lowest versions of the dependencies that pyproject.toml allows, as pip takes them."""

from __future__ import annotations

import re
from pathlib import Path

import tomllib

_EXTRAS = ("redis", "postgres", "s3", "tracing")
_LOWER_BOUND = re.compile(r"(?P<name>[\w.-]+(\[\w+\])?)>=(?P<version>[\w.]+)[^;]*(?P<marker>;.*)?")


def main() -> None:
    """Print one line for each; those without a lower bound are left to pip."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (project["optional-dependencies"][name] for name in _EXTRAS)
    for requirement in (*project["dependencies"], *(each for extra in extras for each in extra)):
        if bound := _LOWER_BOUND.fullmatch(requirement):
            print(f"{bound['name']}=={bound['version']}{bound['marker'] or ''}")


if __name__ == "__main__":
    main()
