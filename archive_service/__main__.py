"""`python -m archive_service` is the command `archive-service`."""

import sys

from archive_service.cli.subcommands import main

if __name__ == "__main__":
    sys.exit(main())
