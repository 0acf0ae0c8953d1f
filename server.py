"""Serve archives; `python server.py -h` explains every parameter."""

import sys

from archive_service.cli.serve import main

if __name__ == "__main__":
    sys.exit(main())
