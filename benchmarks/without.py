"""Measure what one optimisation is worth: this build beside a copy that lacks it.

    python benchmarks/without.py NAME ... [--rounds N] [--quick] [--data DIR]
    python benchmarks/without.py --list

The copy is a worktree of the last commit in which some lines are replaced; it is removed at the
end.  `run.py --against` then asks both in turn, in the scenarios that the optimisation is for.
In the tables "service" has it and "other build" does not.  What shows no tenth anywhere is not
worth its code.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.album_optimisations import OF_ALBUMS
from bench.download_optimisations import OF_DOWNLOADS
from bench.replacement import Replacement

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
_PACKAGE = "archive_service"
OPTIMISATIONS = {**OF_ALBUMS, **OF_DOWNLOADS}


def main() -> int:
    """Compare with a copy that lacks each of the named."""
    parser = argparse.ArgumentParser(description="Measure what an optimisation is worth.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(OPTIMISATIONS))
    parser.add_argument("--list", action="store_true", help="print the names")
    options, rest = parser.parse_known_args()
    if unknown := set(options.names) - OPTIMISATIONS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if options.list or not options.names:
        for name, optimisation in OPTIMISATIONS.items():
            print(f"{name:18} {optimisation.summary} ({', '.join(optimisation.scenarios)})")
        return 0
    return max(_measured(name, rest) for name in options.names)


def _measured(name: str, rest: Sequence[str]) -> int:
    print(f"\n# without {name}\n", flush=True)
    optimisation = OPTIMISATIONS[name]
    with _worktree() as copy:
        for replacement in optimisation.replacements:
            replace_in(copy, replacement)
        command = [sys.executable, str(HERE / "run.py"), "--against", str(copy), *rest]
        command += ["--only", *optimisation.scenarios]
        return subprocess.run(command, check=False).returncode


def replace_in(repository: Path, replacement: Replacement) -> None:
    """Replace a text; raise ValueError unless the file has it once."""
    path = repository / _PACKAGE / replacement.path
    text = path.read_text(encoding="utf-8")
    if text.count(replacement.old) != 1:
        raise ValueError(f"{replacement.path} does not have {replacement.old!r} once")
    path.write_text(text.replace(replacement.old, replacement.new), encoding="utf-8")


@contextmanager
def _worktree() -> Iterator[Path]:
    git = ["git", "-C", str(REPOSITORY), "worktree"]
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "copy")
        subprocess.run([*git, "add", "--quiet", "--detach", str(copy)], check=True)
        try:
            yield copy
        finally:
            subprocess.run([*git, "remove", "--force", str(copy)], check=True)


if __name__ == "__main__":
    sys.exit(main())
