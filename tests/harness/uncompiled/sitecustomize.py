"""Makes a Python that finds no compiled part of the service, as on a machine without a compiler."""

import sys

sys.modules["archive_service.storage.local._smallfiles"] = None  # type: ignore[assignment]
sys.modules["archive_service.storage._smallfiles"] = None  # type: ignore[assignment]
