"""The manifest: what a CMS prints beside the link to an archive."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from archive_service.archive.representation import Representation

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST_S = int((datetime.max.replace(tzinfo=timezone.utc) - _EPOCH).total_seconds())
_EARLIEST_S = int((datetime.min.replace(tzinfo=timezone.utc) - _EPOCH).total_seconds())
_NS_PER_S = 1_000_000_000


def manifest(representation: Representation) -> bytes:
    """Return the manifest as JSON: exact size, count, names, sizes, times, renames."""
    layout = representation.layout
    files = [
        _file(representation, entry) for entry in range(layout.entries) if layout.is_file(entry)
    ]
    body = {
        "size": representation.complete_length,
        "count": len(files),
        "etag": representation.etag,
        "files": files,
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _file(representation: Representation, entry: int) -> dict[str, str | int]:
    layout = representation.layout
    name, original = representation.name(entry), representation.original_name(entry)
    described: dict[str, str | int] = {
        "name": name,
        "size": layout.sizes[entry],
        "modified": _timestamp(layout.mtimes_ns[entry] // _NS_PER_S),
    }
    if original != name:
        described["original"] = original
    return described


def _timestamp(seconds: int) -> str:
    """Print a Unix second as RFC 3339 asks, clamped to the years that it knows."""
    moment = _EPOCH + timedelta(seconds=min(max(seconds, _EARLIEST_S), _LATEST_S))
    return moment.replace(tzinfo=None).isoformat() + "Z"
