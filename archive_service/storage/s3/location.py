"""Where albums lie in an object store, as PHOTOS_DIR names it."""

from __future__ import annotations

import re
from dataclasses import dataclass

SCHEME = "s3://"
# What buckets are called anywhere: S3 itself takes no capitals and no `_`, older stores do.
_URL = re.compile(r"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,254})(?:/(?P<prefix>[^\0]*))?")


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket, and what the keys of all albums in it begin with."""

    bucket: str
    prefix: str = ""
    """Empty or with a slash at its end."""

    @classmethod
    def parse(cls, text: str) -> S3Location:
        """Read an address such as s3://bucket/prefix; raise ValueError."""
        match = _URL.fullmatch(text)
        if match is None:
            raise ValueError("no address of a bucket")
        prefix = (match["prefix"] or "").strip("/")
        return cls(match["bucket"], prefix and prefix + "/")

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")
