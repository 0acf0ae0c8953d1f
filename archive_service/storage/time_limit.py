"""A time limit for what is awaited: asyncio's `timeout`, on Python 3.10 as well.

`asyncio.wait_for` loses a cancellation that comes together with the result, before Python 3.12: a
task that is stopped then goes on, and whoever waits for its end waits for ever.
"""

from __future__ import annotations

import sys

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:
    from async_timeout import timeout

__all__ = ["timeout"]
