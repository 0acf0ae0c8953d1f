"""Compile the optional part, which reads small files without the interpreter's lock.

pip and Poetry run it when they install the project.  Without a compiler or Python's headers it
prints a note and succeeds: the service then does the same in Python, with more CPU time.
"""

from __future__ import annotations

import shlex
import subprocess  # nosec B404 # one call, below
import sys
import sysconfig
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "archive_service"
SOURCE = PACKAGE / "storage" / "local" / "_smallfiles.c"


def main() -> None:
    """Make the module beside its source, for the Python that runs this."""
    linker, flags = (shlex.split(sysconfig.get_config_var(name)) for name in ("LDSHARED", "CFLAGS"))
    target = SOURCE.with_suffix(sysconfig.get_config_var("EXT_SUFFIX"))
    target.unlink(missing_ok=True)
    include = f"-I{sysconfig.get_path('include')}"
    command = [*linker, *flags, "-fPIC", include, str(SOURCE), "-o", str(target)]
    try:
        # No shell, and nothing but what Python itself was built with.
        subprocess.run(command, check=True, capture_output=True, text=True)  # nosec B603 # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"Not compiled, so small files are read in Python: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
