"""The bar that `main.py` shows on a terminal while it packs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(total_bytes: int) -> Iterator[Callable[[int], object]]:
    """Show a bar on standard error, if that is a terminal; yield what takes each count of bytes."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _count: None
        return
    # Imported only for a terminal: the import takes as long as packing a thousand files.
    from tqdm import tqdm  # noqa: PLC0415

    with tqdm(total=total_bytes, unit="B", unit_scale=True, dynamic_ncols=True) as bar:
        yield bar.update
