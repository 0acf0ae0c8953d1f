"""Extracts the code in documents, to be run as a reader who copies it would."""

from __future__ import annotations

import re
import subprocess

from harness.server import REPOSITORY, environment

TIMEOUT_S = 120.0


def section(path: str, heading: str) -> str:
    """Return what a document of the repository has below a heading of the second level."""
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n## {heading}\n")
    assert found, f"{path} has no {heading!r}"
    return rest.partition("\n## ")[0] + "\n"


def blocks(text: str, language: str) -> list[str]:
    """Return the blocks of code that are in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def output_of(*command: str, **variables: str) -> str:
    """Run a command that has to be content; return what it prints."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(variables),
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()
