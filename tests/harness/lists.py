"""Lists written for a test, as a site writes them."""

from __future__ import annotations

import json
from pathlib import Path

ORDER = "order-1234"


def write_list(lists_dir: Path, document: object, name: str = ORDER) -> Path:
    """Write a list by rename; bytes are written as they are."""
    lists_dir.mkdir(parents=True, exist_ok=True)
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    written = lists_dir / f".{name}.new"
    written.write_bytes(content)
    target = lists_dir / f"{name}.json"
    written.replace(target)
    return target
