"""Reads the address of albums in an object store from PHOTOS_DIR."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

SCHEME = "s3://"
Addressing = Literal["auto", "path", "virtual"]
"""Where a request names the bucket; "auto" leaves it to botocore."""
# The names of buckets in any store: S3 itself rejects capitals and `_`, older stores accept them.
_URL = re.compile(r"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,254})(?:/(?P<prefix>[^\0]*))?")


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket, and the prefix of all albums' keys."""

    bucket: str
    prefix: str = ""
    """Empty, or ends in a slash."""
    addressing: Addressing = field(default="auto", compare=False)

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
