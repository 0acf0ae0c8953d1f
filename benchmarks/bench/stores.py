"""The object store for measuring: Ceph if it is installed, else moto's server."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.plan import REPOSITORY, CannotRun

if TYPE_CHECKING:
    from harness.s3 import Bucket

_CEPH = ("ceph", "ceph-mon", "ceph-osd", "radosgw")


@contextmanager
def store() -> Iterator[tuple[str, Bucket]]:
    """Run a store; yield its name and its bucket, as the tests have it."""
    sys.path.append(str(REPOSITORY / "tests"))
    try:
        ceph, moto = (importlib.import_module(f"harness.{name}") for name in ("ceph", "s3"))
    except ImportError as error:
        raise CannotRun(f"{error.name} is not installed: it is in the extra test") from None
    with TemporaryDirectory() as directory:
        if all(map(shutil.which, _CEPH)):
            with ceph.ceph(Path(directory)) as bucket:
                yield "Ceph RGW, all in memory", bucket
        elif shutil.which("moto_server"):
            with moto.moto(Path(directory)) as bucket:
                yield "moto", bucket
        else:
            raise CannotRun("neither Ceph nor moto's server is installed")
