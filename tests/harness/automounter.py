"""An automounter's directory, as of autofs with `nobrowse`: empty until a name is used."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def automounter(directory: Path) -> Iterator[None]:
    """Mount one on a directory for the length of a block.

    Nothing listens to it, so the kernel finds no name there.
    """
    if os.geteuid():
        pytest.skip("only root can mount")
    reader, writer = os.pipe()
    try:
        options = f"fd={writer},pgrp={os.getpgrp()},minproto=5,maxproto=5,indirect"
        command = ["mount", "-t", "autofs", "-o", options, "none", str(directory)]
        if subprocess.run(command, pass_fds=[writer], check=False, capture_output=True).returncode:
            pytest.skip("this kernel has no autofs, or permits no mounts")
    finally:
        os.close(reader)
        os.close(writer)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)
