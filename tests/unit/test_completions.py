"""The completion files of deploy/: those that the parsers make, and of use in a shell."""

from __future__ import annotations

import subprocess

import pytest
from harness.readers import need
from harness.server import REPOSITORY
from harness.tools import tool

from archive_service.cli.subcommands import SUBCOMMANDS
from archive_service.config.setting_docs import docs_of, flag
from archive_service.config.settings import Settings


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_files_are_those_that_the_parsers_make(shell: str) -> None:
    made = tool("completions")
    found = (made.DIRECTORY / made.FILES[shell]).read_text()
    assert found == made.completion(shell), "run: poetry run python tools/completions.py"
    assert "/root" not in found
    assert str(REPOSITORY) not in found


def completed(*words: str) -> set[str]:
    """Return what bash offers for the last word."""
    need("bash")
    script = """
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _shtab_archive_service
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    file = REPOSITORY / "deploy" / "completion" / "archive-service"
    done = subprocess.run(
        ["bash", "-c", script, "bash", file, *words], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_bash_completes_subcommands_and_flags() -> None:
    assert set(SUBCOMMANDS) <= completed("archive-service", "")
    assert completed("archive-service", "ch") == {"check"}
    assert completed("archive-service", "serve", "--max-downloads-") == {
        "--max-downloads-per-client"
    }
    flags = {flag(name) for name, doc in docs_of(Settings).items() if not doc.is_secret}
    assert flags <= completed("archive-service", "serve", "--")
