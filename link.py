"""Print a signed link; `python link.py -h` explains every parameter."""

import sys

from archive_service.cli.link import main

if __name__ == "__main__":
    sys.exit(main())
