"""Sets up logging: one line an event on standard error."""

from __future__ import annotations

import logging

from archive_service.observe.log_format import LineFormatter
from archive_service.observe.log_target import LogTarget


def configure_logging(level: str, form: str = "text") -> None:
    """Log events of a level and above: "debug", "info", "warning" or "error".

    The form is "text" or "json".
    """
    handler = LogTarget()
    handler.setFormatter(LineFormatter(form))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    _quieten_libraries()


def _quieten_libraries() -> None:
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    # Their lines hold keys and signatures; the caller logs what fails in them.
    for library in ("botocore", "aiobotocore"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
