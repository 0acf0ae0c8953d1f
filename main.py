"""Pack files into a zip archive; `python main.py -h` explains every parameter."""

import sys

from archive_service.cli.subcommands import run

if __name__ == "__main__":
    sys.exit(run("pack"))
