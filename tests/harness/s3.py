"""A store that speaks S3, and a bucket in it: moto's server as a process of its own.

It holds checksums and entity tags as S3 does.  It believes any credentials, and takes no key with
an empty or dotted component: what depends on these is tried with Ceph, in `tests/s3/test_ceph.py`.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.session import get_session
from harness.conditions import eventually
from harness.readers import need
from harness.server import START_TIMEOUT_S, environment

BUCKET, PREFIX = "albums-of-a-site", "photos"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-tests",
    "AWS_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}

PAGE_KEYS = 20
"""What moto lists in one answer: to upload more than a thousand objects to it takes long."""
_SMALL_PAGES = {"MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE_KEYS)}


class Bucket:
    """The bucket, as who uploads to it sees it."""

    def __init__(self, endpoint: str, credentials: Mapping[str, str] = CREDENTIALS) -> None:
        self.endpoint = endpoint
        self.client: Any = get_session().create_client(
            "s3",
            endpoint_url=endpoint,
            region_name=credentials["AWS_REGION"],
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            # Or else the store would hold a checksum of each object.
            config=Config(request_checksum_calculation="when_required"),
        )
        self._credentials = credentials

    @property
    def url(self) -> str:
        return f"s3://{BUCKET}/{PREFIX}"

    def variables(self, endpoint: str = "") -> dict[str, str]:
        """Return what a service needs to find the bucket."""
        return {**self._credentials, "AWS_ENDPOINT_URL": endpoint or self.endpoint}

    def make(self, **more: object) -> None:
        self.client.create_bucket(Bucket=BUCKET, **more)

    def put(self, path: str, data: bytes, **more: str) -> str:
        """Upload an object below the prefix; return its entity tag."""
        answer = self.client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{path}", Body=data, **more)
        return str(answer["ETag"])

    def put_album(self, name: str, files: Mapping[str, bytes]) -> None:
        """Upload an album; a name with a trailing slash is a marker."""
        for path, data in files.items():
            self.put(f"{name}/{path}", data)

    def remove(self, path: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=f"{PREFIX}/{path}")


@contextmanager
def moto(directory: Path) -> Iterator[Bucket]:
    """Run the store with an empty bucket until the block ends; what it says is kept in a file."""
    need("moto_server")
    said = directory / "moto.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            ["moto_server", "-H", "127.0.0.1", "-p", "0"],
            env={**environment(), "PYTHONWARNINGS": "ignore", **_SMALL_PAGES},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        found = eventually(
            lambda: re.search(r"Running on (http://127\.0\.0\.1:\d+)", said.read_text()),
            within_s=START_TIMEOUT_S,
        )
        bucket = Bucket(found[1])
        where = {"LocationConstraint": CREDENTIALS["AWS_REGION"]}
        bucket.make(CreateBucketConfiguration=where)
        yield bucket
        bucket.client.close()
    finally:
        process.kill()
        process.wait()
