"""The keys that docker-compose.yml hands on to the service, as compose itself puts them in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from harness.server import REPOSITORY

KEY = "k3y-of-16-signs."
COMPOSES = (("docker-compose",), ("docker", "compose"))
FILES = ("docker-compose.yml", "deploy/docker-compose.front.yml")


@pytest.fixture(params=COMPOSES, ids=" ".join)
def compose(request: pytest.FixtureRequest) -> Sequence[str]:
    command: Sequence[str] = request.param
    try:
        subprocess.run([*command, "version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"no {' '.join(command)} on this machine")
    return command


@pytest.mark.parametrize(
    ("line", "handed_on"),
    [
        ("", "off"),
        ("SIGNING_KEYS=off", "off"),
        ("SIGNING_KEYS=", ""),
        (f"SIGNING_KEYS={KEY}", KEY),
    ],
)
def test_keys_are_off_only_where_nobody_has_set_them(
    tmp_path: Path, compose: Sequence[str], line: str, handed_on: str
) -> None:
    (tmp_path / "deploy").mkdir()
    for name in FILES:
        shutil.copy(REPOSITORY / name, tmp_path / name)
    needed = "PHOTOS_DIR=.\nSITE_DIR=.\nTLS_CERTIFICATE=./a\nTLS_KEY=./b\n"
    (tmp_path / ".env").write_text(f"{needed}{line}\n")
    variables = {name: value for name, value in os.environ.items() if name != "SIGNING_KEYS"}
    made = subprocess.run(
        [*compose, *(f"--file={name}" for name in FILES), "config"],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    environment = yaml.safe_load(made.stdout)["services"]["archive"]["environment"]
    assert environment["SIGNING_KEYS"] == handed_on
