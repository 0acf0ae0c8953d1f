"""Pack files into a zip archive; `python main.py -h` explains every parameter."""

import sys

from archive_service.cli.pack import main

if __name__ == "__main__":
    sys.exit(main())
