"""A server that obeys file permissions even if root runs the tests."""

from __future__ import annotations

import os

from harness.readers import need


def without_override() -> list[str]:
    """Return a launcher for `serving`: root stays who it is, but may not read everything."""
    if os.geteuid():
        return []
    need("setpriv")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
